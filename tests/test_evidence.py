"""A report can be checked by anybody: what was changed in it is found, and what it does not know it does not say."""

import json
import re
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from incidents import chained, written
from incidents import estate as estate
from incidents import evidence as evidence
from incidents import page as page
from ordered import KEYS, signed
from saved_estate import T0, everything

from drp import report
from drp.evidence import anchors, document, pdf
from drp.evidence.document import Book, Deciders, Evidence
from drp.evidence.split import PARTS, WAITING, walk
from drp.evidence.verify import Finding, _plans, holds, verify
from drp.incident import Act
from drp.job import as_dict
from drp.orders import Signed
from drp.plan import Observed, homecoming
from effects.journal import Journal
from estate.heads import WORD, Head, parse
from estate.model import Estate
from estate.points import FILES, Tail
from estate.problem import BadEstate, Missing


def faults(found: list[Finding]) -> list[str]:
    return [f"{one.what}: {one.fault}" for one in found if one.fault is not None]


def test_a_report_holds_with_its_own_keys_and_with_those_of_the_estate(
    estate: Estate, evidence: Evidence, page: str
) -> None:
    for text in (page, report.as_text(evidence)):
        found = verify(text, deciders=Deciders.of(estate.drp))
        assert holds(found), faults(found)
    assert not holds([])


def test_time_is_split_and_adds_up(evidence: Evidence) -> None:
    rows = report.figures(evidence)["vhosts"]
    first, *_, last = rows.values()
    assert (first["detect_seconds"], first["decide_seconds"], first["drain_seconds"]) == (20, 60, 30)
    assert first["rto_parts_seconds"] | {"waiting": 0} == {
        **dict.fromkeys(PARTS, 0),
        **dict.fromkeys(("fence", "copy", "prove", "DNS"), 2),
    }
    assert last["rto_parts_seconds"]["waiting"] == last["rto_seconds"] - 8 > 0
    assert all(sum(row["rto_parts_seconds"].values()) == row["rto_seconds"] for row in rows.values())
    assert (first["rto_promised_seconds"], last["rto_promised_seconds"]) == (5, None)


def test_what_lies_aside_is_told_of_the_incident_that_left_it_although_it_is_listed_afterwards(page: str) -> None:
    assert "what web1 wrote alone was listed" in page
    assert "3 paths of this one" in page
    assert "4 paths of another" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL)


def test_what_nobody_recorded_is_not_known(evidence: Evidence) -> None:
    silent = replace(evidence, books=evidence.books[:1], disaster=None)
    row = next(iter(report.figures(silent)["vhosts"].values()))
    assert row["detect_seconds"] is row["decide_seconds"] is None
    assert "not known" in report.to_html(silent)


INSTANTS = st.integers(0, 100).map(lambda second: T0 + timedelta(seconds=second))
ACTS = st.builds(
    lambda step, a, b: Act(step, "x", min(a, b), max(a, b), "done", ""),
    st.sampled_from(["files", "database", "serve", "dns", "ticket"]),
    INSTANTS,
    INSTANTS,
)


@given(st.lists(ACTS, max_size=8), INSTANTS, INSTANTS)
def test_every_instant_belongs_to_one_part(acts: list[Act], a: datetime, b: datetime) -> None:
    start, end = min(a, b), max(a, b)
    parts = walk(acts, start, end)
    assert sum(parts.values(), timedelta(0)) == end - start
    assert all(part >= timedelta(0) for part in parts.values())
    if not acts:
        assert parts[WAITING] == end - start


def test_files_beside_a_longer_import_are_not_what_was_waited_for() -> None:
    def act(step: str, start: int, end: int) -> Act:
        return Act(step, "x", T0 + timedelta(seconds=start), T0 + timedelta(seconds=end), "done", "")

    parts = walk([act("files", 0, 9), act("database", 0, 20), act("serve", 20, 22)], T0, T0 + timedelta(seconds=22))
    assert {part: span.seconds for part, span in parts.items() if span} == {"import": 20, "prove": 2}


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.booleans(), st.integers(0, 10**9), st.integers(1, 94))
def test_no_byte_of_a_report_can_be_changed_unseen(
    page: str, evidence: Evidence, as_page: bool, place: int, shift: int
) -> None:
    whole = page if as_page else report.as_text(evidence)
    place %= len(whole)
    letter = chr(32 + (ord(whole[place]) - 32 + shift) % 95)
    changed = whole[:place] + letter + whole[place + 1 :]
    with suppress(BadEstate):  # no report any more, and said so
        assert letter == whole[place] or not holds(verify(changed)), (letter, whole[place - 40 : place + 40])


