"""Messages on the disk: what waits, what was told, and by which channel it went wrong.

    waiting/MESSAGE.json            written by whoever has something to say, before it goes on
    sent/MESSAGE.json               moved there when every channel has it: nobody tells it again
    channels/NAME/MESSAGE.told      the evidence that this channel has it
    channels/NAME/MESSAGE.trouble   its last failure
    channels/NAME/THREAD.thread     the ticket that the incident has there
    channels/NAME/trouble           what keeps the channel from all of them

Each is written whole, or not at all. A crash between the sending and `told` is for the channel to find out about.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from drp.outbox.message import MESSAGE, Message, file_of, thread_file
from drp.outbox.pauses import Trouble
from effects import files

TROUBLE = TypeAdapter(Trouble)


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox in one directory."""

    folder: Path

    @property
    def _waiting(self) -> Path:
        return self.folder / "waiting"

    @property
    def _sent(self) -> Path:
        return self.folder / "sent"

    def put(self, message: Message) -> None:
        """Keep it until it was told. Returns when the disk has it; what is there already stays as it is."""
        if self.has(message.key):
            return
        earlier = next((one.key for one in self.messages() if one.thread == message.thread), "")
        self._made(self._waiting)
        text = MESSAGE.dump_json(replace(message, opening=earlier), indent=1).decode()
        files.write(self._waiting / f"{message.name}.json", text, mode=0o600)

    def has(self, key: str) -> bool:
        """Whether that message waits, or was told. First where it waits: it moves away from there, never back."""
        return any((place / f"{file_of(key)}.json").exists() for place in (self._waiting, self._sent))

    def waiting(self) -> tuple[Message, ...]:
        """What somebody has not heard yet, oldest first."""
        return _read(self._waiting)

    def messages(self) -> tuple[Message, ...]:
        """All that was ever to be said, oldest first."""
        return tuple(sorted((*_read(self._sent), *_read(self._waiting)), key=_age))

    def settle(self, channels: Collection[str]) -> None:
        """What each of them has told waits no longer; where there is none, nobody has told anything."""
        for message in self.waiting():
            if channels and all(self.evidence(name, message) is not None for name in channels):
                self._made(self._sent)
                with suppress(FileNotFoundError):  # who gave it up has moved it
                    (self._waiting / f"{message.name}.json").rename(self._sent / f"{message.name}.json")
                for place in (self._sent, self._waiting):
                    files.sync_directory(place)

    def evidence(self, channel: str, message: Message) -> str | None:
        """That the channel has it; None where nothing says so."""
        return _text(self._of(channel) / f"{message.name}.told")

    def told(self, channel: str, message: Message, evidence: str) -> None:
        """The channel has it."""
        self._note(channel, f"{message.name}.told", evidence)
        self.clear(channel, message)

    def ticket(self, channel: str, thread: str) -> str | None:
        """What the incident's ticket is called there."""
        return _text(self._of(channel) / f"{thread_file(thread)}.thread")

    def opened(self, channel: str, thread: str, ticket: str) -> None:
        """The incident has a ticket there."""
        if self.ticket(channel, thread) != ticket:
            self._note(channel, f"{thread_file(thread)}.thread", ticket)

    def trouble(self, channel: str, message: Message | None = None) -> Trouble | None:
        """What went wrong with a message, or with all of the channel."""
        found = _text(self._of(channel) / _trouble(message))
        return None if found is None else TROUBLE.validate_json(found)

    def failed(self, at: datetime, error: str, after: float, channel: str, message: Message | None = None) -> None:
        """It went wrong once more."""
        earlier = self.trouble(channel, message)
        now = Trouble(1, at, error, after) if earlier is None else earlier.again(at, error, after)
        self._note(channel, _trouble(message), TROUBLE.dump_json(now).decode())

    def clear(self, channel: str, message: Message | None = None) -> None:
        """It went well, or somebody wants it tried at once."""
        with suppress(FileNotFoundError):
            (self._of(channel) / _trouble(message)).unlink()

    def reached(self, channel: str, message: Message) -> frozenset[str]:
        """Of several whom a channel tells apart: those who have the message already."""
        return frozenset((_text(self._of(channel) / f"{message.name}.reached") or "").split())

    def reach(self, channel: str, message: Message, who: Collection[str]) -> None:
        """They have it too."""
        both = sorted(self.reached(channel, message) | set(who))
        self._note(channel, f"{message.name}.reached", "\n".join(both))

    def _of(self, channel: str) -> Path:
        return self.folder / "channels" / channel

    def _note(self, channel: str, name: str, text: str) -> None:
        self._made(self._of(channel))
        files.write(self._of(channel) / name, text, mode=0o600)

    def _made(self, place: Path) -> None:
        """A directory that a power cut leaves there, with those above it."""
        if not place.is_dir():
            self._made(place.parent)
            place.mkdir(mode=0o700, exist_ok=True)
            files.sync_directory(place.parent)


def _trouble(message: Message | None) -> str:
    return "trouble" if message is None else f"{message.name}.trouble"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _read(place: Path) -> tuple[Message, ...]:
    found = (_text(path) for path in place.glob("*.json") if not path.name.startswith("."))
    return tuple(sorted((MESSAGE.validate_json(text) for text in found if text is not None), key=_age))


def _age(message: Message) -> tuple[datetime, str]:
    return message.at, message.key
