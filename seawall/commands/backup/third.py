"""`seawall backup third`: copy to the store (on a backup server), look, prove and fetch (from the control machine)."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from backups import paths
from backups.third import copying, fetching, settings
from backups.third.copying import Target
from backups.third.manifest import Copy, Manifest, Stored
from backups.third.store import Store, store
from effects.clock import now
from estate.model import Estate
from estate.problem import Failed, Missing, Problem, shared
from inventory import load
from seawall.options import estate_option, json_option, print_json, say

KINDS = ("files", "databases")


@click.group(name="third")
def third() -> None:
    """The third copy: repositories in an S3-compatible store, sealed here, locked there."""


@third.command()
@json_option
def copy(as_json: bool) -> None:
    """Copy what is new in all repositories of this backup server. Its timer runs this."""
    known = settings.here()
    bucket, rows, faults = store(known), list[dict[str, Any]](), list[Problem]()
    for repository in sorted(path.parent for path in paths.REPOSITORIES.glob("*/*/config")):
        mine = copying.target(known, bucket, str(known.server), *repository.parts[-2:])
        try:
            rows.append(_row(copying.copy(mine, repository, known, say), mine))
        except Problem as fault:
            faults.append(fault)
    _show(rows, as_json=as_json)
    _raise_all(faults, "not everything was copied")


def _raise_all(faults: list[Problem], what: str) -> None:
    """Raise one of the kind that all share, or Failed; nothing where there are none."""
    if faults:
        said = "\n".join(fault.what for fault in faults)
        raise shared(fault.exit_code for fault in faults)(f"{what}:\n{said}", hint=faults[0].hint)


def _of_estate(function: Callable[..., None]) -> Callable[..., None]:
    """Give it the estate, its settings and its bucket."""

    @estate_option
    @wraps(function)
    def act(path: Path, **given: Any) -> None:
        estate = load(path)
        known = settings.of(estate, path.resolve().parent)
        function(estate, known, store(known), **given)

    return act


@third.command()
@_of_estate
def bucket(estate: Estate, known: settings.Settings, there: Store) -> None:
    """Make the bucket, with object lock."""
    click.echo(f"{there.bucket}: {'made' if there.make() else 'is there'}")
    there.require_lock()


@third.command(name="list")
@json_option
@_of_estate
def list_command(estate: Estate, known: settings.Settings, there: Store, as_json: bool) -> None:
    """Every copy of every repository, newest first."""
    versions = list(there.versions())
    rows = [
        _row(_read(mine, number, found).manifest, mine)
        for mine in _targets(estate, known, there)
        for number, found in copying.copies(mine, versions)
    ]
    _show(rows, as_json=as_json)


@third.command()
@click.option("--share", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Of each newest copy.")
@json_option
@_of_estate
def prove(estate: Estate, known: settings.Settings, there: Store, share: float, as_json: bool) -> None:
    """Fetch a part of each newest copy and compare it; look whether all of it is there, and locked."""
    versions, rows, faults = list(there.versions()), list[dict[str, Any]](), list[Problem]()
    for mine in _targets(estate, known, there):
        try:
            rows.append(_proven(mine, versions, share))
        except Problem as fault:
            faults.append(fault)
    _show(rows, as_json=as_json)
    _raise_all(faults, "not everything is proven")


def _proven(mine: Target, versions: list[Stored], share: float) -> dict[str, Any]:
    newest = _chosen(mine, versions, None).manifest
    if lost := fetching.lost(newest, versions):
        raise Failed(
            f"{mine.label}: {len(lost)} files of the newest copy are gone from {mine.store.endpoint}",
            hint="ask whoever runs it; then, on the backup server: seawall backup third copy",
        )
    picked = fetching.only(newest, share, random.SystemRandom())
    fetching.prove(mine, picked)
    return _row(newest, mine) | {"proven_files": len(picked)}


@third.command()
@click.argument("server")
@click.argument("client")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), required=True, help="An empty directory.")
@click.option("--before", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="The newest copy from before.")
@_of_estate
def fetch(
    estate: Estate,
    known: settings.Settings,
    there: Store,
    server: str,
    client: str,
    kind: str,
    into: Path,
    before: datetime | None,
) -> None:
    """Bring the repository of CLIENT that SERVER copied into a directory; borg opens it there with its passphrase."""
    mine = copying.target(known, there, server, client, kind)
    chosen = _chosen(mine, list(there.versions()), before).manifest
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    fetching.fetch(mine, chosen, into, say)
    click.echo(f"{into}: {mine.label} as of {chosen.taken.isoformat()}; next: borg list {into}")


def _targets(estate: Estate, known: settings.Settings, there: Store) -> Iterator[Target]:
    for server in estate.third_copy.servers if estate.third_copy else ():
        for client in estate.clients_of(estate.hosts[server]):
            yield from (copying.target(known, there, server, client, kind) for kind in KINDS)


def _chosen(mine: Target, versions: list[Stored], before: datetime | None) -> Copy:
    for number, found in copying.copies(mine, versions):
        one = _read(mine, number, found)
        if before is None or one.manifest.taken < before:
            return one
    raise Missing(f"no copy of {mine.label} in the store", hint="seawall backup third list shows what there is")


def _read(mine: Target, number: int, found: list[Stored]) -> Copy:
    return copying.read(mine, mine.manifest_name(number), found)


def _row(manifest: Manifest, mine: Target) -> dict[str, Any]:
    return {
        "server": mine.server,
        "client": mine.client,
        "kind": mine.kind,
        "number": manifest.number,
        "taken": manifest.taken.isoformat(timespec="seconds"),
        "age_seconds": round((now() - manifest.taken).total_seconds()),
        "files": len(manifest.items),
        "bytes": manifest.size,
        "locked_until": min(item.stored.until for item in manifest.items).isoformat(timespec="seconds"),
    }


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['server']}  {row['client']:12} {row['kind']:9}  copy {row['number']} of {row['taken']}"
            f"  {row['files']} files, {row['bytes'] / 1e6:.1f} MB, locked until {row['locked_until']}"
        )
