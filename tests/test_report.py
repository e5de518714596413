"""The report says what stands in the journals, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from drp import report
from drp.evidence import document
from drp.evidence.document import Added, Deciders, Evidence
from drp.incident import Incident
from drp.page import OPENS, Page, Table, render
from drp.timeline import WIDTH, Mark, Span, lasting, svg
from effects.journal import Entry, Journal, Json
from estate.problem import Missing

T0 = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
POINTS = {"shop.example": T0 - timedelta(minutes=40), "docs.example": T0 - timedelta(hours=20)}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Book:
    """A journal of one job, written at the instants the test says."""

    def __init__(self, folder: Path, kind: str, host: str, seal: str, ordered: float) -> None:
        self.now = at(ordered)
        self.journal = Journal(folder / f"{kind}-{seal}-{host}", clock=lambda: self.now)
        moves: list[Json] = [
            {"domain": domain, "archives": [{"taken": T0.isoformat()}, {"taken": point.isoformat()}], "changes": []}
            for domain, point in POINTS.items()
        ]
        plan: Json = {"source": "web1", "target": "twin1", "moves": moves}
        self.order: dict[str, Json] = {
            "kind": kind,
            "host": host,
            "by": "alice",
            "seal": seal,
            "ordered": at(ordered).isoformat(),
            "plan": plan,
        }

    def write(self, seconds: float, event: str, step: str = "", subject: str = "", **detail: Json) -> None:
        self.now = at(seconds)
        self.journal.write(event, step, subject, **(self.order if event == "opened" else detail))

    def step(self, begin: float, end: float, step: str, subject: str, event: str = "done", said: str = "") -> None:
        self.write(begin, "begun", step, subject)
        self.write(end, event, step, subject, **{"error" if event == "failed" else "evidence": said})

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.journal.entries()

    @property
    def book(self) -> document.Book:
        return document.Book(str(self.order["host"]), self.journal.path.name, self.journal.path.read_text())


def activation(folder: Path, *, docs_fails: bool = False) -> Book:
    book = Book(folder, "activate", "twin1", "5ea1" * 16, 0)
    book.write(1, "opened")
    book.step(1, 12.5, "files", "shop.example", said="/srv/vhosts/shop.example is <web1.files>")
    book.step(12.5, 21, "database", "mariadb")
    book.step(21, 21.4, "serve", "shop.example")
    book.write(21.5, "held", "prove", "shop.example", evidence="200")
    book.step(21.5, 21.6, "ticket", "shop.example")
    book.step(21.6, 22, "dns", "shop.example", said="ns1 holds, ns2 holds")
    book.step(22, 50, "files", "docs.example", "failed" if docs_fails else "done", "disk full")
    if not docs_fails:
        book.step(50, 51, "dns", "docs.example")
    book.write(52, "closed", ok=not docs_fails, failed=["files docs.example"] if docs_fails else [])
    return book


def homecoming(folder: Path, start: float) -> list[Book]:
    withdraw = Book(folder, "withdraw", "twin1", "b0b0" * 16, start)
    withdraw.write(start, "opened")
    withdraw.step(start + 1, start + 2, "freeze", "twin1")
    withdraw.step(start + 2, start + 6, "save", "files")
    withdraw.write(start + 7, "closed", ok=True)
    restore = Book(folder, "restore", "web1", "b0b0" * 16, start + 8)
    restore.write(start + 8, "opened")
    restore.step(start + 8, start + 20, "files", "shop.example")
    restore.write(start + 21, "closed", ok=True)
    redirect = Book(folder, "redirect", "twin1", "b0b0" * 16, start + 22)
    redirect.write(start + 22, "opened")
    redirect.step(start + 22, start + 23, "dns", "shop.example")
    redirect.step(start + 23, start + 24, "dns", "docs.example")
    redirect.write(start + 25, "closed", ok=True)
    return [withdraw, restore, redirect]


def evidence(*books: Book, disaster: datetime | None = None, added: Added | None = None) -> Evidence:
    """Of these journals, whoever decided."""
    whole = tuple(book.book for book in books)
    return Evidence("e", T0, whole, Deciders({}, 1, None), disaster=disaster, added=added or Added())


def figures(found: Evidence) -> Mapping[str, tuple[float | None, float | None, float | None]]:
    vhosts = report.figures(found)["vhosts"]
    return {name: (v["rpo_seconds"], v["rto_seconds"], v["return_seconds"]) for name, v in vhosts.items()}


def test_rpo_counts_from_the_oldest_archive_and_rto_to_the_proof_of_dns(tmp_path: Path) -> None:
    found = evidence(activation(tmp_path))
    assert figures(found) == {"shop.example": (2400, 22, None), "docs.example": (72000, 51, None)}
    assert found.incident.ok


def test_rpo_of_databases_counts_from_what_was_used_and_not_from_what_was_planned(tmp_path: Path) -> None:
    book = Book(tmp_path, "activate", "twin1", "5ea1" * 16, 0)
    rows: list[Json] = [
        {"id": key, "kind": kind, "taken": at(seconds).isoformat()}
        for key, kind, seconds in (("f", "files", -60), ("m", "mariadb", -3000), ("p", "postgresql", -3000))
    ]
    tails: list[Json] = [{"archive": key, "until": at(-90).isoformat()} for key in ("m", "p")]
    moves: list[Json] = [{"domain": "shop.example", "archives": rows, "tails": tails, "changes": []}]
    book.order["plan"] = {"source": "web1", "target": "twin1", "moves": moves}
    book.write(1, "opened")

    def databases() -> float:
        vhosts = report.figures(evidence(book, disaster=at(-1)))["vhosts"]
        found: float = vhosts["shop.example"]["rpo_databases_seconds"]
        return found

    assert databases() == 89  # as planned
    book.write(2, "begun", "database", "mariadb")
    book.write(3, "done", "database", "mariadb", evidence="by its replica", until=at(-1.5).isoformat())
    assert databases() == 89  # the other one is still only planned
    book.write(4, "begun", "database", "postgresql")
    book.write(5, "done", "database", "postgresql", evidence="by the stream", until=at(-4).isoformat())
    assert databases() == 3
    assert figures(evidence(book, disaster=at(-1)))["shop.example"][0] == 59  # files


def test_a_declared_disaster_moves_rpo_and_not_rto(tmp_path: Path) -> None:
    found = evidence(activation(tmp_path), disaster=at(-600))
    assert figures(found)["shop.example"] == (1800, 22, None)
    assert [mark.label for mark in found.incident.marks] == ["disaster", "activation"]


def test_a_return_counts_from_the_freeze_to_the_proof_of_dns(tmp_path: Path) -> None:
    books = [activation(tmp_path), *homecoming(tmp_path, 600)]
    found = evidence(*reversed(books))
    incident = found.incident
    assert figures(found) == {"shop.example": (2400, 22, 22), "docs.example": (72000, 51, 23)}
    assert [run.kind for run in incident.runs] == ["activate", "withdraw", "restore", "redirect"]
    assert incident.title == "web1 was lost, twin1 took over, and web1 is back"


def test_a_report_before_the_end_of_a_return_says_who_serves(tmp_path: Path) -> None:
    books = [activation(tmp_path), *homecoming(tmp_path, 600)]
    assert evidence(*books).incident.now == ""
    assert evidence(books[0]).incident.now == "web1 is not back; twin1 serves what holds below."
    begun = evidence(*books[:2]).incident.now
    assert "a return was begun at" in begun
    assert begun in report.to_html(evidence(*books[:2]))


def test_a_failure_is_told_and_what_was_not_proven_has_no_rto(tmp_path: Path) -> None:
    found = evidence(activation(tmp_path, docs_fails=True))
    assert not found.incident.ok
    assert figures(found)["docs.example"] == (72000, None, None)
    assert "disk full" in report.to_html(found)


def test_a_run_that_was_killed_and_continued_is_one_run_and_shows_the_interruption(tmp_path: Path) -> None:
    book = Book(tmp_path, "activate", "twin1", "5ea1", 0)
    book.write(1, "opened")
    book.write(2, "begun", "files", "shop.example")
    book.write(30, "opened")
    book.step(31, 40, "files", "shop.example")
    book.step(40, 41, "dns", "shop.example")
    incident = Incident.from_journals([book.entries])
    assert [(act.outcome, act.seconds) for act in incident.runs[0].acts] == [
        ("interrupted", 28),
        ("done", 9),
        ("done", 1),
    ]
    assert incident.runs[0].closed is None
    assert not incident.ok
    assert figures(evidence(book))["shop.example"][1] == 41


def test_a_second_order_continues_the_incident_and_the_clock_of_the_first_runs_on(tmp_path: Path) -> None:
    second = Book(tmp_path, "activate", "twin1", "5ec0", 100)
    second.write(100, "opened")
    second.step(100, 130, "dns", "docs.example")
    second.write(131, "closed", ok=True)
    found = evidence(activation(tmp_path, docs_fails=True), second)
    assert found.incident.ok
    assert figures(found) == {"shop.example": (2400, 22, None), "docs.example": (72000, 130, None)}


def test_an_earlier_incident_that_ended_is_not_told_again(tmp_path: Path) -> None:
    earlier = [activation(tmp_path), *homecoming(tmp_path, 600)]
    later = Book(tmp_path, "activate", "twin1", "1a7e", 9000)
    later.write(9000, "opened")
    later.step(9001, 9010, "dns", "shop.example")
    found = evidence(*earlier, later)
    assert [run.seal for run in found.incident.runs] == ["1a7e"]
    assert figures(found)["shop.example"][1] == 10
    assert document.of_incident(found.books, disaster=None) == (later.book,)


def test_without_an_activation_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no activation"):
        Incident.from_journals([(), homecoming(tmp_path, 0)[0].entries])


def test_the_page_carries_the_journals_heads_and_loads_nothing(tmp_path: Path) -> None:
    book = activation(tmp_path)
    extra = Table("Rows", ("acknowledged", "lost"), [("1,234", "0")])
    html = report.to_html(evidence(book, added=Added(tables=(extra,))))
    assert html.startswith("<!doctype html>")
    assert book.journal.head in html
    assert "1,234" in html
    assert "&lt;web1.files&gt;" in html  # what a host said is text
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", html.partition(OPENS)[0])
    assert html.count("<script") == html.count(OPENS) == 1  # data, which no browser runs


def test_a_page_that_holds_and_one_that_does_not_look_different() -> None:
    good, bad = (render(Page("Demo", ok, ["All of it."])) for ok in (True, False))
    assert "✓ all of it holds" in good
    assert "✗ not all of it holds" in bad
    assert "<svg" not in good  # nothing happened, so there is no picture


def bars(picture: str) -> list[tuple[float, float, float]]:
    """Left, right and top of every bar, as drawn."""
    groups = ET.fromstring(picture).findall(f"{SVG}g")  # noqa: S314 - our own
    rects = [rect for group in groups if (rect := group.find(f"{SVG}rect")) is not None]
    return [
        (float(r.attrib["x"]), float(r.attrib["x"]) + float(r.attrib["width"]), float(r.attrib["y"])) for r in rects
    ]


def span(start: float, end: float, lane: str = "shop.example", kind: str = "files") -> Span:
    return Span(lane, kind, at(start), at(end), kind)


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    (left, right, _), (other_left, other_right, _) = bars(svg([span(0, 30), span(60, 120)]))
    assert other_right - other_left == pytest.approx(2 * (right - left), rel=0.01)
    assert other_left - left == pytest.approx(2 * (right - left), rel=0.01)


def test_what_took_a_moment_is_still_seen() -> None:
    drawn = bars(svg([span(0, 3600), span(3600, 3600.01)]))
    assert all(right - left >= 2 for left, right, _ in drawn)


def test_nothing_is_drawn_over_anything_else() -> None:
    spans = [span(number * 3, number * 3 + 5) for number in range(20)] + [span(1, 50, "mariadb", "database")]
    drawn = sorted((top, left, right) for left, right, top in bars(svg(spans)))
    for (top, _, right), (next_top, left, _) in pairwise(drawn):
        assert top != next_top or left >= right - 0.6


def test_days_in_which_nothing_happened_are_cut_out_and_said() -> None:
    picture = svg([span(0, 60), span(200_000, 200_060)], [Mark(at(0), "order")])
    assert "2 d 7 h later" in picture
    (left, right, _), (_, last, _) = bars(picture)
    assert right - left > 200
    assert last <= WIDTH


def test_a_name_from_outside_can_not_break_the_picture() -> None:
    evil = '<script>&"'
    ET.fromstring(svg([Span(evil, evil, at(0), at(1), evil)], [Mark(at(0), evil)]))  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.2 s"), (42, "42 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


def test_a_mark_alone_is_a_picture_too() -> None:
    marks: Sequence[Mark] = [Mark(at(0), "order")]
    assert "order" in svg([], marks)
