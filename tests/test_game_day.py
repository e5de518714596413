"""A game day: chance chooses, the same seed chooses the same, what is lost helps nobody, and the judgement is right."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, everything, lab_estate, site

from backups.streams import mirror
from drp.drills import played, record
from drp.drills.chosen import LARGEST, Choice, candidates, choose, people
from drp.drills.gameday import Outcome, judge, roles, worksheet
from drp.drive import Hand
from drp.plan import Observed, Plan, activation
from effects.journal import Journal
from estate.model import Estate, Side
from estate.people import Contact
from estate.points import FILES, Archive
from estate.problem import BadEstate, Failed, Refused, Unmet, Unreachable
from seawall.cli import run

KEY = ("ssh-ed25519 AAAA",)
NAMES = ("ada", "bo", "cleo", "dan", "eve")
seeds = st.integers(0, LARGEST - 1)
some = st.sets(st.sampled_from(NAMES))


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def staffed(
    estate: Estate, approvers: set[str], approvals: int = 1, owner: str | None = None, called: int = 3
) -> Estate:
    names = NAMES[:called]
    tree = {
        n: Contact(n, f"has part {n}", "112", names[i + 1] if i + 1 < called else None) for i, n in enumerate(names)
    }
    drp = replace(
        estate.drp, approvers=dict.fromkeys(sorted(approvers), KEY), approvals=approvals, owner=owner, people=tree
    )
    return replace(estate, drp=drp)


def plan_of(estate: Estate, archives: tuple[Archive, ...] = everything()) -> Plan:
    seen = Observed(T0, 0, archives, {}, dict.fromkeys(estate.vhosts, ()), frozenset(), ())
    return activation(estate, estate.hosts["web1"], estate.hosts["twin1"], seen)


def judged(
    estate: Estate, away: set[str], lost: frozenset[str] = frozenset(), most: timedelta | None = None
) -> Outcome:
    choice = Choice(1, tuple(sorted(away)), "", lost)
    return judge(estate, choice, plan_of(estate), dict.fromkeys(estate.vhosts, most))


@given(seeds, some, st.integers(1, 5))
def test_the_same_seed_takes_the_same_away_and_always_leaves_a_twin_and_half_of_the_people(
    estate: Estate, seed: int, approvers: set[str], called: int
) -> None:
    here = staffed(estate, approvers, called=called)
    web, twin = here.hosts["web1"], here.hosts["twin1"]
    choice = choose(here, web, twin, seed)
    turned = dict(sorted(here.drp.approvers.items(), reverse=True))
    assert choice == choose(replace(here, drp=replace(here.drp, approvers=turned)), web, twin, seed)
    known = people(here.drp)
    assert {*choice.people} <= known
    assert 1 <= len(choice.people) <= max(1, len(known) // 2)
    assert "twin1" not in choice.hosts
    assert choice.hosts - {"web1"}
    assert choice.lost in {loss.name for loss in candidates(here, web, twin)}


def test_chance_takes_everybody_and_everything_at_some_time(estate: Estate) -> None:
    here = staffed(estate, {"ada", "eve"})
    choices = [choose(here, here.hosts["web1"], here.hosts["twin1"], seed) for seed in range(200)]
    assert {name for choice in choices for name in choice.people} == {"ada", "bo", "cleo", "eve"}
    assert {"vault-even", "vault-odd", "ns1"} <= {host for choice in choices for host in choice.hosts}
    assert len({choice.lost for choice in choices}) >= 4


@given(some, some, st.integers(1, 5), st.none() | st.sampled_from(NAMES))
def test_an_order_is_possible_exactly_where_enough_are_left_and_the_owner_is_one_of_them(
    estate: Estate, approvers: set[str], away: set[str], approvals: int, owner: str | None
) -> None:
    found = judged(staffed(estate, approvers, approvals, owner), away)
    left = approvers - away
    assert (not found.orders) == (len(left) >= approvals and (owner is None or owner in left))
    assert found.glass == bool(left)


def test_who_has_no_key_signs_nothing(estate: Estate) -> None:
    here = staffed(estate, {"ada", "bo"})
    bare = replace(here, drp=replace(here.drp, approvers={"ada": (), "bo": KEY}))
    assert judged(bare, {"bo"}).orders
    assert not judged(bare, {"ada"}).orders


@given(some, st.integers(1, 5))
def test_a_role_falls_to_the_first_of_its_alternates_who_may_take_part(
    estate: Estate, away: set[str], called: int
) -> None:
    for one in roles(staffed(estate, set(), called=called).drp, away):
        left = [name for name in one.asked if name not in away]
        assert one.by == (left[0] if left else None)


def test_what_is_lost_and_what_was_promised_decide_whether_it_would_have_worked(estate: Estate) -> None:
    here = staffed(estate, {"ada", "bo"})
    assert judged(here, {"ada"}, frozenset({"vault-odd"}), timedelta(hours=1)).ok
    assert not judged(here, {"ada"}, frozenset({"vault-odd"}), timedelta(minutes=59)).ok
    alone = judged(here, {"ada"}, frozenset({"ns1"}))
    assert all("ns1 is gone" in one.why for one in alone.vhosts)
    assert not alone.ok
    hopeless = judge(here, Choice(1, ("ada",), "x", frozenset()), "no recovery point", {"shop.example": None})
    assert hopeless.faults == ("shop.example: no activation could be planned: no recovery point",)


def test_everybody_who_takes_part_finds_on_paper_what_there_is_to_do_and_the_others_are_only_named(
    estate: Estate,
) -> None:
    here = staffed(estate, {"ada", "eve"}, owner="eve")
    found = judged(here, {"ada"}, frozenset({"vault-odd"}))
    said = worksheet(here, found)
    assert "May not take part: ada" in said
    assert "\nada" not in said
    assert "bo  112\n  [ ] takes: has part ada\n  [ ] takes: has part bo" in said
    assert "is called for “has part ada” after ada did not answer" in said
    assert said.index("\neve\n") < said.index("signs a text of no effect") < said.index("as the data owner")
    assert "It would have worked." in said
    assert "It would not have worked:\n  - no order" in worksheet(here, judged(here, {"eve"}))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "DRILLS", tmp_path / "drills")
    monkeypatch.setattr(mirror, "MIRROR", tmp_path / "mirror")
    return tmp_path / "drills"


def test_nothing_is_asked_of_what_is_lost(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = replace(site(tmp_path, "twin1"), without=frozenset({"vault-odd", "ns1"}))
    client = here.estate.hosts["web1"]
    asked = list[str]()

    class Talking:
        def __init__(self, argv: list[str], what: str) -> None:
            asked.append(what)
            raise Failed("quiet", hint="-")

    monkeypatch.setattr(mirror, "Talk", Talking)
    assert sorted(fault.what for fault in mirror.Mirror.of(client).fetch(here)) == [
        "quiet", "vault-odd (odd) is lost in this game day"
    ]  # fmt: skip
    assert asked == ["vault-even (even)"]
    with pytest.raises(Unreachable, match="lost in this game day"):
        here.repository(client, FILES, Side.ODD)
    assert all("ns1" not in zone.servers for zone in here.left.zones.values())
    assert not replace(here, without=frozenset(here.estate.hosts)).left.zones


def test_the_choice_is_written_down_before_anybody_looks_and_the_outcome_after_it(tmp_path: Path, kept: Path) -> None:
    here = site(tmp_path, "twin1")

    def planned(without: object) -> Plan:
        assert without.without  # type: ignore[attr-defined]
        (book,) = kept.glob("game-*/journal.jsonl")
        assert [entry.event for entry in Journal(book).entries()] == ["opened"]
        raise Refused("no recovery point", hint="-")

    name, found = played.play(here, 7, planned)
    book = kept / name / "journal.jsonl"
    last = Journal(book).entries()[-1]
    assert not found.ok
    assert last.detail["ok"] is False
    assert played.OUTCOME.validate_python(last.detail["outcome"]) == found


def test_what_is_typed_reaches_the_twin_and_a_bad_outcome_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = staffed(lab_estate(tmp_path), {"ada"})
    asked = list[tuple[str, ...]]()

    def ask(hand: Hand, *words: str) -> dict[str, object]:
        asked.append(words)
        found = judged(here, {"ada"})
        plain = played.OUTCOME.dump_python(found, mode="json")
        return {"name": "game-x", "ok": found.ok, "faults": found.faults, "outcome": plain,
                "worksheet": worksheet(here, found)}  # fmt: skip

    monkeypatch.setattr(Hand, "ask", ask)
    typed = ["drp", "drill", "--estate", str(tmp_path / "estate.toml")]
    assert run([*typed, "--game-day", "--seed", "7"]) == Unmet.exit_code
    assert asked == [("game-day", "--seed=7")]
    said = capsys.readouterr()
    assert "It would not have worked:" in said.out
    assert "no order could have been given" in said.err
    assert run([*typed, "--seed", "7"]) == BadEstate.exit_code
    assert run([*typed, "--game-day", "--now"]) == BadEstate.exit_code
    assert len(asked) == 1
