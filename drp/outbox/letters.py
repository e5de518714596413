"""Channels that can't be asked what they have: e-mail, a webhook, apprise, a command; and a file, which can.

Each gives what a receiver needs to notice by itself that it has the message: the same Message-ID, the same
Idempotency-Key, the same variable of the environment.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Collection
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from drp.outbox.message import Message
from effects import apprise, files
from effects.rest import Service
from effects.run import run
from estate import channels
from estate.problem import Failed, Missing

LIMIT = 30.0  # seconds for a program


def to_file(channel: channels.File, message: Message) -> str:
    """Appended, unless it stands there."""
    path = Path(channel.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{message.text.rstrip()}\n"
    if not path.exists() or text not in path.read_text(encoding="utf-8", errors="replace"):
        files.append(path, text)
    return f"in {path}"


def to_command(channel: channels.Command, message: Message) -> str:
    """On its standard input. SEAWALL_KEY and SEAWALL_THREAD say which message of which incident it is."""
    known = {"SEAWALL_KEY": message.mark, "SEAWALL_THREAD": message.thread_mark}
    run(channel.argv, timeout=LIMIT, stdin=message.text, env={**os.environ, **known})
    return f"given to {channel.argv[0]}"


def letter(channel: channels.Email, message: Message, to: Collection[str]) -> EmailMessage:
    """The same to the byte, whenever it is made: a receiver that knows its Message-ID has it."""
    domain = channel.sender.rpartition("@")[2]
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"] = channel.sender, ", ".join(to)
    made["Subject"] = message.title
    made["Date"] = message.at
    made["Message-ID"] = f"<{message.mark}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from people who are on holiday
    if message.opening:
        made["In-Reply-To"] = made["References"] = f"<{message.marked(message.opening)}@{domain}>"
    made.set_content(message.body, cte="quoted-printable")
    return made


def to_webhook(service: Service, message: Message, key: str | None) -> str:
    """POSTed as JSON; signed over its body where there is a key."""
    told = {
        "id": message.mark,
        "thread": message.thread_mark,
        "kind": message.kind,
        "title": message.title,
        "text": message.text,
        "at": message.at.isoformat(),
        "host": message.host,
        "estate": message.estate,
    }
    body = json.dumps(told, sort_keys=True).encode()
    headers = {"Idempotency-Key": message.mark}
    if key is not None:
        headers["X-Seawall-Signature"] = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return f"taken with {service.ask('POST', '', body, headers).status}"


def to_apprise(channel: channels.Apprise, message: Message) -> str:
    """Whatever apprise knows how to reach."""
    if channel.address.file is None:
        raise Missing("apprise reads its URLs from a file", hint='set address = { file = "secrets/NAME" }')
    said = apprise.notify(channel.address.file, message.title, message.text, timeout=LIMIT)
    if not said.ok:
        raise Failed(f"apprise ended with {said.code}", hint="try its URLs by hand: apprise --config=FILE --body=test")
    return "taken by apprise"
