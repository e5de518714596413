"""What people are told: one thing, of one incident."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

_UNSAFE = re.compile(r"[^A-Za-z0-9.@_-]+")


@dataclass(frozen=True, slots=True)
class Message:
    """Written once, sent by each channel. Two with the same key are the same message."""

    key: str
    thread: str  # the incident: all of it becomes one ticket, one conversation
    topic: str  # of the incident, on one line
    kind: str
    text: str  # its first line is a title
    at: datetime
    host: str
    estate: str
    opening: str = ""  # key of the first message of the thread; "": this one

    @property
    def name(self) -> str:
        """As a file: readable, unique, safe."""
        return file_of(self.key)

    @property
    def title(self) -> str:
        """What it is about."""
        return self.text.partition("\n")[0]

    @property
    def mark(self) -> str:
        """Stands in the text wherever it arrives: who finds it there knows that it was told."""
        return self.marked(self.key)

    def marked(self, key: str) -> str:
        """The mark of another message of this host."""
        return f"seawall-message-{_digest(self.estate, self.host, key)[:20]}"

    @property
    def thread_mark(self) -> str:
        """Stands in the title of the ticket of the whole incident."""
        return f"seawall-{_digest(self.estate, self.host, self.thread)[:12]}"

    @property
    def body(self) -> str:
        """The text with the mark below it."""
        return f"{self.text.rstrip()}\n\n{self.mark}\n"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def file_of(key: str) -> str:
    """A key as the name of a file."""
    return f"{_UNSAFE.sub('-', key)[:80].strip('.-')}-{_digest(key)[:12]}"


def thread_file(thread: str) -> str:
    """A thread as the name of a file."""
    return _digest(thread)[:24]


MESSAGE = TypeAdapter(Message)
