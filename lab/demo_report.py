"""What the demo measured: a summary on the terminal, a page with a timeline, and JSON."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drp import gather, report
from drp.evidence.document import Added, Evidence
from drp.page import Table
from drp.timeline import Mark, Span
from lab.chain import Demo
from lab.layout import SITES
from lab.writer import DOMAIN, Attempt, Loss


def figures(demo: Demo, seconds: float) -> dict[str, Any]:
    """The JSON report. Durations are in seconds; every figure was measured in this run.

    `rpo_seconds`: age, at the cut, of what the vhost was brought back from; for the ledger it is counted: from the
    newest acknowledged row that survived to the cut. `rto_seconds`: from the order to the first good answer that a
    visitor got; `outage_seconds`: the same from the cut. `lost_later` must be 0: nothing is lost once the twin serves.
    """
    after, rows = demo.found["after_activation"], demo.found["rows"]
    vhosts = {domain: _vhost(demo, domain) for domain in SITES}
    vhosts[DOMAIN] |= {
        "rpo_seconds": _counted_rpo(demo.found["attempts"], after, demo.instants["cut"]),
        "rows_acknowledged": rows.acknowledged,
        "rows_lost": len(rows.lost),
        "rows_lost_later": len(set(rows.lost) - set(after.lost)),
    }
    return {
        "ok": vhosts[DOMAIN]["rows_lost_later"] == 0 and all(row["rto_seconds"] is not None for row in vhosts.values()),
        "seconds": round(seconds, 1),
        "vhosts": vhosts,
        "hardening": [_hardening(run) for run in demo.hardening],
        "stages": {stage.name: stage.seconds for stage in demo.stages},
        "steps": [
            {"host": run["host"], "job": run["kind"]} | step
            for run in report.figures(_evidence(demo))["runs"]
            for step in run["steps"]
        ],
        "repository_bytes": {row["archive"]: row["bytes"] for row in [*demo.found["files"], *demo.found["databases"]]},
    }


def _vhost(demo: Demo, domain: str) -> dict[str, Any]:
    served, cut, ordered = demo.found["served"].get(domain), demo.instants["cut"], demo.instants["ordered"]
    lost = demo.found["plan"]["loss_seconds"][domain]
    made = datetime.fromisoformat(demo.found["plan"]["plan"]["made"])
    return {
        "rpo_seconds": round(lost - (made - cut).total_seconds(), 1),
        "rto_seconds": served and round((served - ordered).total_seconds(), 1),
        "outage_seconds": served and round((served - cut).total_seconds(), 1),
        "rows_acknowledged": 0,
        "rows_lost": 0,
    }


def _counted_rpo(attempts: Sequence[Attempt], after: Loss, cut: datetime) -> float:
    safe = [a.at + a.took for a in attempts if a.ok and a.number not in after.lost and a.at + a.took < cut]
    return round((cut - max(safe)).total_seconds(), 1)


def _hardening(run: dict[str, Any]) -> dict[str, Any]:
    hosts = {name: row["changes"] for name, row in run["hosts"].items()}
    return {"hosts": len(hosts), "changes": sum(hosts.values()), "seconds": run["seconds"], "by_host": hosts}


def _evidence(demo: Demo, added: Added | None = None) -> Evidence:
    return gather.evidence(demo.estate, disaster=demo.instants["cut"], added=added)


def write(measured: dict[str, Any], demo: Demo, out: Path) -> bool:
    """Both reports into `out`, and the summary. Whether all is well."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    (out / "report.html").write_text(_page(measured, demo), encoding="utf-8")
    for line in _summary(measured):
        demo.say(line)
    demo.say(f"{out}/report.html has the timeline, {out}/report.json the figures")
    return bool(measured["ok"])


def _page(measured: dict[str, Any], demo: Demo) -> str:
    marks = (Mark(demo.instants["cut"], "limburg lost"), Mark(demo.instants["healed"], "limburg back"))
    stages = tuple(Span("chain", stage.name, stage.start, stage.end, "chain") for stage in demo.stages)
    tables = (_sites(measured), _chain(measured))
    return report.to_html(_evidence(demo, Added(tuple(_summary(measured)), tables, stages, marks)))


def _sites(measured: dict[str, Any]) -> Table:
    rows = [
        (domain, f"{row['rpo_seconds']} s", f"{row['rto_seconds']} s", f"{row['outage_seconds']} s",
         str(row["rows_acknowledged"]), str(row["rows_lost"]))
        for domain, row in measured["vhosts"].items()
    ]  # fmt: skip
    columns = ("site", "RPO", "RTO", "outage", "rows acknowledged", "rows lost")
    note = (
        "As a visitor saw it, and as the writer's own record counts it. Outage: from the loss to the first good answer."
    )
    return Table("Measured from outside", columns, rows, note=note, right=columns[1:])


def _chain(measured: dict[str, Any]) -> Table:
    hardening = [(f"harden, run {n}", f"{run['seconds']:.1f}", f"{run['changes']} changes on {run['hosts']} hosts")
                 for n, run in enumerate(measured["hardening"], 1)]  # fmt: skip
    stages = [(name, f"{seconds:.1f}", "") for name, seconds in measured["stages"].items()]
    return Table("The chain", ("stage", "seconds", ""), [*stages, *hardening], right=("seconds",))


def _summary(measured: dict[str, Any]) -> list[str]:
    ledger = measured["vhosts"][DOMAIN]
    lines = [
        f"{domain}: served {row['rto_seconds']} s after the order, as it was {row['rpo_seconds']} s before the loss"
        for domain, row in measured["vhosts"].items()
    ]
    lost, later = ledger["rows_lost"], ledger["rows_lost_later"]
    lines.append(
        f"rows: {ledger['rows_acknowledged']} acknowledged, {lost} lost with the datacenter, {later} afterwards"
    )
    changes = ", then ".join(f"{run['changes']} changes in {run['seconds']:.0f} s" for run in measured["hardening"])
    lines.append(f"hardening of {measured['hardening'][0]['hosts']} hosts: {changes}")
    return [*lines, f"all of it in {timedelta(seconds=round(measured['seconds']))} (h:mm:ss)"]
