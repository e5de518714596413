"""What people read on a terminal: plans, progress, status."""

from datetime import timedelta
from typing import Any

import click
from rich.box import HEAVY_HEAD
from rich.console import Console

from drp.halfway import GO_ON
from effects.journal import Entry
from estate.orders import Order
from seawall.tables import folding

NOTHING_DONE = "nothing was done; to carry it out, add --by NAME --yes; to go on with what was begun, --yes"
MARKS = {"begun": "…", "done": "✓", "held": "=", "failed": "✗", "opened": ">", "closed": "■"}


def entry(host: str, one: Entry) -> None:
    """One line of progress per journal entry."""
    click.echo(line(host, one), err=True)


def line(host: str, one: Entry) -> str:
    """An entry for people."""
    at = one.at.strftime("%H:%M:%S")
    said = one.detail.get("evidence") or one.detail.get("error") or ""
    if one.event == "opened":
        said = f"{one.detail['kind']}, ordered by {one.detail['by']}"
    if one.event == "closed":
        said = "all of it holds" if one.detail["ok"] else f"failed: {one.detail['failed']}"
    return f"  {at} {host:8} {MARKS.get(one.event, '?')} {one.step:9} {one.subject:16} {said}"


def seconds(value: float | None) -> str:
    """`0:00:42`, or what its absence means."""
    return "could not come back" if value is None else str(timedelta(seconds=round(value)))


PROVEN = {True: "yes", False: "NO", None: "not yet"}


def plan(found: dict[str, Any], approvals: int) -> None:
    """What would be done, lost and how long it takes; then DNS, the seal and what to type, by how many approvers."""
    table = folding("", "vhost", "recovery point", "proven", "would be lost", "about")
    for number, move in enumerate(found["plan"]["moves"], 1):
        archives = "\n".join(found["archives"][move["domain"]])
        lost = "\n".join(f"{kind} {seconds(one)}" for kind, one in found["losses"][move["domain"]].items())
        proven = PROVEN[move["proven"]]
        table.add_row(f"{number}.", move["domain"], archives, proven, lost, f"{move['seconds']:.0f} s")
    Console().print(table)
    for change in (change for move in found["plan"]["moves"] for change in move["changes"]):
        before, after = ", ".join(change["before"]), ", ".join(change["after"])
        click.echo(f"DNS  {change['name']} {change['rtype']}  {before} → {after or 'nothing'}")
    for replica in found["plan"].get("replicas", ()):
        click.echo(replica["said"])
    _faults(found["plan"]["faults"])
    if bad := [move["domain"] for move in found["plan"]["moves"] if move["proven"] is False]:
        click.echo(
            f"NOT WHOLE when it was proven: the recovery point of {', '.join(bad)}\n"
            "  what was found: seawall backup proofs, on the twin; the newest that is whole: seawall drp plan --proven",
            err=True,
        )
    if left := found["plan"].get("left"):
        click.echo(
            f"NOT in this plan, and served by nobody once {found['plan']['source']} is fenced: {', '.join(left)}"
        )
    if at := found["plan"].get("at"):
        click.echo(f"as things were at {at}: everything later is lost, where it was not replicated elsewhere")
    source, verb = found["plan"]["source"], "order" if approvals > 1 else "activate"
    click.echo(f"{source} is fenced first, also where it answers: it serves nobody until a return")
    click.echo(
        f"{source} → {found['plan']['target']}, seal {found['seal']}\n"
        f"nothing was done; to carry it out: seawall drp {verb} --seal {found['seal'][:12]} --by NAME"
    )
    if approvals > 1:
        click.echo(f"which writes an order that {approvals} people sign: docs/orders.md")


def order(wanted: Order) -> None:
    """What somebody is about to sign, in words."""
    what = {"activate": "ACTIVATE", "return": "RETURN", "cancel": "CANCEL"}[wanted.aim]
    where = f"{wanted.source} → {wanted.target} in {wanted.estate}"
    click.echo(f"{what}: {where}, plan {wanted.seal[:12]}, asked by {wanted.by}")
    for domain, point in wanted.points.items():
        lost = f"what was written after {point:%Y-%m-%d %H:%M:%S} UTC is lost" if point else "nothing is lost"
        click.echo(f"  {domain}: {lost}")
    if wanted.reason:
        click.echo(click.style(f"BREAKING THE GLASS: {wanted.reason}", fg="red", bold=True))
    click.echo(f"valid until {wanted.until:%Y-%m-%d %H:%M} UTC")


