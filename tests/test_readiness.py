"""What becomes of the answers of all who were asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from saved_estate import lab_estate

from backups.standing import Level
from drp import drive
from drp.ready import control
from drp.ready.comebacks import COMEBACKS, Comeback
from drp.ready.findings import FINDINGS, Finding
from estate.problem import Problem, Unreachable
from seawall import readiness
from seawall.readiness import Readiness

SHOP = Comeback("web1", False, "shop.example", True, (), None, None, 60.0, 5.0, 9.0, 0, "")
DNS = {"shop.example": "web1", "docs.example": "web1"}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With these answers of the twin, and these findings from around it."""
    estate = lab_estate(tmp_path)

    def run(ready: Any, *around: Finding, dns: dict[str, str] = DNS, status: Problem | None = None) -> Readiness:
        def ask(hand: object, question: str) -> Any:
            assert question == "ready"
            if status is not None:
                raise status
            rows = [{"domain": domain, "dns": where} for domain, where in dns.items()]
            return ready | {"status": {"twin": "twin1", "vhosts": rows}}

        monkeypatch.setattr(drive.Hand, "ask", ask)
        monkeypatch.setattr(control, "seen", lambda *_: around)
        return readiness.asked(estate, tmp_path / "estate.toml")

    return run


def answer(*rows: Comeback, found: tuple[Finding, ...] = ()) -> dict[str, Any]:
    return {
        "comebacks": COMEBACKS.dump_python(rows, mode="json"),
        "findings": FINDINGS.dump_python(found, mode="json"),
    }


def test_ready_is_zero_and_a_site_that_would_not_come_back_is_not(asked: Any) -> None:
    assert asked(answer(SHOP)).level is Level.OK
    assert asked(answer(SHOP)).line.startswith("DRP OK")
    lost = asked(answer(SHOP, replace(SHOP, lost="limburg", could=False, why="nothing is left")))
    assert lost.level is Level.CRITICAL
    assert "if limburg is lost: nothing is left" in lost.line
    assert asked(answer(replace(SHOP, could=None))).level is Level.UNKNOWN


def test_a_loss_that_leaves_production_is_told_and_no_finding(asked: Any) -> None:
    assert asked(answer(replace(SHOP, lost="twin1", goes_on=True, could=False))).level is Level.OK


def test_what_the_twin_serves_has_come_back_already(asked: Any) -> None:
    docs = replace(SHOP, domain="docs.example", could=False)
    found = asked(answer(SHOP, docs), dns=DNS | {"docs.example": "twin1"})
    assert found.away == ("docs.example",)
    assert found.comebacks == (SHOP,)
    assert found.level is Level.OK


def test_a_twin_that_can_not_say_is_unknown_and_one_that_is_silent_ends_it(asked: Any) -> None:
    around = Finding(Level.WARNING, "ns1", "ttl", "slow", "do")
    found = asked({"unready": {"what": "twin1: its disk can't be read", "hint": "look"}}, around)
    assert [one.level for one in found.findings] == [Level.UNKNOWN, Level.WARNING]
    with pytest.raises(Unreachable):
        asked(answer(), status=Unreachable("twin1 does not answer ssh", hint="look"))
