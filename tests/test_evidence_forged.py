"""Journals that are whole and made by somebody else: whatever stands in them is found, and never a fault of ours."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from incidents import chained
from incidents import estate as estate
from incidents import evidence as evidence
from test_drills import drill as drilled
from test_drills import evidence as of_drills

from drp import report
from drp.drills import page, record
from drp.evidence.document import Book, Evidence
from drp.evidence.document import dump as as_json
from drp.evidence.drilled import Drilled
from drp.evidence.drilled import dump as drills_as_json
from drp.evidence.verify import WRITTEN, holds, verify
from drp.page import OPENS
from estate.model import Estate

VALUES = st.sampled_from((None, "", "x", 5, [], {}, ["x"], {"x": "x"}))
Around = Callable[[tuple[Book, ...]], str]  # the page with these journals in it


def around(shown: str, evidence: str) -> str:
    head, _, rest = shown.partition(OPENS)
    return f"{head}{OPENS}{evidence}</script>{rest.partition('</script>')[2]}"


@pytest.fixture(scope="module")
def incident(evidence: Evidence) -> tuple[tuple[Book, ...], Around]:
    shown = report.to_html(evidence)
    return evidence.books, lambda books: around(shown, as_json(replace(evidence, books=books)))


@pytest.fixture(scope="module")
def drills(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[tuple[Book, ...], Around]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "DRILLS", tmp_path_factory.mktemp("drills"))
        said: Drilled = of_drills(drilled(estate), drilled(estate, 24))
        shown = page.to_html(said)
        yield said.drills, lambda books: around(shown, drills_as_json(replace(said, drills=books)))


def forged(book: Book, data: st.DataObject) -> Book:
    """With another value for something that an entry says, or without it."""
    rows = [json.loads(line) for line in book.text.splitlines()]
    row = rows[data.draw(st.integers(0, len(rows) - 1))]
    if row["detail"]:
        key, value = data.draw(st.sampled_from(sorted(row["detail"]))), data.draw(VALUES)
        row["detail"] = {name: one for name, one in row["detail"].items() if name != key}
        row["detail"] |= {} if value is None else {key: value}
    return replace(book, text=chained(rows))


@pytest.mark.parametrize("kind", ["incident", "drills"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_an_entry_says_it_is_judged(kind: str, data: st.DataObject, request: pytest.FixtureRequest) -> None:
    books, made = request.getfixturevalue(kind)
    number = data.draw(st.integers(0, len(books) - 1))
    changed = tuple(forged(book, data) if n == number else book for n, book in enumerate(books))
    if changed != books:
        assert not holds(verify(made(changed)))


@pytest.mark.parametrize("kind", ["incident", "drills"])
def test_a_page_without_a_journal_shows_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    _, made = request.getfixturevalue(kind)
    (found,) = verify(made(()))
    assert (found.what, found.fault) == (WRITTEN, "there is no journal")