def again(evidence: Evidence, old: str, new: str) -> Evidence:
    """By somebody who has the whole toolkit: changed, every entry bound anew, and the page made of that."""
    book, *rest = evidence.books
    rows = (json.loads(json.dumps(json.loads(line)).replace(old, new)) for line in book.text.splitlines())
    return replace(evidence, books=(replace(book, text=chained(rows)), *rest))


def test_whoever_makes_a_report_anew_can_change_neither_plan_nor_order(evidence: Evidence) -> None:
    for old, new, said in (
        ("web1.files", "web1.files", None),
        ('"target": "twin1"', '"target": "evil1"', "has the seal"),
        ('\\"by\\": \\"alice\\"', '\\"by\\": \\"mallory\\"', "not by a key of theirs"),
        ('"signatures": {"alice"', '"signatures": {"bob"', "not by a key of theirs"),
    ):
        found = faults(verify(report.to_html(again(evidence, old, new))))
        assert (said is None and not found) or any(str(said) in one for one in found), (old, found)


def test_production_brings_what_was_saved_after_its_plan_was_ordered_and_nothing_else(
    evidence: Evidence, estate: Estate, tmp_path: Path
) -> None:
    seen = Observed(T0, 1, (), {}, dict.fromkeys(estate.vhosts, ()), frozenset(), ())
    plan = homecoming(estate, estate.hosts["twin1"], estate.hosts["web1"], seen)
    copies = tuple(everything())
    tails = tuple(Tail(one.id, one.kind, "c", "f:1", T0) for one in copies if one.kind != FILES)
    brought = replace(plan, moves=tuple(replace(move, archives=copies, tails=tails) for move in plan.moves))
    for carried, holds_so in ((brought, True), (replace(brought, target="web2"), False)):
        book = Journal(tmp_path / f"restore-{carried.target}.jsonl")
        about = {"by": "alice", "kind": "restore", "host": "web1", "seal": plan.seal, "ordered": T0.isoformat()}
        book.write("opened", **about, plan=as_dict(carried))
        more = replace(evidence, books=(*evidence.books, Book("web1", book.path.stem, book.path.read_text())))
        (found,) = (one for one in _plans(more) if "restore" in one.what)
        assert (found.fault is None) is holds_so


def test_keys_that_a_report_brings_along_do_not_convince_an_estate(estate: Estate, tmp_path: Path) -> None:
    mine = replace(estate, drp=replace(estate.drp, approvers={"alice": (KEYS["mallory"].public,)}))
    good = written(estate, tmp_path)
    order = good.runs[0].signed
    assert order is not None
    (tmp_path / "forged").mkdir()
    forged = written(mine, tmp_path / "forged", signed(Signed(order.text), "alice", key=KEYS["mallory"]))
    text = report.to_html(forged)
    assert holds(verify(text))  # for itself
    assert any("the estate's keys" in one for one in faults(verify(text, deciders=Deciders.of(estate.drp))))


@pytest.fixture
def heads(evidence: Evidence) -> str:
    book = evidence.books[0]
    head = anchors.of_journal(book.host, book.job, book.entries)
    assert head is not None
    return f"Hello,\n\nthe head is 2026-11-22T03:01:00+00:00 {head.line}, keep it.\n"


