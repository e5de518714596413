"""Many messages to one DNS server at once: over a few TCP connections, several under way on each (RFC 7766, 6.2.1).

Answers come in any order. A connection that ends early loses only what was under way on it: that may have happened or
not, and is sent again on a new one, as long as the server goes on answering. So whoever sends what changes something
must be able to send it twice: the updates here are compare-and-sets.
"""

import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from time import monotonic

from effects.dns import LIMIT, Server

LINES = 4  # connections
UNDER_WAY = 256  # messages on each; BIND 9.18 works on 23 at a time, and on 100 updates in all (`update-quota`)

EACH = 0.25  # seconds more for each message, in all: a server on a busy machine signs four zones a second
PATIENCE = (
    3  # times the limit, for one that has begun to answer: a primary that tells its secondaries pauses for seconds
)

Wire = Callable[[int], bytes]  # the message of that place in the batch, made when it is about to be sent


def exchange(
    server: Server, count: int, wire: Wire, *, timeout: float = LIMIT, under_way: int = UNDER_WAY
) -> list[bytes | OSError]:
    """Send the messages 0 to `count` - 1. The answer to each, or why there is none.

    Gives up once `timeout` seconds passed without a first answer, or PATIENCE times that without another.
    """
    answers: list[bytes | OSError] = [TimeoutError("not answered in time")] * count
    left, end = list(range(count)), monotonic() + timeout + count * EACH
    while left and monotonic() < end:
        lines = _Lines(server, wire, under_way, timeout, end)
        try:
            for place, answer in lines.carry(left):
                answers[place] = answer
        except OSError as fault:
            lines.fault = fault
        before, left = left, [place for place in left if isinstance(answers[place], OSError)]
        if len(left) == len(before):  # nothing came back: it is no use to go on
            answers = [lines.fault if isinstance(answer, OSError) else answer for answer in answers]
            break
    return answers


class _Lines:
    """The connections of one round, and what is still to be sent on them."""

    def __init__(self, server: Server, wire: Wire, under_way: int, timeout: float, end: float) -> None:
        self._server, self._wire, self._under_way, self._timeout, self._end = server, wire, under_way, timeout, end
        self._open: set[_Line] = set()
        self.fault: OSError = TimeoutError("not answered in time")

    def carry(self, places: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Send those; yield each answer as it comes. Ends where all lines have ended, or nothing comes any more."""
        waiting = deque(places)
        with ExitStack() as stack:
            looking = stack.enter_context(selectors.DefaultSelector())
            for _ in range(min(LINES, -(-len(places) // self._under_way))):
                line = _Line(stack.enter_context(self._connected()))
                looking.register(line.socket, selectors.EVENT_READ, line)
                self._open.add(line)
            heard, limit = monotonic(), self._timeout
            while self._open and (waiting or any(line.under_way for line in self._open)):
                for line in self._open:
                    line.fill(waiting, self._wire, self._under_way)
                    if line.interest != looking.get_key(line.socket).events:
                        looking.modify(line.socket, line.interest, line)
                for key, events in looking.select(min(limit, max(0.0, self._end - monotonic()))):
                    for answer in self._served(key.data, events, looking):
                        heard, limit = monotonic(), PATIENCE * self._timeout
                        yield answer
                if monotonic() - heard >= limit or monotonic() >= self._end:
                    return

    def _connected(self) -> socket.socket:
        made = socket.create_connection((self._server.address, self._server.port), timeout=self._timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        return made

    def _served(self, line: "_Line", events: int, looking: selectors.BaseSelector) -> list[tuple[int, bytes]]:
        try:
            return line.serve(events)
        except OSError as fault:
            self.fault = fault
            looking.unregister(line.socket)
            self._open.discard(line)
            return line.read()  # what came before the end counts


class _Line:
    """One connection: what is to be written, what was read, and what is under way by the id of its message."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.under_way: dict[bytes, int] = {}
        self._out, self._in = bytearray(), bytearray()

    @property
    def interest(self) -> int:
        """What to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)

    def fill(self, waiting: deque[int], wire: Wire, most: int) -> None:
        """Take messages until `most` are under way."""
        while waiting and len(self.under_way) < most:
            place = waiting.popleft()
            message = wire(place)
            if message[:2] in self.under_way:  # that id is in use: later, or on another line
                waiting.append(place)
                break
            self.under_way[message[:2]] = place
            self._out += len(message).to_bytes(2) + message

    def serve(self, events: int) -> list[tuple[int, bytes]]:
        """Write and read what can be. Raises OSError where the connection has ended."""
        if events & selectors.EVENT_WRITE:
            del self._out[: self.socket.send(self._out)]
        if events & selectors.EVENT_READ:
            got = self.socket.recv(65536)
            if not got:
                raise ConnectionResetError("the server closed the connection")
            self._in += got
        return self.read()

    def read(self) -> list[tuple[int, bytes]]:
        """The whole messages that came, by the place of what they answer."""
        found: list[tuple[int, bytes]] = []
        start, got = 0, bytes(self._in)
        while len(got) >= start + 2 and len(got) >= (end := start + 2 + int.from_bytes(got[start : start + 2])):
            if (place := self.under_way.pop(got[start + 2 : start + 4], None)) is not None:
                found.append((place, got[start + 2 : end]))
            start = end
        del self._in[:start]
        return found
