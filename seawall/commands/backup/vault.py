"""`seawall backup vault`: what the keeper sees and does, on the DRP host, and what only a person may decide."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from backups.site import Site
from backups.vault import back, rounds
from backups.vault.catalogue import VAULT, Catalogue
from backups.vault.keeping import Keeping
from backups.vault.model import Known, State
from backups.vault.rounds import clients, repositories, rules_for
from effects import files
from estate.model import Host
from estate.problem import BadEstate, Frozen
from seawall.commands.backup.alarm import alarm
from seawall.options import by_option, json_option, print_json

why_option = click.option("--why", required=True, help="Why; it stands in the catalogue for ever.")
WAIT = 600.0


@click.group(name="vault")
def vault() -> None:
    """What keeps the past from who is root on production. Runs on the DRP host."""


def each(site: Site) -> Iterator[tuple[Host, Catalogue, Keeping]]:
    """All repositories that this host keeps; the catalogue of each client is locked meanwhile."""
    for client in clients(site):
        with files.locked(VAULT / f"{client.name}.lock", what=f"the keeper of {client.name}", wait=WAIT):
            catalogue = Catalogue(client.name)
            for repository in repositories(site, client):
                yield client, catalogue, repository


@vault.command()
@click.option("--check", is_flag=True, help="Check the data of each repository now, whenever that was done last.")
@json_option
def turn(check: bool, as_json: bool) -> None:
    """One round of the keeper, now: compare, note, freeze where something is wrong, remove what is due."""
    site = Site.here()
    done = rounds.round_of(site, alarm(site), check=check)
    if as_json:
        print_json({"turns": [asdict(one) for one in done.turns], "faults": [str(fault) for fault in done.faults]})
    else:
        for one in done.turns:
            click.echo(f"{one.repository}: {one.new} new, {one.leaving} leaving, {len(one.removed)} removed {one.note}")
    _require_thawed({one.repository: one.frozen for one in done.turns})
    if done.faults:
        raise done.faults[0]


@vault.command()
@json_option
def status(as_json: bool) -> None:
    """What the catalogue says of each repository. Exit 9 where one is frozen."""
    states = {repository.label: catalogue.state(repository.label) for _, catalogue, repository in each(Site.here())}
    rows = {label: _row(state) for label, state in states.items()}
    if as_json:
        print_json(rows)
    else:
        table = Table("repository", "archives", "leaving", "held", "suspect", "looked", "checked", "frozen")
        for label, row in rows.items():
            table.add_row(label, *(str(value or "") for value in row.values()))
        Console().print(table)
    _require_thawed({label: state.frozen for label, state in states.items()})


def _row(state: State) -> dict[str, Any]:
    there = state.there.values()
    return {
        "archives": len(there),
        "leaving": sum(known.leaving is not None for known in there),
        "held": sum(bool(known.held) for known in there),
        "suspect": [known.name for known in there if known.suspect],
        "looked": state.looked and state.looked.isoformat(timespec="seconds"),
        "checked": state.checked and state.checked.isoformat(timespec="seconds"),
        "frozen": list(state.frozen),
    }


def _require_thawed(frozen: dict[str, tuple[str, ...]]) -> None:
    if why := [f"{label}: {'; '.join(reasons)}" for label, reasons in frozen.items() if reasons]:
        raise Frozen(
            "frozen, nothing in it is deleted:\n" + "\n".join(why),
            hint="look at who is root on production; then: seawall backup vault restore-before, and: … thaw",
        )


@vault.command(name="restore-before")
@click.option("--yes", is_flag=True, help="Do it; without it, only the plan is shown.")
@json_option
def restore_before(yes: bool, as_json: bool) -> None:
    """In what is frozen: list again what was hidden, put back a key that was changed. Nothing is removed."""
    site, plans = Site.here(), {}
    for client, catalogue, repository in each(site):
        if catalogue.state(repository.label).frozen:
            plans[repository.label] = found = back.plan(repository, catalogue, rules_for(site, client))
            if yes:
                found.act(catalogue)
    if as_json:
        print_json({label: list(found.steps) for label, found in plans.items()})
    elif not plans:
        click.echo("nothing is frozen: seawall backup vault turn looks now")
    else:
        for label, found in plans.items():
            click.echo(f"{label}: " + ("\n  ".join(("", *found.steps)) if found.steps else "is as it should be"))
    if not yes and any(found.key or found.hidden for found in plans.values()):
        click.echo("nothing was done; to do it: seawall backup vault restore-before --yes", err=True)


@vault.command()
@click.argument("repository")
@by_option
@why_option
def thaw(repository: str, by: str, why: str) -> None:
    """Let REPOSITORY (as `status` calls it) go on, once everything that can be got back is there again."""
    site, known = Site.here(), []
    for client, catalogue, one in each(site):
        known.append(one.label)
        if one.label == repository:
            left = back.thaw(one, catalogue, rules_for(site, client), by=by, why=why)
            click.echo(f"{one.label} goes on; suspect from now on: {', '.join(v.subject for v in left) or 'nothing'}")
            return
    raise BadEstate(f"no repository {repository!r} is kept here", hint=f"one of: {', '.join(known)}")


@vault.command()
@click.argument("archive")
@by_option
@why_option
def fine(archive: str, by: str, why: str) -> None:
    """ARCHIVE was suspect, and you have looked: it counts again."""
    decide("fine", lambda known: known.name == archive and bool(known.suspect), by, why)


def decide(event: str, of: Callable[[Known], bool], by: str, why: str) -> None:
    """Note a person's decision about each archive that it is about."""
    names = []
    for _, catalogue, repository in each(Site.here()):
        for known in catalogue.state(repository.label).there.values():
            if of(known):
                catalogue.note(event, repository.label, known.name, id=known.id, by=by, why=why)
                names.append(f"{known.name} ({repository.side})")
    if not names:
        raise BadEstate("no archive is meant by that", hint="names are shown by: seawall backup retention")
    click.echo("\n".join(names))
