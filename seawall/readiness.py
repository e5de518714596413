"""Could we come back tonight? The twin, the other hosts and the estate are asked at the same time, by one command."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backups.standing import Level
from drp import drive
from drp.ready import control, findings
from drp.ready.comebacks import COMEBACKS, Comeback
from drp.ready.findings import FINDINGS, Finding
from estate.model import Estate
from estate.problem import Failed


@dataclass(frozen=True, slots=True)
class Readiness:
    """All that is known of it."""

    status: dict[str, Any]  # what `seawall host status` answers on the twin
    comebacks: tuple[Comeback, ...]  # of vhosts that the twin does not serve
    findings: tuple[Finding, ...]  # worst first

    @property
    def away(self) -> tuple[str, ...]:
        """Vhosts that visitors find at the twin: they have come back already."""
        return tuple(row["domain"] for row in self.status["vhosts"] if row["dns"] == self.status["twin"])

    @property
    def level(self) -> Level:
        """Ready is OK, and nothing else is."""
        return findings.level(self.findings)

    @property
    def line(self) -> str:
        """For a monitor."""
        told = [f"{one.host}: {one.what}" for one in self.findings]
        said = "; ".join(told) or "an activation would come to its end"
        return f"DRP {self.level.name} - {said}".replace("|", "/").replace("\n", " ")


def asked(estate: Estate, path: Path) -> Readiness:
    """Raises as `Hand.ask` does where the twin does not answer; what else does not is unknown, and said."""
    production, twin = drive.production(estate), drive.twin(estate)

    with ThreadPoolExecutor(max_workers=1) as pool, drive.Hand(estate, twin) as hand:
        around = pool.submit(control.seen, estate, path, production, twin)
        answer = hand.ask("ready")
        found = around.result()
    bare = Readiness(answer["status"], (), ())
    if "unready" in answer:
        unready = findings.unknown(twin.name, "readiness", Failed(**answer["unready"]))
        return replace(bare, findings=findings.worst_first([*found, unready]))
    comebacks = tuple(one for one in COMEBACKS.validate_python(answer["comebacks"]) if one.domain not in bare.away)
    told = [*_hopeless(comebacks), *FINDINGS.validate_python(answer["findings"]), *found]
    return replace(bare, comebacks=comebacks, findings=findings.worst_first(told))


def _hopeless(comebacks: tuple[Comeback, ...]) -> list[Finding]:
    """Where production is lost and a site would not come back: for that it all is there."""
    bad = [one for one in comebacks if not one.goes_on and not one.could]
    return [
        Finding(
            Level.UNKNOWN if one.could is None else Level.CRITICAL,
            one.domain,
            "comeback",
            f"if {one.lost} is lost: {one.why}",
            "look at: seawall drp plan",
        )
        for one in bad
    ]
