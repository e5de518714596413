"""Sending one host's logs to one side: sealed here, acknowledged there when its disk has them.

The backup server says how far it is; so a shipper that was killed, a server that was restored from yesterday, and a
line that broke in the middle of a frame are the same case: go on from there, in a new file.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.repository import ssh
from backups.site import Site
from backups.streams import chains, frames, order
from backups.streams.frames import Chunk, Header, Position, Scope, Sealer
from backups.streams.sources import Gone, Source
from effects.clock import Stopwatch, now
from effects.talk import Talk
from estate.model import Engine, Host, Side
from estate.problem import Failed

ANSWER = 20.0  # seconds until a backup server has a frame on its disk
BEAT = timedelta(seconds=3)  # how often an idle log says that there is nothing new
ROTATE = 64 << 20  # bytes of a stream file, and
LASTS = 3600.0  # seconds that it is written to: what is older goes by whole files
AT_ONCE = 16  # chunks of one engine before it is the other's turn


@dataclass
class Sent:
    """How far one engine is on one side."""

    position: Position | None = None  # the next byte to send
    instant: datetime | None = None  # all that was committed before is there
    error: str | None = None
    gaps: int = 0


@dataclass
class Line:
    """An open stream file on the other end."""

    chain: str
    sealer: Sealer
    age: Stopwatch = field(default_factory=Stopwatch)
    bytes: int = 0


Report = Callable[[Engine, str], None]


class Sender:
    """One side. Used by one thread."""

    def __init__(self, site: Site, side: Side, passphrase: str, sources: Mapping[Engine, Source], say: Report) -> None:
        self.side, self.sources, self.say = side, sources, say
        self.server: Host = site.estate.hosts[site.host.backup[side]]
        self.sent = {engine: Sent() for engine in sources}
        self._host, self._passphrase = site.host.name, passphrase
        self._talk: Talk | None = None
        self._lines: dict[Engine, Line] = {}

    def turn(self, engine: Engine) -> None:
        """Send what is new of one engine. Raises Problem; whoever calls again goes on."""
        source, sent = self.sources[engine], self.sent[engine]
        line = self._lines.get(engine)
        if line is None or line.chain != source.chain() or line.bytes > ROTATE or line.age.seconds > LASTS:
            line = self._open(engine)
        for _ in range(AT_ONCE):
            assert sent.position is not None
            try:
                chunk = source.after(sent.position)
            except Gone as gone:
                self._skip(engine, gone)
                return
            if chunk is None:
                break
            self._send(engine, line, chunk)
        self._beat(engine, line)

    def chain(self, engine: Engine) -> str | None:
        """Which chain of it is sent; None where nothing is, at the moment."""
        line = self._lines.get(engine)
        return line.chain if line is not None else None

    def leave(self) -> None:
        """Forget the connection: the next turn makes another, and asks anew where it is."""
        if self._talk is not None:
            self._talk.close()
        self._talk, self._lines = None, {}

    def _beat(self, engine: Engine, line: Line) -> None:
        sent, at = self.sent[engine], now()
        assert sent.position is not None
        if sent.instant is None or at - sent.instant >= BEAT:
            # Asked again, and only then said: something may have been committed since.
            chunk = self.sources[engine].after(sent.position)
            self._send(engine, line, chunk or Chunk(sent.position, b"", final=False, instant=at))

    def _send(self, engine: Engine, line: Line, chunk: Chunk) -> None:
        tail = self.sources[engine].tail(chunk.end)
        frame = line.sealer.seal(chunk, tail or b"")
        self._asked(f"frame {engine} {len(frame)}\n".encode() + frame)
        line.bytes += len(frame)
        sent = self.sent[engine]
        sent.position, sent.instant, sent.error = _next(engine, chunk.end, final=chunk.final), chunk.instant, None

    def _open(self, engine: Engine) -> Line:
        """A new file for the chain as it is now, at the place where the backup server is."""
        source, sent = self.sources[engine], self.sent[engine]
        chain = source.chain()
        scope = Scope(self._host, engine, chain)
        known = json.loads(self._asked(f"where {engine} {chain}\n".encode()))
        previous = frames.NOTHING
        if known:
            header = frames.unpack(bytes.fromhex(known["header"]))
            previous = bytes.fromhex(known["digest"])
            self._require_same_log(engine, header, scope)
            sent.position, sent.instant = _next(engine, header.end, final=header.final), header.instant
        else:
            sent.position, sent.instant = source.oldest(), None
        sealer = Sealer(scope, self._passphrase, secrets.token_bytes(frames.SALT), previous)
        self._asked(f"open {engine} {chain}\n".encode() + sealer.head)
        self._lines[engine] = line = Line(chain, sealer)
        return line

    def _require_same_log(self, engine: Engine, header: Header, scope: Scope) -> None:
        """What was sent last still stands in the log; else it was replaced in place, and a new chain begins."""
        tail = self.sources[engine].tail(header.end)
        if tail is None:
            return  # it is gone: the next look says from where on
        key = scope.key(self._passphrase, b"", "marks")
        if frames.mark_of(key, header.end, tail) != header.mark:
            self._renew(engine, scope.chain, f"at {header.end} it has other bytes than were sent")

    def _skip(self, engine: Engine, gone: Gone) -> None:
        """Go on with the oldest there is, and say what is missing here; a log that went back is another chain."""
        sent, oldest = self.sent[engine], self.sources[engine].oldest()
        assert sent.position is not None
        if oldest.order < sent.position.order:
            self._renew(engine, self._lines[engine].chain, gone.what)
        self.say(engine, f"a gap on the {self.side} side: {gone.what}; it goes on at {oldest}")
        sent.position, sent.gaps = oldest, sent.gaps + 1

    def _renew(self, engine: Engine, chain: str, why: str) -> None:
        chains.renew(engine, chain)
        self._lines.pop(engine, None)
        self.say(engine, f"a new chain: {why}")
        raise Failed(f"{engine}'s log was replaced: {why}", hint="nothing: a new chain begins, and a snapshot is due")

    def _asked(self, request: bytes) -> str:
        """The answer to one request, without its "ok". Raises Unreachable, or Failed where it says no."""
        if self._talk is None:
            door = ["-p", str(self.server.ssh_port), f"stream-{self._host}@{self.server.ipv4}", "stream"]
            self._talk = Talk([*ssh(), *door], what=f"{self.server.name} ({self.side})")
        self._talk.say(request, limit=ANSWER)
        verdict, _, answer = self._talk.line(limit=ANSWER).partition(" ")
        if verdict != "ok":
            raise Failed(
                f"{self.server.name}: {answer}", hint=f"mend that on {self.server.name}; the other side goes on"
            )
        return answer


def _next(engine: Engine, end: Position, *, final: bool) -> Position:
    return Position(order.successor(engine, end.name), 0) if final else end
