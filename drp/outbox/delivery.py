"""One message by one channel: from where its secrets are kept to the evidence that it was told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from drp.outbox import desks, letters
from drp.outbox.box import Outbox
from drp.outbox.message import Message
from effects import secrets
from effects.mail import MailServer
from effects.rest import Service
from estate.channels import Apprise, Channel, Command, Email, File, Gitlab, Glpi, Webhook, Zammad
from estate.problem import Failed, Problem
from estate.secret import Secret


@dataclass(frozen=True, slots=True)
class Ways:
    """By what this host tells people, and what it needs for that."""

    channels: Mapping[str, Channel]
    base: Path  # that references to secrets are relative to
    trust: Path | None = None  # authorities beside the system's


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one attempt works with."""

    box: Outbox
    name: str  # of the channel
    message: Message
    secrets: Mapping[str, str]
    trust: Path | None


def deliver(box: Outbox, ways: Ways, name: str, message: Message) -> None:
    """Tell it, and note that it was. Raises Problem or OSError; nothing in their words is a secret."""
    channel, known = ways.channels[name], dict[str, str]()
    for part in fields(channel):
        if isinstance(secret := getattr(channel, part.name), Secret):
            known[part.name] = secrets.resolve(secret, base=ways.base)
    try:
        box.told(name, message, _tell(channel, Delivery(box, name, message, known, ways.trust)))
    except Problem as fault:
        for value in known.values():
            fault.what = fault.what.replace(value, "…")
        raise


def _tell(channel: Channel, this: Delivery) -> str:
    """The evidence."""
    match channel:
        case File():
            said = letters.to_file(channel, this.message)
        case Command():
            said = letters.to_command(channel, this.message)
        case Apprise():
            said = letters.to_apprise(channel, this.message)
        case Email():
            said = _by_mail(channel, this)
        case Webhook():
            service = Service(this.name, this.secrets["address"], {}, this.trust)
            said = letters.to_webhook(service, this.message, this.secrets.get("key"))
        case Glpi() | Zammad() | Gitlab():
            said = _by_ticket(channel, this)
    return said


def _by_mail(channel: Email, this: Delivery) -> str:
    """Whoever the server took it for is not told again because of whom it refused."""
    login = None if channel.user is None else (channel.user, this.secrets["password"])
    server = MailServer(channel.server, channel.port, channel.security, login, this.trust)
    left = [who for who in channel.to if who not in this.box.reached(this.name, this.message)]
    refused = server.take(letters.letter(channel, this.message, channel.to), channel.sender, left) if left else {}
    if refused:
        this.box.reach(this.name, this.message, [who for who in left if who not in refused])
        said = "; ".join(f"{who}: {why}" for who, why in refused.items())
        raise Failed(f"{channel.server} refused {said}", hint="look at [drp.channels] to in the estate")
    return f"taken by {channel.server} for {', '.join(channel.to)}"


def _by_ticket(channel: Glpi | Zammad | Gitlab, this: Delivery) -> str:
    with _desk(channel, this) as desk:
        ticket = desks.tell(desk, this.message, this.box.ticket(this.name, this.message.thread))
    this.box.opened(this.name, this.message.thread, ticket)
    return f"in ticket {ticket}"


@contextmanager
def _desk(channel: Glpi | Zammad | Gitlab, this: Delivery) -> Iterator[desks.Desk]:
    token = this.secrets["token"]
    match channel:
        case Glpi():
            headers = {"App-Token": this.secrets["app_token"]} if "app_token" in this.secrets else {}
            service = desks.session(Service(this.name, channel.url, headers, this.trust), token)
            try:
                yield desks.Glpi(service)
            finally:
                desks.leave(service)
        case Zammad():
            service = Service(this.name, channel.url, {"Authorization": f"Token token={token}"}, this.trust)
            yield desks.Zammad(service, channel.group, channel.customer)
        case Gitlab():
            service = Service(this.name, channel.url, {"PRIVATE-TOKEN": token}, this.trust)
            yield desks.Gitlab(service, channel.project)
