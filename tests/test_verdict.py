"""What is said of a host, out of what several places tried; and probes of this very machine."""

import socket
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, lab_estate

from drp import probes, verdict
from drp.verdict import State, Try
from effects.onhost import probing
from estate.model import Estate

PLACES = {"control": "control", "twin1": "strasbourg", "vault-odd": "gravelines", "vault-even": "limburg"}
Heard = dict[str, bool | None]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def tried(host: str, heard: Heard, how: str = "ping", about: str = "") -> list[Try]:
    return [
        Try(place, host, how, "10.84.1.10", about, alive, alive is True, "0.3 ms" if alive else "no answer", T0)
        for place, alive in heard.items()
    ]


def web1(heard: Heard, *others: Try) -> tuple[State, str]:
    """Each place that looked hears somebody else."""
    well = [one for place in heard for one in tried("ns2", {place: True})]
    one = verdict.of_host("web1", "limburg", [*tried("web1", heard), *well, *others], PLACES)
    return one.state, one.said


@pytest.mark.parametrize(
    ("heard", "state", "said"),
    [
        ({"control": True, "twin1": True}, State.ANSWERS, "answers"),
        ({"control": False, "twin1": False}, State.LOST, "lost"),
        ({"control": False, "twin1": True}, State.PARTLY, "seems lost from control only"),
        ({"control": False, "twin1": False, "vault-even": True}, State.PARTLY, "seems lost from control, twin1 only"),
        ({"control": False}, State.UNKNOWN, "no answer, and only control could look"),
        ({"control": False, "vault-even": False}, State.UNKNOWN, "no answer, and only control, vault-even could look"),
        ({"control": False, "twin1": None}, State.UNKNOWN, "no answer, and only control could look"),
        ({}, State.UNKNOWN, "nobody could look"),
    ],
)
def test_it_takes_two_places_outside_to_call_a_host_lost(heard: Heard, state: State, said: str) -> None:
    assert web1(heard) == (state, said)


def test_one_sign_of_life_is_enough_whatever_else_was_tried() -> None:
    there = tried("web1", {"control": True, "twin1": True}, "https")
    assert web1({"control": False, "twin1": False}, *there)[0] is State.ANSWERS


def test_a_place_that_hears_nobody_speaks_of_itself() -> None:
    deaf = [*tried("web1", {"control": False}), *tried("ns1", {"control": False})]
    others = [*tried("web1", {"twin1": True}), *tried("ns1", {"twin1": True})]
    assert verdict.blind([*deaf, *others]) == {"control"}
    assert verdict.of_host("web1", "limburg", [*deaf, *others], PLACES).state is State.ANSWERS
    alone = verdict.of_host("web1", "limburg", deaf, PLACES)
    assert alone.state is State.UNKNOWN


@given(st.dictionaries(st.sampled_from(sorted(PLACES)), st.sampled_from([True, False, None])))
def test_lost_is_never_said_against_a_sign_of_life_or_by_one_place(heard: Heard) -> None:
    state, _ = web1(heard)
    looked = [alive for alive in heard.values() if alive is not None]
    if state is State.LOST:
        assert looked
        assert not any(looked)
        assert len({PLACES[place] for place, alive in heard.items() if alive is False} - {"limburg"}) >= 2
    if state is State.ANSWERS:
        assert all(looked)


def test_a_datacenter_is_lost_with_all_its_hosts_and_else_says_which(estate: Estate) -> None:
    gone: Heard = {"control": False, "twin1": False}
    there: Heard = {"control": True, "twin1": True}
    hosts = [estate.hosts[name] for name in ("web1", "vault-even", "ns2")]

    def said(**heard: Heard) -> dict[str, tuple[State, str]]:
        tries = [one for name, mine in heard.items() for one in tried(name.replace("_", "-"), mine)]
        _, centers, _ = probes.judged(estate, hosts[0], hosts, tries)
        return {one.name: (one.state, one.said) for one in centers}

    assert said(web1=gone, vault_even=gone, ns2=there)["limburg"] == (State.LOST, "lost")
    assert said(web1=there, vault_even=there, ns2=there)["limburg"] == (State.ANSWERS, "answers")
    assert said(web1=gone, vault_even=there, ns2=there)["limburg"] == (State.PARTLY, "web1 lost; vault-even answers")


def test_a_site_may_be_down_on_a_host_that_answers() -> None:
    host = verdict.of_host("web1", "limburg", tried("web1", {"control": True, "twin1": True}), PLACES)
    lost = replace(host, state=State.LOST, said="lost")
    right = tried("web1", {"control": True, "twin1": True}, "https", "shop.example")
    wrong = [replace(one, well=False, said="503") for one in right]
    elsewhere = tried("ns2", {"control": True, "twin1": True})

    def said(host: verdict.Verdict, tries: list[Try]) -> tuple[State, str]:
        one = verdict.of_site("shop.example", host, [*tries, *elsewhere])
        return one.state, one.said

    assert said(host, right)[0] is State.ANSWERS
    assert said(host, wrong) == (State.SICK, "503; web1 answers")
    assert said(host, [right[0], wrong[1]]) == (State.PARTLY, "not well from twin1 (IPv4) only")
    assert said(lost, wrong) == (State.LOST, "lost with web1")
    assert said(host, []) == (State.UNKNOWN, "nobody could look")


def test_evidence_is_a_line_for_each_place_and_names_a_family_where_only_it_is() -> None:
    both: Heard = {"control": True, "twin1": False}
    tries = [one for about in ("a.example", "b.example") for one in tried("web1", both, "https", about)]
    six = [replace(one, address="fd00::1") for one in tries if one.about == "a.example"]
    half = [replace(one, alive=False, well=False, said="no answer") for one in six if one.place == "control"]
    assert verdict.evidence(tries) == ("control: https of 2: 0.3 ms", "twin1: https of 2: no answer")
    assert verdict.evidence([*tries, *half])[0] == (
        "control: https of 2 over IPv4: 0.3 ms, https a.example over IPv6: no answer"
    )


def test_what_refuses_is_alive_and_what_is_silent_is_not() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(ConnectionRefusedError) as refused:
        socket.create_connection(("127.0.0.1", port), 1)
    assert probing.silent("https", "127.0.0.1", "shop.example", refused.value)["alive"] is True
    assert probing.silent("https", "127.0.0.1", "shop.example", TimeoutError("timed out"))["alive"] is False
    assert probing.silent("ping", "127.0.0.1", "", PermissionError(1, "not permitted"))["alive"] is None


@pytest.mark.parametrize(
    ("flags", "well", "said"),
    [(0x8400, True, "speaks for it"), (0x8000, False, "has no authority"), (0x8405, False, "answers with code 5")],
)
def test_a_name_server_that_refuses_is_alive_and_not_well(flags: int, well: bool, said: str) -> None:
    row = probing.spoken("127.0.0.1", "shop.example", struct.pack("!HHHHHH", 1, flags, 1, 0, 0, 0))
    assert (row["alive"], row["well"], row["said"]) == (True, well, said)


def test_an_echo_request_sums_up_to_nothing() -> None:
    packet = probing.echo(socket.AF_INET, 1)
    assert probing.checksum(packet) == 0
    assert struct.unpack_from("!BB", packet) == (8, 0)
