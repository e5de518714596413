"""Say something to people: write it into the outbox of this host, and go on. `drp.outbox.sender` tells it.

Nobody waits here for a mail server or a ticket system: a recovery least of all.
"""

from pathlib import Path

from backups import paths
from backups.site import Site
from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.outbox.message import Message
from effects.clock import now
from estate.model import Estate
from estate.people import call_tree
from estate.problem import Failed
from templates import render

OUTBOX = paths.STATE / "outbox"


def outbox() -> Outbox:
    """Of a managed host."""
    return Outbox(OUTBOX)


def ways(site: Site) -> Ways:
    """By what a managed host tells people."""
    trust = site.estate.drp.trust
    return Ways(site.estate.drp.ways, paths.CONFIG, Path(trust) if trust else None)


def send(  # one message, every part of it named
    box: Outbox,
    estate: Estate,
    host: str,
    kind: str,
    key: str,
    /,
    *,
    thread: str = "",
    topic: str = "",
    **values: object,
) -> str:
    """Say `key` once, as part of the incident `thread`, which is `topic`. The evidence, as `sent` gives it.

    `kind` is activated, returned, cancelled (`values` are domain, source, target, at, loss, by, seal), ended,
    credential or alarm. Raises Failed where it can't be written.
    """
    text = written(estate, kind, key, **values)
    title = text.partition("\n")[0]
    message = Message(key, thread or key, topic or title, kind, text, now(), host, estate.name)
    try:
        box.put(message)
    except OSError as fault:
        raise Failed(
            f"the ticket {key} can't be written: {fault.filename}: {fault.strerror}",
            hint="make room or mend rights there, then run the same command again; meanwhile tell people yourself",
        ) from None
    return _evidence(key)


def written(estate: Estate, kind: str, key: str, **values: object) -> str:
    """What people read, with whom to call below it. Nothing is told."""
    return render(f"ticket-{kind}.txt.j2", key=key, **values) + _call_tree(estate)


def _call_tree(estate: Estate) -> str:
    tree = call_tree(estate.drp.people)
    return "\n" + render("call-tree.txt.j2", tree=tree) if tree else ""


def topic(*hosts: str) -> str:
    """What an incident of these two is about."""
    return f"Disaster recovery of {' and '.join(sorted(set(hosts)))}"


def sent(box: Outbox, key: str) -> str | None:
    """Evidence that people are told of `key`; None where nothing says so."""
    return _evidence(key) if box.has(key) else None


def _evidence(key: str) -> str:
    return f"ticket {key} is in the outbox"
