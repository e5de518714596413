"""How backups stand, for Prometheus: its text format, version 0.0.4 (prometheus.io, "Exposition formats")."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from backups.standing import Standing

Sample = tuple[dict[str, str], float]
HELP = {
    "level": "0 saved as promised, 1 a side or a replica lacks something, 2 the newest turn is nowhere, 3 unknown.",
    "newest_timestamp_seconds": "The instant that the newest archive of this kind on this side brings back.",
    "every_seconds": "How often the policy wants one.",
    "owed_since_timestamp_seconds": "The first turn that brought this side nothing; 1 where it never got anything.",
    "last_run_failed": "Whether the last run reached this side and was refused, or did not reach it.",
    "proven_timestamp_seconds": "The instant that a proven restore brought back.",
    "loss_now_seconds": "What losing this would cost now; +Inf: all of it.",
    "loss_promised_seconds": "What losing this costs at most while the twin's replicas keep their promise.",
    "loss_worst_seconds": "What losing this costs at most, also without streams and replicas; +Inf: all of it.",
    "replica_follows": "Whether the twin's replica of this engine follows.",
    "replica_behind_seconds": "How far the twin's replica is behind; left out where it does not hear production.",
    "replica_lacks_seconds": "What an activation from it would lose at most; left out where none would go on from it.",
    "replica_rests": "Whether it does not follow because it should not: the twin serves, or an activation has it.",
    "replica_refused": "Whether the operator said that activations leave it out.",
    "kept_here": "Snapshots that wait on the host for a side to return.",
    "unread": "Repositories and hosts that could not be looked at.",
}


def exposition(standings: Iterable[Standing]) -> str:
    """All of them as one document, in an order that never changes."""
    found: dict[str, list[Sample]] = {name: [] for name in HELP}
    for one in standings:
        for name, sample in _samples(one):
            found[name].append(sample)
    return "".join(_family(f"seawall_backup_{name}", HELP[name], rows) for name, rows in found.items() if rows)


def _samples(one: Standing) -> Iterator[tuple[str, Sample]]:
    host = {"host": one.host}
    yield "level", (host, float(one.level))
    yield "kept_here", (host, float(len(one.kept)))
    yield "unread", (host, float(len(one.faults)))
    for subject in one.subjects:
        kind = host | {"kind": str(subject.kind)}
        yield "every_seconds", (kind, subject.every.total_seconds())
        if subject.proven:
            yield "proven_timestamp_seconds", (kind, _stamp(subject.proven))
        for part in subject.parts:
            labels = kind | {"side": str(part.side), "server": part.server}
            yield "last_run_failed", (labels, float(part.error is not None))
            if part.newest:
                yield "newest_timestamp_seconds", (labels, _stamp(part.newest))
            if part.owes:
                yield "owed_since_timestamp_seconds", (labels, _stamp(part.owes_since) if part.owes_since else 1.0)
    yield from _replicas(one)
    for price in one.prices:
        labels = host | {"kind": str(price.kind), "lost": price.loss.name}
        for when, cost in (("now", price.now), ("promised", price.promised), ("worst", price.worst)):
            yield f"loss_{when}_seconds", (labels, float("inf") if isinstance(cost, str) else cost.total_seconds())


def _replicas(one: Standing) -> Iterator[tuple[str, Sample]]:
    for replica in one.replicas:
        which = {"host": one.host, "engine": str(replica.engine)}
        yield "replica_follows", (which, float(not replica.why))
        if replica.behind is not None:
            yield "replica_behind_seconds", (which, replica.behind)
        if replica.lacks is not None:
            yield "replica_lacks_seconds", (which, replica.lacks)
        yield "replica_rests", (which, float(replica.rests))
        yield "replica_refused", (which, float(replica.refused))


def _stamp(instant: datetime) -> float:
    return round(instant.timestamp(), 3)


def _family(name: str, told: str, rows: list[Sample]) -> str:
    lines = [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
    lines += [f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in rows]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:.15g}"
