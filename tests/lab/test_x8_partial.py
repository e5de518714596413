"""One site comes back as it was at an instant, then the others join it; nothing is undone here, so this comes last."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from chain import SITES, add_row, fault, good, on, prepare, rows, typed
from test_x3_recovery import activate, by, jobs, served

from effects.clock import now, wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

LEDGER = "ledger.example"
REST = [site for site in SITES if site != LEDGER]


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    prepare(lab)


def planned(lab: Lab, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = good(typed(lab, "drp", "plan", "--json", *words))
    return found


def reaches(lab: Lab, at: datetime) -> bool:
    """Whether the stream has come that far."""
    (move,) = planned(lab, f"--vhost={LEDGER}", f"--at={at.isoformat()}")["plan"]["moves"]
    return any(datetime.fromisoformat(tail["until"]) == at for tail in move["tails"])


@pytest.fixture(scope="module")
def before(lab: Lab) -> datetime:
    """The instant before a mistake: row 8001 was written by then, and 8002 afterwards."""
    lab.run("web1", "systemctl start seawall-stream")
    for kind in ("files", "databases"):
        good(on(lab, "web1", "backup", kind, "--json"))
    add_row(lab, 8001)
    at = now()
    wait_until(lambda: now() > at + timedelta(milliseconds=10), timeout=5, late=Failed("the clock stands", hint="-"))
    add_row(lab, 8002)
    late = Failed("the stream does not come to that instant", hint="seawall backup stream status")
    wait_until(lambda: reaches(lab, at), timeout=60, late=late, every=0.5)
    return at


def test_what_can_not_be_planned_is_said(lab: Lab) -> None:
    fault(typed(lab, "drp", "plan", "--vhost=ledger.exmaple"), 2, "ledger.exmaple", LEDGER)
    fault(typed(lab, "drp", "plan", "--at=2199-01-01 00:00:00"), 2, "in the future")
    fault(typed(lab, "drp", "plan", "--at=yesterday"), 2, "yesterday")


def test_one_site_comes_back_as_it_was(lab: Lab, before: datetime) -> None:
    plan = planned(lab, f"--vhost={LEDGER}", f"--at={before.isoformat()}")
    assert [move["domain"] for move in plan["plan"]["moves"]] == [LEDGER]
    assert sorted(plan["plan"]["left"]) == sorted(REST)
    done = activate(lab, plan["seal"])
    assert done.ok, done.err[-3000:]
    served(lab, "twin1", LEDGER)
    assert 8001 in rows(lab)
    assert 8002 not in rows(lab)


def test_the_others_join_it_and_what_it_wrote_meanwhile_stays(lab: Lab, before: datetime) -> None:
    add_row(lab, 8003)
    fault(typed(lab, "drp", "plan", f"--vhost={LEDGER}"), 6, LEDGER, "served already")
    plan = planned(lab)
    assert sorted(move["domain"] for move in plan["plan"]["moves"]) == sorted(REST)
    left = typed(lab, "drp", "activate", f"--seal={plan['seal']}", *by(lab), "--detach")
    assert left.ok, left.err[-3000:]
    journal = f"/var/lib/seawall/drp/activate-{plan['seal'][:12]}/journal.jsonl"
    late = Failed("nobody watches, and it does not come to its end", hint="journalctl -u 'seawall-drp@*' on twin1")
    wait_until(lambda: lab.run("twin1", f"tail -n 1 {journal} | grep closed").ok, timeout=120, late=late, every=0.5)
    done = activate(lab, plan["seal"])
    assert done.ok, done.err[-3000:]
    served(lab, "twin1", *SITES)
    assert {8001, 8003} <= rows(lab)
    assert len(jobs(lab, "twin1", "activate")) >= 2
