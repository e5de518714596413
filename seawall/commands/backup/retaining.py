"""`seawall backup retention | hold | release | catalogue`: what stays and why, and the record of it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from backups.site import Site
from backups.vault.catalogue import Catalogue, read
from backups.vault.keeping import Keeping
from backups.vault.model import Known
from backups.vault.rounds import clients, repositories, rules_for
from backups.vault.turn import Rules, fates
from effects.journal import Entry
from estate.model import Side
from estate.problem import BadEstate
from seawall.commands.backup.vault import decide, each, why_option
from seawall.options import by_option, json_option, print_json

DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@json_option
def retention(as_json: bool) -> None:
    """Why each archive stays, and when one goes. Changes nothing: the keeper removes what is due."""
    site, rows = Site.here(), []
    for client, catalogue, repository in each(site):
        rows += _rows(repository, catalogue, rules_for(site, client))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        stays = "; ".join(row["stays"]) if row["stays"] else f"may go{row['goes'] and ', on ' + row['goes']}"
        click.echo(f"{row['archive']}  {row['side']:4}  {stays}")


def _rows(repository: Keeping, catalogue: Catalogue, rules: Rules) -> list[dict[str, Any]]:
    state = catalogue.state(repository.label)
    found = []
    for id_, why in sorted(
        fates(state, rules.keep(repository), rules).items(), key=lambda it: state.archives[it[0]].name
    ):
        known = state.archives[id_]
        goes = f"{known.leaving + rules.policy.delay:%Y-%m-%d %H:%M}Z" if known.leaving and not why else ""
        found.append({"archive": known.name, "side": repository.side, "id": known.id, "stays": list(why), "goes": goes})
    return found


@click.command()
@click.argument("archives", nargs=-1)
@click.option("--after", type=DAY, help="All taken since then (UTC) that are known now.")
@click.option("--before", type=DAY, help="All taken until then (UTC).")
@by_option
@why_option
def hold(archives: tuple[str, ...], after: datetime | None, before: datetime | None, by: str, why: str) -> None:
    """Keep ARCHIVES, or those of a time, whatever retention says, until they are released."""
    decide("held", _meant(archives, after, before), by, why)


@click.command()
@click.argument("archives", nargs=-1)
@click.option("--after", type=DAY)
@click.option("--before", type=DAY)
@by_option
@why_option
def release(archives: tuple[str, ...], after: datetime | None, before: datetime | None, by: str, why: str) -> None:
    """Let retention decide again about what was held."""
    meant = _meant(archives, after, before)
    decide("released", lambda known: bool(known.held) and meant(known), by, why)


def _meant(names: tuple[str, ...], after: datetime | None, before: datetime | None) -> Callable[[Known], bool]:
    if not (names or after or before):
        raise BadEstate("which archives?", hint="name them, or say --after or --before")

    def meant(known: Known) -> bool:
        taken = known.archive.taken.replace(tzinfo=None) if known.archive else datetime.min  # noqa: DTZ901 - before all
        return (not names or known.name in names) and (after or taken) <= taken <= (before or taken)

    return meant


@click.command()
@click.option("--from", "side", type=click.Choice([str(side) for side in Side]), help="Read the copy on that side.")
@click.option("--public", help="The key that entries must be signed with; default: this twin's own.")
@click.option("--file", "path", type=click.Path(path_type=Path, exists=True), help="Judge this file, anywhere.")
@json_option
def catalogue(side: str | None, public: str | None, path: Path | None, as_json: bool) -> None:
    """Verify the chain and every signature of the catalogue, and show it. Exit 5 where one is wrong."""
    if path is not None:
        if public is None:
            raise BadEstate(
                "whose signatures?", hint="add --public KEY, as `seawall backup catalogue` shows it on the twin"
            )
        _show({path.stem: read(path.read_text(encoding="ascii"), public, name=str(path))}, public, as_json=as_json)
        return
    site, found, key = Site.here(), {}, public or ""
    for client in clients(site):
        own = Catalogue(client.name)
        key = public or own.public
        if side is None:
            found[client.name] = own.entries()
        else:
            server = next(one for one in repositories(site, client) if one.side == side)
            found[client.name] = read(server.copy(), key, name=f"the copy on {server.server.name}")
    _show(found, key, as_json=as_json)


def _show(found: dict[str, tuple[Entry, ...]], public: str, *, as_json: bool) -> None:
    if as_json:
        rows = {c: [{"number": e.number, "at": e.at, "event": e.event, "repository": e.step, "subject": e.subject,
                     "detail": e.detail} for e in entries] for c, entries in found.items()}  # fmt: skip
        print_json({"public": public, "entries": rows})
        return
    for client, entries in found.items():
        for entry in entries:
            click.echo(
                f"{entry.number:6} {entry.at:%Y-%m-%d %H:%M:%S} {entry.step:20} {entry.event:10} {entry.subject}"
            )
        head = entries[-1].digest[:16] if entries else "nothing yet"
        click.echo(f"{client}: {len(entries)} entries, all signed with {public}; head {head}")
