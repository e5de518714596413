"""`seawall backup keys export`: seal, deliver, remember."""

from pathlib import Path
from typing import Any

import click

from backups.escrow import export as engine
from backups.escrow.custody import Verdict
from backups.escrow.export import State
from estate.problem import BadEstate, Problem
from inventory import load
from seawall.options import estate_option, json_option, print_json, say


@click.command(name="export")
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="REPOSITORY",
    help="This one was made anew on purpose: web1/files@odd.",
)
@estate_option
@json_option
def command(path: Path, accepted: tuple[str, ...], as_json: bool) -> None:
    """Seal what has changed, for the people in [escrow]; leave it with every backup server and twin. Safe to repeat.

    Nothing that was sealed before is changed or removed. Exit 1 where a repository's key was changed by somebody, or
    where a holder has not got all sealed files.
    """
    estate = load(path)
    found = engine.export(estate, path, say, frozenset(accepted))
    if unknown := [name for name in accepted if name not in {one.name for one in found.judged}]:
        raise BadEstate(
            f"{unknown[0]} is no repository of this estate", hint="as `seawall backup keys verify` names them"
        )
    if as_json:
        print_json(as_document(found))
    else:
        click.echo(in_words(found))
    require(found)


def as_document(found: State) -> dict[str, Any]:
    """{ok, sealed, number, needed, recipients, made, repositories: [{name, verdict, in_escrow}], faults}."""
    head = found.head
    return {
        "ok": not found.faults,
        "sealed": found.name,
        "number": head and head.number,
        "needed": head and head.needed,
        "recipients": list(head.recipients) if head else [],
        "made": found.made,
        "current": found.current,
        "repositories": [
            {"name": one.name, "verdict": one.verdict.value, "in_escrow": one.held is not None and found.holds(one)}
            for one in found.judged
        ],
        "faults": found.faults,
    }


def in_words(found: State) -> str:
    """One line, for people."""
    head = found.head
    if head is None:
        return "nothing is sealed yet"
    whom = f"{head.needed} of {', '.join(head.recipients)}" if head.recipients else "whoever knows the passphrase"
    news = (
        "sealed now"
        if found.made
        else f"sealed {head.made:%Y-%m-%d %H:%M} UTC, and {'' if found.current else 'not '}current"
    )
    return f"{found.name}: {len(head.keys)} keys for {whom}; {news}"


def require(found: State) -> None:
    """Raise where a person has to look at something."""
    if not found.faults:
        return
    changed = [one.name for one in found.judged if one.verdict is Verdict.LOCKED and one.held is not None]
    put_back = f"to give a repository its good key again: seawall backup keys put-back {changed[0]}" if changed else ""
    raise Problem("\n".join(found.faults), hint=put_back or "mend that, then: seawall backup keys export")
