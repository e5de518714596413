"""Tell people, each thing once: into a file, or to a command that makes a ticket of its standard input.

What was sent stands in a ledger, one key a line. A crash between sending and noting it tells people twice; the
other order could leave them untold.
"""

from pathlib import Path

from effects import files
from effects.run import run
from estate.model import Tickets
from estate.problem import BadEstate, Failed
from templates import render

COMMAND_LEDGER = Path("/var/lib/seawall/tickets.sent")
LIMIT = 30.0  # seconds for the command


def send(tickets: Tickets, kind: str, key: str, **values: str) -> str:
    """Tell of `key`, unless that was done. The evidence, as `sent` gives it.

    `kind` is activated, returned (`values` are domain, source, target, at, loss, by, seal) or credential. The ledger
    is a hidden file beside the file, or `/var/lib/seawall/tickets.sent` for a command. Raises Failed, Missing or
    BadEstate where people can't be told; that must not stop a recovery.
    """
    if evidence := sent(tickets, key):
        return evidence
    text = render(f"ticket-{kind}.txt.j2", key=key, **values)
    try:
        _deliver(tickets, text)
        kept = _ledger(tickets)
        kept.parent.mkdir(parents=True, exist_ok=True)
        files.append(kept, key)
    except OSError as fault:
        raise Failed(
            f"the ticket {key} can't be written: {fault.filename}: {fault.strerror}",
            hint="make room or mend rights there, then run the same command again; meanwhile tell people yourself",
        ) from None
    return _evidence(tickets, key)


def sent(tickets: Tickets, key: str) -> str | None:
    """Evidence that people were told of `key`; None where nothing says so."""
    kept = _ledger(tickets)
    told = kept.exists() and key in kept.read_text(encoding="utf-8").splitlines()
    return _evidence(tickets, key) if told else None


def _deliver(tickets: Tickets, text: str) -> None:
    if tickets.command is not None:
        run(tickets.command, timeout=LIMIT, stdin=text)
    else:
        path = _file(tickets)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(path, text)


def _evidence(tickets: Tickets, key: str) -> str:
    return f"ticket {key} " + (f"given to {tickets.command[0]}" if tickets.command else f"in {tickets.file}")


def _ledger(tickets: Tickets) -> Path:
    if tickets.command is not None:
        return COMMAND_LEDGER
    path = _file(tickets)
    return path.with_name(f".{path.name}.sent")


def _file(tickets: Tickets) -> Path:
    if tickets.file is None:
        raise BadEstate("the estate does not say where tickets go", hint='set drp.tickets = { file = "/var/…" }')
    return Path(tickets.file)