def homecoming(found: dict[str, Any]) -> None:
    """What a return would do, and what to type."""
    twin, production = found["plan"]["source"], found["plan"]["target"]
    click.echo(
        f"{twin} → {production}: {', '.join(move['domain'] for move in found['plan']['moves'])}\n"
        f"saved, and brought to {production}, while {twin} serves; then maintenance (503) on both, what was written\n"
        f"since, proof, DNS; what {production} holds now is kept beside it, not overwritten"
    )
    if found["halfway"]:
        click.echo(f"IT WAS BEGUN: {found['halfway']}; it goes on with: {GO_ON}", err=True)
    elif found["unready"]:
        click.echo(f"IT CAN'T BEGIN: {found['unready']}; until it answers {twin} serves on", err=True)
    else:
        click.echo(NOTHING_DONE)


def cancellation(found: dict[str, Any]) -> None:
    """What cancelling would do while no name was switched, and what to type."""
    done = f"done so far: {', '.join(found['done'])}" if found["done"] else "nothing is done so far"
    click.echo(
        f"{found['job']}: no name was switched, so visitors are still sent to {found['target']}\n{done}\n"
        f"it is stopped; {found['source']} answers 503; {found['target']} holds the epoch again, and goes on\n"
        "what was brought to the twin stays there"
    )
    if found["cancelled"]:
        click.echo("IT WAS BEGUN; it goes on with: seawall drp cancel --yes", err=True)
    elif found["unready"]:
        click.echo(f"IT CAN'T BEGIN: {found['unready']}; nobody would serve", err=True)
    else:
        click.echo(NOTHING_DONE)


def status(seen: dict[str, Any]) -> None:
    """Per vhost: could it come back, from what, and how old is that; of what the twin serves, that it does."""
    table = folding("vhost", "newest recovery point", "would be lost", "DNS points at", box=HEAVY_HEAD, pad_edge=True)
    for row in seen["vhosts"]:
        named = "\n".join(
            f"{name or 'none of ' + kind} ({row['sides'][kind] or '-'})" for kind, name in row["points"].items()
        )
        lost = "\n".join(seconds(row["losses"].get(kind)) for kind in row["points"])
        served = row["dns"] == seen["twin"]
        table.add_row(row["domain"], "" if served else named, f"{row['dns']} serves" if served else lost, row["dns"])
    Console().print(table)
    _faults(seen["faults"])
    for row in seen["reverted"]:
        click.echo(row["what"], err=True)
    for row in seen["untold"]:
        click.echo(f"people don't know yet: {row['key']} by {row['channel']}: {_waits(row)}", err=True)
    if half := seen["halfway"]:
        click.echo(f"{half['said']}; where no command carries it on: {GO_ON}", err=True)
    fence = seen["fence"]
    idle = [row["domain"] for row in seen["vhosts"] if row["dns"] == seen["production"]]
    if idle and fence["holder"] == seen["twin"]:
        lost = seen["production"]
        click.echo(f"NOBODY serves {', '.join(idle)}: {lost} is fenced, and DNS leads there", err=True)
    click.echo(f"{fence['holder']} holds epoch {fence['epoch']}: {fence['agree']} of {fence['witnesses']} witnesses")
    for said in fence["said"]:
        click.echo(f"  {said}")
    for job in seen["jobs"]:
        click.echo(f"{job['job']}: {job['state']}, ordered by {job['by']} at {job['ordered']}")


def tickets(found: list[dict[str, Any]]) -> None:
    """Per message and channel: told, or what it waits for. Lines, not a table: a key that is cut can't be typed."""
    for row in found:
        click.echo(f"{row['at'][:19]} {row['key']} by {row['channel']}: {row['told'] or _waits(row)}")


def people(tree: list[list[dict[str, Any]]]) -> None:
    """A line for each role: who, and who else."""
    if not tree:
        click.echo("the estate names nobody: add [drp.people] (docs/tickets.md)")
        return
    table = folding("role", "call", "else")
    for first, *others in tree:
        said = [f"{one['name']} {one['phone']}" for one in (first, *others)]
        table.add_row(first["role"], said[0], "\n".join(said[1:]))
    Console().print(table)


def _waits(row: dict[str, Any]) -> str:
    if row["error"] is None:
        return "WAITS, not tried yet"
    return f"WAITS: try {row['tries']} failed: {row['error']}; the next is at {row['next'][11:19]} UTC"


def _faults(faults: list[str]) -> None:
    for fault in faults:
        click.echo(f"does not answer: {fault}", err=True)