def test_a_journal_that_was_cut_off_is_found_with_a_head_that_somebody_kept(evidence: Evidence, heads: str) -> None:
    assert holds(verify(report.to_html(evidence), kept={"ticket": heads}))
    book, *rest = evidence.books
    short = replace(evidence, books=(replace(book, text="".join(book.text.splitlines(keepends=True)[:-1])), *rest))
    text = report.to_html(short)
    assert holds(verify(text))  # nothing in itself says so
    assert any("it was cut off" in one for one in faults(verify(text, kept={"ticket": heads})))
    anew = report.to_html(again(evidence, "<it holds>", "<it does>"))
    assert any("written anew" in one for one in faults(verify(anew, kept={"ticket": heads})))
    missing = report.to_html(replace(short, books=(replace(book, job="activate-another"), *rest)))
    assert any("not in the report" in one for one in faults(verify(missing, kept={"ticket": heads})))


def test_a_head_of_later_than_the_page_says_nothing_against_it(evidence: Evidence, heads: str, page: str) -> None:
    book = evidence.books[0]
    after, before = ((evidence.made + timedelta(hours=hours)).isoformat() for hours in (1, -1))
    more = f"{WORD} {book.host} {book.job} {len(book.entries) + 1} {'a' * 64}"
    found = verify(page, kept={"vault-odd": f"{heads}{after} {more}\n"})
    assert faults(found) == []
    assert any("1 of them of later than the page" in one.what for one in found)
    assert "cut off" in faults(verify(page, kept={"vault-odd": f"{heads}{before} {more}\n"}))[0]
    assert "cut off" in faults(verify(page, kept={"a ticket": f"{heads}{more}\n"}))[0]  # nobody knows of when


def test_a_journal_of_which_nobody_keeps_a_head_is_said_and_is_no_fault(evidence: Evidence, page: str) -> None:
    other = Head("web1", "other", 1, "a" * 64)
    found = verify(page, kept={"vault-odd": other.line})
    assert holds(found)
    unkept = [one.what for one in found if not one.known]
    assert all("nobody who was asked keeps a head" in one for one in unkept)
    assert len(unkept) == len(evidence.books) - len({one for one in evidence.books if one.job in str(evidence.kept)})


def test_a_head_is_found_in_a_mail_as_it_was_sent(heads: str) -> None:
    broken = heads.replace("seawall-head", "seawall-=\nhead")
    assert parse(broken) == parse(heads) != ()


def many(evidence: Evidence, count: int) -> Evidence:
    """As if the plan had so many vhosts."""
    book, *rest = evidence.books
    first, *others = [json.loads(line) for line in book.text.splitlines()]
    plan = first["detail"]["plan"]
    own = [one for one in others if one["subject"] == plan["moves"][0]["domain"]]
    plan["moves"] = [plan["moves"][0] | {"domain": f"site{n}.example"} for n in range(count)]
    lines = [first, *others[:2], *(one | {"subject": f"site{n}.example"} for n in range(count) for one in own)]
    text = chained(raw | {"number": number} for number, raw in enumerate(lines, 1))
    return replace(evidence, books=(replace(book, text=text), *rest))


def test_two_hundred_vhosts_are_still_one_page_that_can_be_read(evidence: Evidence) -> None:
    html = report.to_html(many(evidence, 200))
    assert "<details>" in html  # long tables are folded
    (height,) = re.findall(r'<svg [^>]* height="(\d+)"', html)
    assert int(height) < 200 * 14 + 200
    assert "<details>" not in report.to_html(evidence)
    assert document.read(html) == many(evidence, 200)


def test_on_paper_it_is_the_same_with_its_picture(evidence: Evidence, tmp_path: Path) -> None:
    html = report.to_html(evidence, paper=True)
    assert "var(--tl" not in html  # what prints knows no variables
    assert "<script" not in html
    pdf.write(html, tmp_path / "report.pdf")
    pages = pypdf.PdfReader(tmp_path / "report.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert all(word in text for word in ("Where the time went", "shop.example", "Clauses", "files", "prove"))
    drawn = pages[0].get_contents()
    assert drawn is not None
    assert b"0.231373 0.435294 0.713725 rg" in drawn.get_data()  # the colour of the first bar, on the first page


def test_without_its_library_no_pdf_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(Missing, match="no PDF"):
        pdf.write("<p>x</p>", tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()
