"""What is seen of a replica at one instant, and what follows from it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backups.streams import order
from backups.streams.frames import Position
from estate.model import Engine

PURGED = 1236  # MariaDB: the primary's log has not what comes next, or it is another server's
# The primary has not what comes next, or has begun anew (PostgreSQL 15 and 17).
LOST = ("has already been removed", "database system identifier differs", "is behind recovery timeline",
        "is not in this server's history", "is ahead of the WAL flush position",
        "not a child of database system timeline")  # fmt: skip

PROMISE = 30.0  # seconds of work that a replica may lack before somebody should look
NET_TIMEOUT = 10  # seconds without a word until MariaDB notices that production is gone
# Seconds that production may have been gone while a replica still says how far it is behind. MariaDB counts whole ones;
# PostgreSQL says when it heard the last word.
UNNOTICED = {Engine.MARIADB: NET_TIMEOUT + 1.0, Engine.POSTGRESQL: 0.0}


def lacks(engine: Engine, behind: float) -> float:
    """Seconds of work that a replica which is `behind` lacks at most."""
    return behind + UNNOTICED[engine]


@dataclass(frozen=True, slots=True)
class Look:
    """How far it is in production's log, and whether it goes on."""

    position: Position | None  # all before it is here; None where nothing came yet
    behind: float | None  # seconds; None where production is not heard
    why: str = ""  # why it does not go on now
    broken: bool = False  # it never will: it is seeded anew

    @property
    def follows(self) -> bool:
        return not self.why


def of_mariadb(row: Mapping[str, str]) -> Look:
    """Out of a row of SHOW SLAVE STATUS (MariaDB 10.11 and 11.8); an empty one: it was never told whom to follow."""
    if not row:
        return Look(None, None, "it follows nobody", broken=True)
    name = row["Relay_Master_Log_File"]
    position = Position(name, int(row["Exec_Master_Log_Pos"])) if name else None
    sql, io = int(row["Last_SQL_Errno"]), int(row["Last_IO_Errno"])
    if sql:
        return Look(position, None, f"what production sent can't be applied: {row['Last_SQL_Error']}", broken=True)
    if io == PURGED:
        return Look(position, None, f"production's log does not go on from here: {row['Last_IO_Error']}", broken=True)
    if row["Slave_IO_Running"] != "Yes" or row["Slave_SQL_Running"] != "Yes":
        return Look(position, None, row["Last_IO_Error"] or row["Slave_IO_State"] or "it does not follow")
    behind = row["Seconds_Behind_Master"]
    return Look(position, float(behind) if behind.isdigit() else None)


def of_postgresql(fields: list[str], log: str) -> Look:
    """Out of the answer to `postgresql.ASK`, and the end of its log where nobody sends."""
    timeline, receive, replay, status, heard, applied, sent = fields
    # The last is production's end, as it said last.
    ends = [order.lsn_of(text or "0/0") for text in (replay, receive, sent)]
    lsn = max(ends[:2])
    position = order.wal_position(int(timeline), lsn) if lsn else None
    if status == "streaming":
        since = heard if ends[0] == max(ends) else applied
        return Look(position, max(0.0, float(since)) if since else None)
    said = [line for line in log.splitlines() if "FATAL" in line or "ERROR" in line or "LOG:  waiting" in line]
    why = said[-1].partition(":  ")[2] if said else "nobody sends"
    return Look(position, None, why, broken=any(words in line for line in said[-2:] for words in LOST))


class Act(StrEnum):
    """What is to be done with a replica."""

    REST = "rest"
    START = "start"
    SEED = "seed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Situation:
    """Of one replica."""

    away: bool  # this host serves, or a job of the plan runs: nobody follows then
    frozen: bool  # an activation has stopped it, and may come back to it as long as nobody hands the epoch back
    here: bool  # its data is what was seeded
    same: bool  # production still writes the log that it was seeded from
    runs: bool
    broken: bool
    fresh: bool  # there is a snapshot of that log that it was not seeded from
    waited: bool  # it was not seeded a moment ago


def judge(it: Situation) -> Act:
    """Never touch what an activation may need; seed anew only from what can mend it."""
    if it.away:
        return Act.REST
    if it.frozen or not it.here:  # the order that froze it came to nothing, or was taken back
        return Act.SEED if it.fresh or it.waited else Act.NOTHING
    if not it.same:  # MariaDB would take its transactions for the next ones of the old log
        return Act.SEED if it.fresh else Act.REST
    if it.broken and (it.fresh or it.waited):
        return Act.SEED
    return Act.NOTHING if it.runs else Act.START
