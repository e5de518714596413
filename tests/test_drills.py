"""A drill names exactly those vhosts that did not come back, says from when and how fast the others did."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, archive, lab_estate

from backups.proof import judge as proving
from backups.proof.orders import ANSWER, BYTES, FETCH, SNAPSHOT, START, STREAM, TABLES, WEB, Closed, Moment
from backups.proof.record import Finding
from backups.standing import Level
from drp.drills import judge, page, record, trends
from drp.drills.carry_out import DIFFERS
from drp.drills.record import Drill
from drp.evidence import verify
from drp.evidence.anchors import of_journal
from drp.evidence.document import Book
from drp.evidence.drilled import Drilled
from drp.plan import PLAN, Move, Plan
from drp.ready.drilled import undrilled
from effects.journal import Journal
from estate.heads import Head
from estate.model import Engine, Estate
from estate.points import FILES
from estate.problem import Missing
from estate.promise import Promise

SITES = ("shop.example", "ledger.example", "docs.example")
SAVED, SHOP, LEDGER = archive(FILES, 2), archive(Engine.MARIADB, 1), archive(Engine.POSTGRESQL, 1)
MOVES = (
    Move("shop.example", (SAVED, SHOP), (), 10),
    Move("ledger.example", (SAVED, LEDGER), (), 5),
    Move("docs.example", (SAVED,), (), 1),
)
PLANNED = Plan("activate", "web1", "twin1", T0, 1, MOVES)
SHOP_SITE = SITES[0]
WHOLE = {SAVED.id: SAVED.taken, SHOP.id: T0, LEDGER.id: T0}


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "DRILLS", tmp_path / "drills")


def outcomes(estate: Estate, *findings: Finding, moments: Sequence[Moment] = ()) -> tuple[judge.Outcome, ...]:
    return judge.outcomes(estate, MOVES, findings, moments, reached=WHOLE, answers={}, at=T0)


@pytest.mark.parametrize(
    ("subject", "what", "failed"),
    [
        ("shop.example", "suspiciously small: files: 30 before, 0 left", ["shop.example"]),
        ("mariadb.shop", "suspiciously small: rows: 4 before, 0 left", ["shop.example"]),
        ("postgresql.ledger", "its newest row is too old", ["ledger.example"]),
        ("postgresql", "ledger: btree index is corrupt", ["ledger.example"]),
        ("mariadb", "shop.wp_posts", ["shop.example"]),
        ("mariadb", "mysql.user", ["shop.example"]),  # who shares a server shares its faults
        ("postgresql", "does not start from its copy", ["ledger.example"]),
        ("nginx", "[emerg] no such file", list(SITES)),
        ("web1", "the proof room ended with 1", list(SITES)),
    ],
)
def test_a_finding_fails_whom_it_is_about_and_nobody_else(
    estate: Estate, subject: str, what: str, failed: list[str]
) -> None:
    found = outcomes(estate, Finding(subject, what, ()))
    assert [one.domain for one in found if not one.ok] == failed
    assert all(what in one.faults[0] for one in found if not one.ok)


def test_what_a_check_says_below_a_table_is_about_that_table(estate: Estate) -> None:
    two = replace(estate.databases["ledger"], name="ledger", engine=Engine.MARIADB)
    shared = replace(estate, databases=dict(estate.databases) | {"ledger": two})
    lines = [Finding("mariadb", line, ()) for line in ("ledger.few", "error    : Corrupt")]
    found = judge.blamed(shared, SITES, lines)
    assert [domain for domain, said in found.items() if said] == ["ledger.example"]
    found = judge.blamed(shared, SITES, lines[1:])
    assert [domain for domain, said in found.items() if said] == ["shop.example", "ledger.example"]


def test_hollow_is_found_however_little_there_was() -> None:
    assert proving.shrunk({"files": 3, "bytes": 900}, {"files": 0, "bytes": 0})
    assert proving.shrunk({"tables": 2, "rows": 4, "rows of a": 4}, {"tables": 2, "rows": 0, "rows of a": 0})
    assert not proving.shrunk({"tables": 2, "rows": 4, "rows of a": 2}, {"tables": 2, "rows": 2, "rows of a": 0})
    assert not proving.shrunk({"tables": 2, "rows": 0}, {"tables": 2, "rows": 0})


def moment(phase: str, subject: str, seconds: float) -> Moment:
    return Moment(phase, subject, T0, seconds)


MOMENTS = (
    moment(FETCH, "shop.example", 1), moment(BYTES, "shop.example", 100), moment(FETCH, "ledger.example", 2),
    moment(FETCH, "docs.example", 4), moment(SNAPSHOT, "mariadb", 8), moment(STREAM, "mariadb", 16),
    moment(START, "mariadb", 32), moment(TABLES, "mariadb", 100), moment(START, "postgresql", 64),
    moment(WEB, "", 128), moment(ANSWER, "shop.example", 256), moment(ANSWER, "ledger.example", 512),
    moment(ANSWER, "docs.example", 1024),
)  # fmt: skip


def test_the_time_of_a_vhost_is_what_an_activation_would_need_up_to_it(estate: Estate) -> None:
    found = outcomes(estate, moments=MOMENTS)
    shop = 1 + 8 + 16 + 32 + 128
    assert [one.rto for one in found] == [shop + 256, shop + 2 + 64 + 512, shop + 2 + 64 + 4 + 1024]
    assert [one.estimate for one in found] == [10, 15, 16]
    assert all(one.rto == sum(one.phases.values()) for one in found)
    assert [one.rpo for one in found] == [7200.0] * 3  # files are the oldest part


@given(st.permutations(MOMENTS), st.integers(0, len(MOMENTS)))
def test_who_comes_later_never_takes_less_but_for_the_answers(moments: list[Moment], kept: int) -> None:
    sums = []
    for number in range(1, 4):
        phases = judge.phases_of(MOVES[:number], moments[:kept])
        sums.append(sum(seconds for phase, seconds in phases.items() if phase != ANSWER))
    assert sums == sorted(sums)


def test_what_did_not_come_up_reached_nothing_and_took_no_time(estate: Estate) -> None:
    reached = {key: at for key, at in WHOLE.items() if key != SHOP.id}
    fault = Finding("mariadb", "does not start from its copy", ())
    shop, ledger, _ = judge.outcomes(estate, MOVES, [fault], MOMENTS, reached=reached, answers={}, at=T0)
    assert (shop.ok, shop.reached, shop.rpo, shop.rto) == (False, None, None, None)
    assert ledger.ok
    assert ledger.rpo == 7200


def drill(estate: Estate, hours: float = 0, *findings: Finding, **other: object) -> Drill:
    at = T0 + timedelta(hours=hours)
    made = Drill(
        record.fresh(at), "twin1", "web1", at, 30.0, PLANNED.seal,
        outcomes(estate, *findings, moments=MOMENTS), MOMENTS,
        ("shop.example. A: 192.0.2.1 → 192.0.2.2",), ("shop.example: served",), DIFFERS, closed=Closed(("lo",), 0, 2),
    )  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def kept(done: Drill, *, closed: bool = True) -> None:
    journal = record.journal(done.id)
    journal.write(record.OPENED, drill=done.id)
    if closed:
        journal.write(record.CLOSED, plan=PLAN.dump_python(PLANNED, mode="json"), **record.plain(done))


def evidence(*known: Drill, **other: Any) -> Drilled:
    """As the twin has it."""
    for one in known:
        kept(one)
    books = (Book("twin1", record.job(one.id), record.journal(one.id).path.read_text()) for one in known)
    return Drilled("acme", T0 + timedelta(days=9), tuple(books), **other)


def test_a_drill_is_read_as_it_was_kept_and_one_that_was_changed_or_interrupted_says_nothing(estate: Estate) -> None:
    first, second, third = (drill(estate, hours) for hours in (0, 24, 48))
    for one in (second, first):
        kept(one)
    kept(third, closed=False)
    assert record.drills() == (first, second)
    assert record.drills()[0].head == record.journal(first.id).head
    path = record.journal(first.id).path
    path.write_text(path.read_text().replace('"seconds":30.0', '"seconds":3.0'))
    assert record.drills() == (second,)
    with pytest.raises(Missing, match="come to its end"):
        record.load(third.id)


def test_the_oldest_are_forgotten_by_count(estate: Estate) -> None:
    for hours in range(0, 96, 24):
        kept(drill(estate, hours))
    record.forget(3)
    assert [one.at for one in record.drills()] == [T0 + timedelta(hours=hours) for hours in (24, 48, 72)]


def test_one_that_lost_a_vhost_does_not_hold(estate: Estate) -> None:
    assert drill(estate).ok
    assert not drill(estate, 0, Finding("docs.example", "gone", ())).ok
    assert not drill(estate, vhosts=()).ok
    assert not drill(estate, faults=("the proof room was not closed: eth0",)).ok


def test_the_page_shows_each_vhost_its_trend_and_nothing_of_a_strangers(estate: Estate) -> None:
    bad = Finding("shop.example", "<script>alert(1)</script>", ())
    known = [drill(estate), drill(estate, 24, bad), drill(estate, 48), drill(estate, 72, bad)]
    shown = page.to_html(evidence(*known))
    assert shown.count("<script") == 1  # its evidence, which is data
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")
    for site in SITES:
        assert f"{site}: RPO" in shown
        assert f"{site}: RTO" in shown
    assert "shop.example: RTO FAILED" in shown
    (first, *_), count = trends.trends(known), 2
    assert first[1].count("✗") == 2 * count  # of both pictures


def test_a_page_says_what_was_promised_and_what_was_not_kept(estate: Estate) -> None:
    lost, late = timedelta(hours=1), timedelta(seconds=1)
    said = evidence(
        drill(estate, faults=("the proof room was not closed: eth0",)), promised={SHOP_SITE: Promise(lost, late)}
    )
    shown = verify.words(page.to_html(said))
    assert {"later than promised", "lost more than promised", "slower than the plan said"} <= set(shown)
    assert "the proof room was not closed: eth0" in shown
    assert "✗ not all of it holds" in shown


def test_whoever_has_the_page_can_check_it(estate: Estate) -> None:
    first, second, third = (drill(estate, hours) for hours in (0, 24, 48))
    said = evidence(first, second, third)
    shown = page.to_html(said)
    assert verify.holds(verify.verify(shown))
    heads = "\n".join(head_of(book).line for book in said.drills)
    assert verify.holds(verify.verify(shown, kept={"vault-odd": heads}))
    printed = page.to_html(said, paper=True)
    assert "var(--tl" not in printed.partition("<body>")[2]
    assert "<script" not in printed


def test_what_was_changed_on_a_page_or_left_out_of_it_is_found(estate: Estate) -> None:
    bad = Finding("shop.example", "gone", ())
    said = evidence(drill(estate), drill(estate, 24, bad), drill(estate, 48))
    shown = page.to_html(said)
    heads = "\n".join(head_of(book).line for book in said.drills)

    def found(text: str) -> list[str]:
        return [f"{one.what}: {one.fault}" for one in verify.verify(text, kept={"vault-odd": heads}) if one.fault]

    assert found(shown) == []
    assert "it shows" in found(shown.replace("came back", "was there", 1))[0]
    assert "line 2: this is not what was written" in found(shown.replace('\\"seconds\\":30.0', '\\"seconds\\":3.0'))[0]
    without = replace(said, drills=(said.drills[0], said.drills[2]))  # the night that failed
    assert found(page.to_html(without)) == [
        f"journal twin1:{said.drills[1].job}, of which vault-odd keeps heads: it is not in the report"
    ]
    anew = replace(said.drills[1], text=another(said.drills[1]))
    assert "written anew" in found(page.to_html(replace(said, drills=(said.drills[0], anew, said.drills[2]))))[0]


def test_the_plan_of_a_drill_has_the_seal_that_is_said(estate: Estate) -> None:
    (finding,) = (one for one in verify.verify(page.to_html(evidence(drill(estate, seal="0ther")))) if one.fault)
    assert "what it would do has the seal" in str(finding.fault)


def head_of(book: Book) -> Head:
    found = of_journal(book.host, book.job, book.entries)
    assert found is not None
    return found


def another(book: Book) -> str:
    """A journal that says that all is well, made anew, and whole in itself."""
    detail: dict[str, Any] = dict(book.entries[-1].detail)
    detail["vhosts"] = [{**one, "faults": []} for one in detail["vhosts"]]
    path = record.DRILLS / "anew.jsonl"
    journal = Journal(path)
    journal.write(record.OPENED, drill=book.job)
    journal.write(record.CLOSED, **detail)
    return path.read_text()


def test_a_drill_that_failed_or_is_old_stands_in_the_way(estate: Estate) -> None:
    twin, hour = estate.hosts["twin1"], timedelta(hours=1)
    good, bad = drill(estate), drill(estate, 0, Finding("docs.example", "gone", ()))

    def told(*known: Drill, after: timedelta = hour) -> list[Level]:
        return [one.level for one in undrilled(twin, known, T0 + after)]

    assert told(good) == told(bad, drill(estate, 1)) == []
    assert told(bad) == told(good, drill(estate, 1, Finding("docs.example", "gone", ()))) == [Level.CRITICAL]
    assert told(good, after=27 * hour) == told() == [Level.WARNING]
    assert "docs.example: gone" in next(iter(undrilled(twin, (bad,), T0))).what
