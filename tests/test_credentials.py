"""The register of credentials that live elsewhere: what is shown, what is told to people, and what cron sees."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import lab_estate

from effects import clock
from estate.policy import Credential
from estate.reminders import BEFORE, left, overdue, reminder
from seawall.cli import run

CHANGED = date(2026, 9, 1)
ONE = Credential("proxmox-root", "Proxmox", "alice", hardware_key=True, changed=CHANGED, every_days=60)


def told(days: range) -> list[str]:
    """Reminders that are sent by somebody who looks on these days, counted from the last change."""
    found = (reminder(ONE, CHANGED + timedelta(days=day)) for day in days)
    return list(dict.fromkeys(name for name in found if name is not None))


def test_people_are_told_two_weeks_before_one_week_before_and_each_day_it_is_overdue() -> None:
    assert told(range(46)) == []
    assert told(range(61)) == [f"credential proxmox-root due 2026-10-31 in {days} days" for days in (14, 7)]
    assert len(told(range(61, 71))) == 10
    assert not overdue(ONE, ONE.due)


@given(st.integers(1, 60))
def test_who_looks_seldom_is_told_late_but_is_told(every: int) -> None:
    assert told(range(0, 62 + every, every))[-1].startswith("credential proxmox-root overdue on")


@given(st.dates(CHANGED, CHANGED + timedelta(days=400)))
def test_nobody_is_told_early(day: date) -> None:
    assert (reminder(ONE, day) is None) == (left(ONE, day) > max(BEFORE))


def an_estate(folder: Path, **changed: date) -> Path:
    """The lab's, with these credentials, last changed then, and tickets in a file beside it."""
    lab_estate(folder)
    path = folder / "estate.toml"
    tables = (
        f'[credentials.{name}]\nwhere = "Proxmox"\nowner = "alice"\nchanged = {day}\n' for name, day in changed.items()
    )
    text = path.read_text(encoding="utf-8").replace("/var/lib/seawall/tickets.log", f"{folder}/tickets")
    path.write_text("\n".join((text, *tables)), encoding="utf-8")
    return path


def test_an_overdue_one_is_named_and_told_once_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    today = clock.now().date()
    path = an_estate(tmp_path, old=today - timedelta(days=70), new=today)
    tickets = tmp_path / "tickets"
    for _ in range(2):
        assert run(["credentials", "--remind", "--json", "--estate", str(path)]) == 1
    said = capsys.readouterr()
    assert "old (alice, since" in said.err
    assert "hint:" in said.err
    document = json.JSONDecoder().raw_decode(said.out)[0]
    assert [row["credential"] for row in document["credentials"]] == ["old", "new"]
    assert tickets.read_text(encoding="utf-8").count("Reference: credential old overdue") == 1
    assert "new" not in tickets.read_text(encoding="utf-8")


def test_where_none_is_overdue_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = an_estate(tmp_path, new=clock.now().date())
    assert run(["credentials", "--due", "30", "--estate", str(path)]) == 0
    assert "proxmox" not in capsys.readouterr().out.lower()
    assert run(["credentials", "--estate", str(path)]) == 0
    assert "Proxmox" in capsys.readouterr().out
