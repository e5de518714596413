"""How long until visitors find a vhost at the twin: measured where it was done before, else by the constants of a plan.

`low`: as fast as the fastest activation that nothing disturbed; where there was none, what stands ready is only moved.
`high`: as slow as the slowest, and no less than a twin needs that has nothing yet: all of it from a repository, at the
rate of the slowest proof that fetched most of what it looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backups.proof.record import Proof
from backups.tables import Evidence
from drp.incident import ACTIVATE, DNS, Act, Run
from drp.plan import BYTES_A_SECOND, FILES_A_SECOND, SWAP, TAIL
from estate.model import Estate, Vhost
from estate.points import FILES, Kind, kinds_of

LAST = 5  # activations that count
Sizes = Mapping[Kind, tuple[int, int]]  # bytes and files of the newest archive of each kind


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the order until every name server was proven."""

    low: float
    high: float
    measured: int  # activations that `low` comes from; 0: none


def spans(
    estate: Estate, vhosts: Sequence[Vhost], sizes: Sizes, runs: Iterable[Run], proofs: Sequence[Proof]
) -> dict[str, Span]:
    """By domain, each after those before it: `vhosts` in the order of recovery."""
    known, rate = measured(runs), cold_rate(proofs)
    shares = _shares(proofs)
    found, warm, cold, brought = dict[str, Span](), 0.0, 0.0, set[Kind]()
    for vhost in vhosts:
        new = [kind for kind in kinds_of(estate, vhost) if kind not in brought]
        brought |= {kind for kind in new if kind != FILES}
        warm += TAIL + SWAP * sum(kind != FILES for kind in new)
        cold += TAIL + sum(_cold(kind, _of(kind, vhost, sizes, shares), rate) for kind in new)
        before = known.get(vhost.domain, [])
        found[vhost.domain] = Span(
            round(min(before, default=warm), 1), round(max([*before, warm, cold]), 1), len(before)
        )
    return found


def measured(runs: Iterable[Run]) -> dict[str, list[float]]:
    """Seconds from order to DNS, by domain, of the last activations that came to their end undisturbed."""
    found: dict[str, list[float]] = {}
    good = [run for run in runs if run.kind == ACTIVATE and run.ok and not any(map(_disturbed, run.acts))]
    for run in sorted(good, key=lambda run: run.ordered)[-LAST:]:
        for act in run.acts:
            if act.step == DNS and (end := run.ended(DNS, act.subject)):
                found.setdefault(act.subject, []).append((end - run.ordered).total_seconds())
    return found


def _disturbed(act: Act) -> bool:
    return act.outcome not in ("done", "held")


def cold_rate(proofs: Iterable[Proof]) -> float:
    """Bytes a second of files, fetched, written, and proven with all else: slower than a restore alone."""
    rates = []
    for proof in proofs:
        whole = sum(_figure(seen, "bytes") for seen in proof.vhosts.values())
        fetched = sum(_figure(seen, "fetched") for seen in proof.vhosts.values())
        if whole and fetched * 2 >= whole:
            rates.append(whole / max(proof.seconds, 0.001))
    return min([*rates, BYTES_A_SECOND])


def _shares(proofs: Sequence[Proof]) -> dict[str, tuple[int, int]]:
    """Bytes and files of each vhost as the newest proof saw them: in the archive all vhosts are together."""
    found: dict[str, tuple[int, int]] = {}
    for proof in proofs:
        for domain, seen in proof.vhosts.items():
            if "bytes" in seen:
                found[domain] = (_figure(seen, "bytes"), _figure(seen, "files"))
    return found


def _figure(seen: Evidence, word: str) -> int:
    return int(seen.get(word) or 0)


def _of(kind: Kind, vhost: Vhost, sizes: Sizes, shares: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    whole = sizes.get(kind, (0, 0))
    return shares.get(vhost.domain, whole) if kind == FILES else whole


def _cold(kind: Kind, size: tuple[int, int], rate: float) -> float:
    return size[0] / rate + size[1] / FILES_A_SECOND + (0 if kind == FILES else SWAP)
