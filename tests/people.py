"""Those who are told, seen from a test: tests/receivers.py in a process of its own, and channels that lead there."""

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from received import APP_TOKEN, PASSWORD, TOKEN, USER_TOKEN
from self_signed import self_signed

from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.outbox.message import Message
from drp.outbox.sender import tell_all
from estate.channels import Channel, Email, Gitlab, Glpi, Webhook, Zammad
from estate.secret import Secret

T0 = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DESKS = ("glpi", "zammad", "gitlab")
KINDS = (*DESKS, "hook", "mail")


@dataclass
class People:
    """Who is told, and what they heard."""

    folder: Path
    web: int
    mail: int
    trust: Path

    def say(self, path: str, **body: Any) -> Any:
        """To the receivers' own control, or a question."""
        asked = urllib.request.Request(f"https://localhost:{self.web}/control/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(asked, context=_context(self.trust)) as answer:  # noqa: S310
            return json.load(answer)

    def misbehave(self, name: str, *faults: str) -> Self:
        """What the next requests that would change something meet."""
        self.say("faults", of=name, faults=faults)
        return self

    def heard(self, name: str) -> list[str]:
        """Every text that stands somewhere: one a ticket, a follow-up, a letter, a call."""
        seen = self.say("seen")
        if name in DESKS:
            return [text for one in seen["tickets"].get(name, []) for text in (one["text"], *one["more"])]
        return [one.get("text") or one["body"] for one in seen["heard"].get(name, [])]

    def tickets(self, name: str) -> list[dict[str, Any]]:
        """Of a ticket system, oldest first."""
        return list(self.say("seen")["tickets"].get(name, []))

    def times(self, name: str, message: Message) -> int:
        """How often somebody there reads a message."""
        mark = f"Message-ID: <{message.mark}" if name == "mail" else message.mark
        return sum(mark in text for text in self.heard(name))

    def channel(self, name: str, **changed: Any) -> Channel:
        """The channel that leads there."""
        url = f"https://localhost:{self.web}/{name}"
        known: dict[str, Channel] = {
            "glpi": Glpi(f"{url}/apirest.php", self.secret(USER_TOKEN), self.secret(APP_TOKEN)),
            "zammad": Zammad(url, self.secret(TOKEN), "Support", "oncall@example.com"),
            "gitlab": Gitlab(url, self.secret(TOKEN), "ops/incidents"),
            "hook": Webhook(self.secret(f"{url}?token=5ecret"), self.secret("hmac-key")),
            "mail": Email(
                "localhost",
                "seawall@example.com",
                ("ops@example.com", "boss@example.com"),
                self.mail,
                user="seawall",
                password=self.secret(PASSWORD),
            ),
        }
        return replace(known[name], **changed)

    def ways(self, *names: str) -> Ways:
        """Channels of these names."""
        return Ways({name: self.channel(name) for name in names}, self.folder, self.trust)

    def secret(self, value: str) -> Secret:
        """Kept in a file, as on a host."""
        path = self.folder / f"secret-{abs(hash(value))}"
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
        return Secret(file=str(path))


@lru_cache
def _context(trust: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(trust))


@contextmanager
def people(folder: Path) -> Iterator[People]:
    """Up for as long as this lasts."""
    certificate = self_signed(folder)
    argv = [sys.executable, str(Path(__file__).with_name("receivers.py")), str(certificate)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        ports = json.loads(program.stdout.readline())
        try:
            yield People(folder, ports["web"], ports["mail"], certificate)
        finally:
            program.stdin.close()
            program.kill()


def message(number: int, thread: str = "activate-5ea1", text: str = "") -> Message:
    """The same one for the same number."""
    words = text or f"site{number}.example: served from twin1 instead of web1\nReference: {thread}.{number}"
    at = T0 + timedelta(seconds=number)
    return Message(f"{thread}.site{number}", thread, "Disaster recovery", "activated", words, at, "twin1", "lab")


def tried_again(box: Outbox, ways: Ways, name: str) -> None:
    """As the sender does when a pause is over."""
    box.clear(name)
    for one in box.waiting():
        box.clear(name, one)
    tell_all(box, ways, name)
    box.settle(ways.channels)
