"""What both sides keep of a client's streams, mirrored on its twin, still sealed. Only what is new travels.

What was once here stays here: a side that lost or shortened a file is said, and takes nothing away.
"""

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backups import paths
from backups.repository import ssh
from backups.site import Site
from backups.streams import frames
from backups.streams.coverage import Extent, Run, follow
from backups.streams.frames import Header, Position, Scope
from effects import files
from effects.clock import now
from effects.onhost.streams import DAYS, FRAME, HEADER
from effects.talk import Talk
from estate.model import Engine, Host, Side
from estate.problem import Failed, Problem, Untrusted

MIRROR = paths.STATE / "stream" / "mirror"
ANSWER = 30.0  # seconds
PIECE = 8 << 20


@dataclass(frozen=True, slots=True)
class Mirror:
    """The streams of one client, as this host has them."""

    client: Host
    passphrase: Path

    @classmethod
    def of(cls, client: Host) -> "Mirror":
        """The mirror that this host keeps of `client`."""
        return cls(client, paths.SECRETS / f"passphrase.{client.name}")

    def fetch(self, site: Site) -> tuple[Problem, ...]:
        """Bring it up to what the sides have, both at once; why one could not be read, or has less than it had."""
        MIRROR.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            files.locked(MIRROR / f"{self.client.name}.lock", what="a look at the streams", wait=300),
            ThreadPoolExecutor(max_workers=len(Side)) as pool,
        ):
            answers = pool.map(lambda side: self._fetch(site, side), Side)
            return tuple(fault for faults in answers for fault in faults)

    def _fetch(self, site: Site, side: Side) -> list[Problem]:
        talk: Talk | None = None
        try:
            server = site.server(self.client, side)
            door = ["-p", str(server.ssh_port), f"stream-{self.client.name}-ro@{server.ipv4}", "stream"]
            talk = Talk([*ssh(), *door], what=f"{server.name} ({side})")
            talk.say(b"list\n", limit=ANSWER)
            sizes: dict[str, int] = json.loads(_answer(talk, server))
            faults = [self._file(talk, server, side, name, size) for name, size in sorted(sizes.items())]
            self._forget(side, sizes)
            return [fault for fault in faults if fault]
        except Problem as fault:
            return [fault]
        finally:
            if talk is not None:
                talk.close()

    def _file(self, talk: Talk, server: Host, side: Side, name: str, size: int) -> Problem | None:
        path = self._folder(side) / name
        if not path.resolve().is_relative_to(self._folder(side).resolve()) or name.count("/") != 2:
            return Untrusted(f"{server.name} names {name!r}", hint=f"look at who was on {server.name}")
        here = path.stat().st_size if path.exists() else 0
        if size < here:
            return Untrusted(
                f"{server.name} ({side}) has {size} bytes of {name}, where it had {here}",
                hint=f"what is on this host stays; look at {server.name}'s disk, and at who was on it",
            )
        if size == here:
            return None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("ab") as stream:
            while here < size:
                talk.say(f"read {name} {here} {min(PIECE, size - here)}\n".encode(), limit=ANSWER)
                count = int(_answer(talk, server))
                if count == 0:
                    break
                stream.write(talk.exactly(count, limit=ANSWER))
                here += count
        return None

    def _forget(self, side: Side, sizes: Mapping[str, int]) -> None:
        """What the side let go because of its age is let go here too, and nothing that is younger."""
        oldest = now().timestamp() - (DAYS + 1) * 86400
        for path in self._folder(side).glob("*/*/*"):
            if str(path.relative_to(self._folder(side))) not in sizes and path.stat().st_mtime < oldest:
                path.unlink()

    def _folder(self, side: Side) -> Path:
        return MIRROR / self.client.name / side

    def unseal(
        self, engine: Engine, chain: str, start: Position, into: Path | None = None, sides: Iterable[Side] = Side
    ) -> tuple[Run, list[str]]:
        """The log from `start`, the head of a file, as far as `sides` together have no hole; and frames that are not
        what was sent.

        Its files are written below `into`, where that is given: whole, and the last one as far as it is there.
        """
        extents, faults = list[Extent](), list[str]()
        scope = Scope(self.client.name, engine, chain)
        secret = self.passphrase.read_text(encoding="utf-8").rstrip("\n")
        for side in sides:
            for path in since(self._folder(side) / engine / chain, start):
                try:
                    for one, data in frames.opened(path.read_bytes(), scope, secret):
                        if data is None:
                            faults.append(f"{self.client.backup[side]} ({side}): {engine}/{chain}/{path.name}: "
                                          f"frame {one.header.number} is not what was sent")  # fmt: skip
                        elif one.header.start.order >= start.order:
                            extents.append(_extent(one.header))
                            _place(into, one.header.start, data)
                except Untrusted as fault:
                    faults.append(f"{self.client.backup[side]} ({side}): {path.name}: {fault.what}")
        run = follow(engine, extents, start)
        _keep_only(into, run)
        return run, faults


def _answer(talk: Talk, server: Host) -> str:
    verdict, _, answer = talk.line(limit=ANSWER).partition(" ")
    if verdict != "ok":
        raise Failed(f"{server.name}: {answer}", hint=f"mend that on {server.name}; the other side may do")
    return answer


def since(folder: Path, start: Position) -> list[Path]:
    """Stream files of one chain and side that may have something of `start` or later.

    A side's frames only ever go on, so what comes before a file that begins at or before `start` is older.
    """
    found: list[Path] = []
    for path in sorted(folder.glob("*")):
        with path.open("rb") as stream:
            head = stream.read(HEADER + FRAME.size)
        if len(head) < HEADER + FRAME.size:
            continue  # opened, and never used
        with suppress(Untrusted):
            if frames.unpack(head[HEADER:]).start.order <= start.order:
                found.clear()
        found.append(path)
    return found


def _extent(header: Header) -> Extent:
    return Extent(header.start, header.length, header.final, header.instant)


def _place(into: Path | None, start: Position, data: bytes) -> None:
    if into is None:
        return
    handle = os.open(into / Path(start.name).name, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.seek(start.offset)
        stream.write(data)


def _keep_only(into: Path | None, run: Run) -> None:
    for path in into.iterdir() if into is not None else ():
        if path.name not in run.names:
            path.unlink()
        elif path.name == run.end.name:
            os.truncate(path, run.end.offset)
