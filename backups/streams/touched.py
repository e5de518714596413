"""Which files of tables PostgreSQL's log changes, so that what was not changed can be compared. Pure.

In words of pg_waldump(1), 15 and 17. A transaction writes its rows long before it commits; so all that was written
since the checkpoint at which the copy began counts as changed, and a transaction older than that makes all unclear.
"""

import re

_NEXT = re.compile(r"desc: RUNNING_XACTS nextXid (\d+)")
_COMMIT = re.compile(r"tx:\s+(\d+), lsn: \S+, prev \S+, desc: COMMIT(_PREPARED)?")
_FILE = re.compile(r"\b(?:rel \d+|base)/(\d+/\d+)")
# Of pg_class or pg_attribute: renamed, or of other columns.
_ALTERED = re.compile(r"desc: (?:HOT_)?UPDATE\b.*?rel \d+/(\d+)/(?:1259|1249)\b")
_NO_CHANGE = "desc: FPI_FOR_HINT"  # a page that was only read
ROUND = 1 << 32  # XIDs come again


def touched(while_copied: str, since: str) -> frozenset[str] | None:
    """Every `database/file` that the log changes, `database/*` where tables were altered; None where all is unclear.

    `while_copied` reaches from the beginning of a base backup to its end, `since` from there to now.
    """
    running = _NEXT.search(while_copied)
    if running is None:
        return None
    for xid, prepared in _COMMIT.findall(since):
        if prepared or _is_before(int(xid), int(running[1])):
            return None
    lines = [line for dump in (while_copied, since) for line in dump.splitlines() if _NO_CHANGE not in line]
    altered = {f"{found[1]}/*" for line in lines if (found := _ALTERED.search(line))}
    return frozenset(altered | {file for line in lines for file in _FILE.findall(line)})


def _is_before(xid: int, other: int) -> bool:
    return 0 < (other - xid) % ROUND < ROUND // 2
