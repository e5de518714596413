"""Bringing a copy of a database server forward: to an instant, to before a transaction, or to the end of its log."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups.streams import binlog, order
from backups.streams.coverage import Run
from backups.streams.frames import Position
from backups.streams.notes import Note
from backups.streams.scratch import Scratch
from backups.streams.transactions import Transaction, changed, committed, first_unwanted
from effects.run import attempt, run
from estate.model import Engine
from estate.problem import Failed, Refused

# pg_waldump 15 and 17, where the log goes no further
LOG_ENDS = ("error in WAL record at", "could not find a valid record after")
REPLAY = 4 * 3600.0  # seconds; a limit, not an expectation


@dataclass(frozen=True, slots=True)
class Goal:
    """Where to stop. Neither of the two: at the log's end."""

    at: datetime | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """Unsealed files of a log in a closed directory, without a hole from the note's file on."""

    engine: Engine
    files: Path
    run: Run
    note: Note

    @property
    def paths(self) -> list[Path]:
        """In order; a file that was announced and has no byte yet is left out."""
        return [path for name in self.run.names if (path := self.files / name).exists()]

    def transactions(self) -> list[Transaction]:
        """Those that are whole and come after the snapshot."""
        if self.engine is Engine.MARIADB:
            found = [one for path in self.paths for one in binlog.transactions(path.name, path.read_bytes())]
        else:
            self.fill_up()
            found = list(
                committed(
                    self._dump(self.run.names[-1], "--rmgr=Transaction"),
                    int(self.run.start.name[:8], 16),
                    order.SEGMENT,
                )
            )
        return [one for one in found if one.start.order >= self.note.position.order]

    def changes(self, until: Position) -> Mapping[str, str]:
        """Of PostgreSQL's log, by XID: what was done to which file of a table, and to how many rows."""
        lsn = order.wal_start(until.name) + until.offset
        return changed(self._dump(until.name, f"--end={order.lsn_text(lsn)}"))

    def _dump(self, last: str, *options: str) -> str:
        """What pg_waldump says from the snapshot on, up to the file `last`. It ends there, or by meeting the log's end;
        any other end is Failed. Files are named: else it asks any file that it finds, also one that is still all zeros,
        how long files are (pg_waldump 15 and 17).
        """
        position = self.note.position
        lsn = order.wal_start(position.name) + position.offset
        version = max(Path("/usr/lib/postgresql").glob("*/bin/pg_waldump"))
        argv = [str(version), f"--path={self.files}", f"--timeline={int(position.name[:8], 16)}",
                f"--start={order.lsn_text(lsn)}", *options, position.name, last]  # fmt: skip
        said = attempt(argv, timeout=REPLAY, env={"TZ": "UTC", "LC_ALL": "C"})
        if not said.ok and not any(words in said.err for words in LOG_ENDS):
            raise Failed(
                f"the WAL after {order.lsn_text(lsn)} can't be read: {said.said}",
                hint="choose an instant that an older snapshot reaches",
            )
        return said.out

    def fill_up(self) -> None:
        """WAL files are as long as the server wants them: it stops at the first zeros, and not for want of a file."""
        for name in self.run.names:
            with (self.files / name).open("a+b") as stream:
                if stream.tell() < order.SEGMENT:
                    stream.truncate(order.SEGMENT)


def stop_at(log: Log, goal: Goal) -> tuple[Transaction | None, list[Transaction]]:
    """The first transaction that is not wanted, and all that are there. Raises Refused where the log can't tell."""
    found = log.transactions()
    if goal.at is not None and (log.run.instant is None or log.run.instant < goal.at):
        raise Refused(
            f"the stream reaches up to {log.run.instant or log.run.end}, not up to {goal.at.isoformat()}",
            hint="choose an instant before that",
        )
    try:
        return first_unwanted(log.engine, found, at=goal.at, before=goal.before), found
    except KeyError:
        raise Refused(
            f"there is no transaction {goal.before} in the stream between the snapshot and {log.run.end}",
            hint="find it with: seawall backup stream show",
        ) from None


def replay(scratch: Scratch, log: Log, stop: Transaction | None, found: Sequence[Transaction]) -> Position:
    """Bring the copy in `scratch.data` forward and leave the scratch server running; where it stands then."""
    if log.engine is Engine.MARIADB:
        return _binlog(scratch, log, stop, found)
    return _wal(scratch, log, stop)


def _binlog(scratch: Scratch, log: Log, stop: Transaction | None, found: Sequence[Transaction]) -> Position:
    begin = log.note.position
    end = stop.start if stop is not None else found[-1].end if found else begin
    scratch.start()
    chosen = [path for path in log.paths if begin.order[:2] <= Position(path.name, 0).order[:2] <= end.order[:2]]
    if end.order > begin.order:
        words = [f"--start-position={begin.offset}", f"--stop-position={end.offset}", *map(str, chosen)]
        run(["bash", "-o", "pipefail", "-c", 'mariadb-binlog "${@:2}" | mariadb --socket="$1" --binary-mode',
             "replay", f"{scratch.room}/socket", *words], timeout=REPLAY)  # fmt: skip
    return end


def _wal(scratch: Scratch, log: Log, stop: Transaction | None) -> Position:
    log.fill_up()
    run(["chown", "-R", f"{scratch.server.owner}:", str(log.files)], timeout=600)
    (scratch.data / "recovery.signal").touch()
    shutil.chown(scratch.data / "recovery.signal", scratch.server.owner, scratch.server.owner)
    settings = {"restore_command": f"cp {log.files}/%f %p", "recovery_target_timeline": "current"}
    if stop is not None:
        lsn = order.lsn_text(order.wal_start(stop.start.name) + stop.start.offset)
        settings |= {
            "recovery_target_lsn": lsn, "recovery_target_inclusive": "off", "recovery_target_action": "promote",
        }  # fmt: skip
    scratch.start(*(part for key, value in settings.items() for part in ("-c", f"{key}={value}")))
    return stop.start if stop is not None else log.run.end
