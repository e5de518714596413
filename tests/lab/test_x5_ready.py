"""Before the night: a fault of each kind on real hosts is found, and found no more when mended. And what is lost."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from chain import SITES, good, on, prepare, typed

from effects.clock import wait_until
from effects.dns import Edit, Key, Server, update
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

KNOT = "/etc/knot/knot.conf"
PROOFS = "/var/lib/seawall/proofs"
TSIG = "/etc/seawall/secrets/tsig.docs.example"
WRONG = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
LIVE = "/etc/seawall/tls/shop.example"  # where the twin has served before, it would show this one instead
READY = f"/srv/vhosts/.seawall-hydrated/shop.example{LIVE}"


@pytest.fixture(scope="module", autouse=True)
def ready(lab: Lab) -> Iterator[None]:
    """Saved and proven a moment ago; and nobody proves anything while disks and certificates are away."""
    prepare(lab)
    good(on(lab, "web1", "backup", "files", "--json"))
    good(on(lab, "web1", "backup", "databases", "--json"))
    lab.run("twin1", "systemctl stop seawall-keeper")
    proof = on(lab, "twin1", "backup", "prove", "--now")
    assert proof.ok, proof.err
    yield
    lab.run("twin1", "systemctl start seawall-keeper")


def status(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = good(typed(lab, "drp", "status", "--json"))
    return found


def looked(lab: Lab) -> dict[str, Any]:
    seen: dict[str, Any] = good(typed(lab, "drp", "look", "--json"))
    return seen


@contextmanager
def changed(lab: Lab, host: str, there: str, back: str) -> Iterator[None]:
    """A fault, and its end."""
    assert lab.run(host, there).ok
    try:
        yield
    finally:
        assert lab.run(host, back).ok


@contextmanager
def kept_for_an_hour(lab: Lab) -> Iterator[None]:
    """A record with another TTL, on the primary itself."""
    secret = (lab.directory / "secrets/tsig").read_text().strip()
    address, server = lab.address("web1"), Server("ns1", lab.address("ns1"))
    key = Key("seawall-drp", "hmac-sha256", secret)
    for seconds in (3600, 10):
        edit = Edit("www.shop.example.", "A", (address,), (address,), seconds)
        assert update(server, "shop.example", (edit,), key)
        if seconds == 3600:
            yield


LINE = "zonefile-load: difference-no-serial\\n    journal-content: all"
SPOIL = (
    ("ns1", f"cp -p {KNOT} {KNOT}.good; sed -i 's/^    file: .*/&\\n    {LINE}/' {KNOT}", f"mv {KNOT}.good {KNOT}"),
    ("ns2", "systemctl stop named", "systemctl start named"),
    ("twin1", f"mv {READY} {READY}.away", f"mv {READY}.away {READY}"),
    ("twin1", f"mkdir -p {LIVE} && mv {LIVE} {LIVE}.away", f"mv {LIVE}.away {LIVE}; rmdir {LIVE} 2> /dev/null || true"),
    ("twin1", f"mv {PROOFS} {PROOFS}.away", f"mv {PROOFS}.away {PROOFS}"),
    (
        "twin1",
        f"mv {TSIG} {TSIG}.good; install -m 600 /dev/null {TSIG}; echo {WRONG} > {TSIG}",
        f"mv {TSIG}.good {TSIG}",
    ),
)


@pytest.fixture(scope="module")
def looks(lab: Lab, ready: None) -> tuple[dict[str, Any], ...]:
    """Before, with everything spoilt at once, and after it was mended: a look costs seconds, a fault nothing."""
    before = status(lab)
    with ExitStack() as stack:
        stack.enter_context(kept_for_an_hour(lab))
        for host, there, back in SPOIL:
            stack.enter_context(changed(lab, host, there, back))
        spoilt = status(lab) | {"look": looked(lab), "check": typed(lab, "drp", "status", "--check")}
    late = Failed("ns2 does not come back", hint="journalctl -u named")
    wait_until(lambda: lab.run("ns2", f"dig +short @{lab.address('ns2')} shop.example").ok, timeout=60, late=late)
    return before, spoilt, status(lab)


def found(seen: dict[str, Any], host: str, about: str) -> list[tuple[str, str]]:
    """Level and words of what is found there of that kind."""
    return [(row["level"], row["what"]) for row in seen["findings"] if (row["host"], row["about"]) == (host, about)]


@pytest.mark.parametrize(
    ("host", "about", "level", "words"),
    [
        ("ns1", "knot", "critical", "difference-no-serial takes a switch back"),
        ("ns1", "ttl", "warning", "www.shop.example. A is kept for 3600 s"),
        ("ns1", "update of docs.example", "critical", "TSIG"),
        ("ns2", "name server", "warning", "no answer"),
        ("twin1", "certificate", "critical", "shop.example"),
        ("twin1", "proof", "critical", "nothing was ever proven"),
    ],
)
def test_what_would_break_the_night_is_found_and_when_mended_found_no_more(
    looks: tuple[dict[str, Any], ...], host: str, about: str, level: str, words: str
) -> None:
    before, spoilt, after = looks
    told = found(spoilt, host, about)
    assert {one for one, _ in told} == {level}, spoilt["findings"]
    assert all(words in what for _, what in told)
    assert found(before, host, about) == found(after, host, about) == []


def test_a_monitor_hears_of_it_in_one_line(looks: tuple[dict[str, Any], ...]) -> None:
    told = looks[1]["check"]
    assert (told.code, told.out.count("\n")) == (2, 1)
    assert told.out.startswith("DRP CRITICAL")


def test_a_name_server_that_is_down_is_no_lost_host(looks: tuple[dict[str, Any], ...]) -> None:
    one = looks[1]["look"]["hosts"]["ns2"]
    assert one["state"] == "answers"  # to ping
    assert any("refused" in line for line in one["evidence"])


def test_what_could_come_back_is_told_for_each_loss_and_each_site(looks: tuple[dict[str, Any], ...]) -> None:
    seen = looks[0]
    rows = {(row["lost"], row["domain"]): row for row in seen["comebacks"]}
    assert {domain for _, domain in rows} == set(SITES)
    for row in (rows[lost, site] for lost in ("web1", "limburg") for site in SITES):
        assert row["could"] is True, row
        assert not row["goes_on"]
        assert 0 <= row["loses"] < 3600
        assert 0 < row["low"] <= row["high"]
    assert all(rows["web1", site]["whole"] for site in SITES)  # on whichever side it is that was proven
    for lost, word in (("twin1", "seawall install"), ("strasbourg", "seawall install"), ("ns1", "promote ns2")):
        row = rows[lost, "shop.example"]
        assert (row["could"], row["goes_on"]) == (False, True)
        assert word in row["why"]
    assert [row for row in seen["findings"] if row["level"] == "critical"] == []


def test_a_disk_without_room_is_found_and_the_tables_fit(lab: Lab, looks: tuple[dict[str, Any], ...]) -> None:
    assert found(looks[0], "twin1", "disk") == []
    with changed(lab, "twin1", "mount -t tmpfs -o size=1m tmpfs /srv/vhosts", "umount /srv/vhosts"):
        ((level, what),) = found(status(lab), "twin1", "disk")
        assert level == "critical"
        assert "/srv/vhosts" in what
        told = typed(lab, "drp", "status")
    assert told.ok, told.err
    assert "NOT READY" in told.out
    assert max(map(len, told.out.splitlines())) <= 100


def test_a_site_that_is_down_is_not_a_lost_host(lab: Lab) -> None:
    with changed(lab, "web1", "systemctl stop nginx", "systemctl start nginx"):
        seen = looked(lab)
        assert {seen["sites"][site]["state"] for site in SITES} == {"answers wrongly"}
        assert seen["hosts"]["web1"]["state"] == "answers"


def test_production_that_is_cut_is_called_lost_by_several_places_and_found_again(lab: Lab) -> None:
    before = looked(lab)
    assert before["serving"] == "web1"
    assert before["hosts"]["web1"]["state"] == "answers"
    assert {before["sites"][site]["state"] for site in SITES} == {"answers"}
    lab.cut("limburg")
    try:
        seen, known = looked(lab), status(lab)
    finally:
        lab.heal("limburg")
    assert seen["datacenters"]["limburg"]["state"] == "lost"
    assert {name for name, one in seen["hosts"].items() if one["state"] == "lost"} == {"web1", "vault-even"}
    assert {seen["sites"][site]["state"] for site in SITES} == {"lost"}
    assert "vault-even" in seen["absent"]
    assert {line.partition(":")[0] for line in seen["hosts"]["web1"]["evidence"]} == {"control", "twin1", "vault-odd"}
    assert {row["address"] for row in seen["hosts"]["web1"]["tries"]} == set(lab.plan.addresses("web1"))
    assert {row["could"] for row in known["comebacks"] if row["lost"] == "limburg"} == {True}
    assert ("web1", "unknown") in {(row["host"], row["level"]) for row in known["findings"]}
    late = Failed("limburg is not found again", hint="seawall drp look")
    wait_until(lambda: looked(lab)["datacenters"]["limburg"]["state"] == "answers", timeout=60, late=late)


def test_nobody_was_banned_for_looking(lab: Lab) -> None:
    for host in ("web1", "twin1", "vault-odd", "ns1"):
        said = lab.run(host, "fail2ban-client banned").out
        assert [place for place in ("twin1", "vault-odd", "vault-even") if lab.address(place) in said] == [], said
        assert lab.plan.ipv4(0, 1) not in said
