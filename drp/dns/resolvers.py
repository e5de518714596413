"""What resolvers that visitors use still remember of a change: evidence, and nothing waits for it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic

from drp.change import Change
from drp.dns.together import SILENT, Silence
from effects.clock import now
from effects.dns import Server, remembered
from estate.problem import Problem

LIMIT = 1.0  # seconds for all that one of them is asked; all are asked at once


def remembering(resolvers: Sequence[Server], changes: Sequence[Change], *, silent: Silence = SILENT) -> str:
    """For people: which of them still has what stood before, and until when. Empty where there is none to ask.

    One that does not answer is said to be silent, and is not waited for again within 30 s. What only a wildcard holds
    can't be asked: each name below it is remembered by itself.
    """
    asked = [change for change in changes if not change.name.startswith("*.")]
    if not resolvers or not asked:
        return ""
    with ThreadPoolExecutor(max_workers=len(resolvers)) as pool:
        return "; ".join(pool.map(lambda server: f"{server.name} {_said(server, asked, silent)}", resolvers))


def _said(server: Server, changes: Sequence[Change], silent: Silence) -> str:
    end, old, whole = monotonic() + LIMIT, list[int](), True
    for change in changes:
        left = end - monotonic()
        if silent.around(server) or left <= 0:
            whole = False
            break
        try:
            seen = remembered(server, change.name, change.rtype, timeout=left)
        except Problem:
            silent.note(server)
            whole = False
            break
        if seen.values == tuple(sorted(change.before)):
            old.append(seen.ttl or 0)
    if old:
        return f"has the old answer until {(now() + timedelta(seconds=max(old))).isoformat(timespec='seconds')}"
    return "has the old answer no more" if whole else "did not answer"
