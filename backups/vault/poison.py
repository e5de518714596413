"""Whether what was saved still is what it was: encrypted by somebody else, or mostly gone. Pure.

Neither is proof. A suspect archive stays, counts for nothing, and lets no older one go until a person says it is fine.
"""

from collections.abc import Sequence
from statistics import median

from backups.vault.model import Stats

ENOUGH = 2  # archives to compare with
LAST = 14
RANDOM = 0.95  # compressed / original of what can't be compressed: encrypted, or pictures
RISE = 0.15  # of that ratio: encrypted text among pictures
CHANGED = 0.5  # of an archive that the repository had not before
TIMES = 4.0  # as much as usual
LOST = 0.5
SMALL = 100_000  # bytes; below that shares say nothing


def suspicion(history: Sequence[Stats], now: Stats) -> str:
    """Why `now` is suspect after `history` (same kind, oldest first, suspects left out); empty where it is not."""
    past = history[-LAST:]
    if len(past) < ENOUGH or max(now.original, median(one.original for one in past)) < SMALL:
        return ""
    files, size = median(one.files for one in past), median(one.original for one in past)
    if now.files < LOST * files:
        return f"it has {now.files} files, usual are {files:.0f}"
    if now.original < LOST * size:
        return f"it has {now.original / 1e6:.1f} MB, usual are {size / 1e6:.1f} MB"
    before, ratio = median(_ratio(one) for one in past), _ratio(now)
    usual = median(one.added for one in past)
    if now.added > CHANGED and now.added > TIMES * usual and (ratio > RANDOM or ratio > before + RISE):
        return (
            f"{now.added:.0%} of it is new, usual are {usual:.0%}, and it can be compressed to {ratio:.0%}, usual are "
            f"{before:.0%}: as if it had been encrypted"
        )
    return ""


def _ratio(stats: Stats) -> float:
    return stats.compressed / stats.original if stats.original else 0.0
