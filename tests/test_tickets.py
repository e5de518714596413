"""People are told once, by a file or by a command."""

from pathlib import Path

import pytest

from drp import tickets
from estate.model import Tickets
from estate.problem import BadEstate, Failed, Missing

VALUES = {
    "domain": "shop.example",
    "source": "web1",
    "target": "twin1",
    "at": "2026-11-22T03:00:00+00:00",
    "loss": "at most 1 h 30 min of work",
    "by": "anna",
    "seal": "5ea1",
    "error": "no answer",
}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is noted what a command was told."""
    path = tmp_path / "state" / "sent"
    monkeypatch.setattr(tickets, "COMMAND_LEDGER", path)
    return path


def test_a_ticket_says_what_happened_and_is_sent_once(tmp_path: Path) -> None:
    told = tmp_path / "new" / "tickets.log"
    where = Tickets(file=str(told))
    assert tickets.sent(where, "a.shop.example") is None  # so this test can fail
    evidence = tickets.send(where, "activated", "a.shop.example", **VALUES)
    first = told.read_text(encoding="utf-8")
    assert first.startswith("shop.example: served from twin1 instead of web1\nReference: a.shop.example\n")
    assert "Lost: at most 1 h 30 min of work" in first
    assert tickets.send(where, "activated", "a.shop.example", **VALUES) == evidence
    assert tickets.sent(where, "a.shop.example") == evidence
    assert told.read_text(encoding="utf-8") == first


@pytest.mark.parametrize("kind", ["activated", "returned"])
def test_every_kind_names_site_hosts_and_who_ordered_it(kind: str, tmp_path: Path) -> None:
    tickets.send(Tickets(file=str(tmp_path / "log")), kind, "key", **VALUES)
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert all(word in text for word in ("shop.example", "web1", "twin1", "anna", "5ea1"))


def test_a_second_key_is_told_too(tmp_path: Path) -> None:
    where = Tickets(file=str(tmp_path / "log"))
    tickets.send(where, "activated", "a.shop.example", **VALUES)
    tickets.send(where, "returned", "b.shop.example", **VALUES)
    assert (tmp_path / "log").read_text(encoding="utf-8").count("Reference: ") == 2


def test_a_command_gets_the_text_on_standard_input(tmp_path: Path, ledger: Path) -> None:
    out = tmp_path / "out"
    where = Tickets(command=("tee", "-a", str(out)))
    for _ in range(2):
        tickets.send(where, "activated", "a.shop.example", **VALUES)
    assert out.read_text(encoding="utf-8").count("Reference: a.shop.example") == 1
    assert ledger.read_text(encoding="utf-8") == "a.shop.example\n"


def test_a_command_that_fails_did_not_tell_anybody_and_is_tried_again(ledger: Path) -> None:
    with pytest.raises(Failed, match="false"):
        tickets.send(Tickets(command=("false",)), "activated", "a", **VALUES)
    with pytest.raises(Missing, match="no-such-command"):
        tickets.send(Tickets(command=("no-such-command",)), "activated", "a", **VALUES)
    assert not ledger.exists()
    assert tickets.send(Tickets(command=("cat",)), "activated", "a", **VALUES) == "ticket a given to cat"


def test_a_place_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed, match=r"Not a directory|File exists"):
        tickets.send(Tickets(file=str(tmp_path / "file" / "log")), "activated", "a", **VALUES)
    with pytest.raises(BadEstate):
        tickets.send(Tickets(), "activated", "a", **VALUES)


def test_a_value_that_is_missing_is_told_before_anybody_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(Failed, match="'domain' is undefined"):
        tickets.send(Tickets(file=str(log)), "activated", "a")
    assert not log.exists()
