"""`seawall estate`: write, check and show the estate file."""

from importlib.resources import files as resources
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from backups.losses import beyond
from effects import secrets
from effects.files import write
from estate.model import Estate, Role, Side
from estate.problem import Failed, Missing, Problem, Refused
from estate.secret import Secret
from inventory import load, placement
from inventory.references import references
from inventory.render import plain
from seawall.options import estate_option, json_option, print_json


@click.group(name="estate")
def command() -> None:
    """Write, check and show the estate file."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("estate.toml"))
def init(file: Path) -> None:
    """Write a commented example to FILE (estate.toml), to be changed into yours."""
    if file.exists() or file.is_symlink():
        raise Refused(
            f"{file} is already there, and is not overwritten", hint="give another name: seawall estate init FILE"
        )
    if not file.parent.is_dir():
        raise Missing(f"there is no directory {file.parent}", hint=f"make it: mkdir -p {file.parent}")
    try:
        write(file, resources("inventory").joinpath("example.toml").read_text(encoding="utf-8"))
    except OSError as fault:
        raise Missing(
            f"{file} can't be written: {fault.strerror}", hint=f"look at its directory: ls -ld {file.parent}"
        ) from None
    click.echo(f"{file} is written; change it to yours, then: seawall estate check --estate {file}")


@command.command()
@estate_option
@json_option
@click.option("--secrets", "with_secrets", is_flag=True, help="Also look every secret up, without showing it.")
def check(path: Path, as_json: bool, with_secrets: bool) -> None:
    """Find every fault in the estate file. Reads files only: no host is asked."""
    estate = load(path)
    placement.require_still(path)
    kept = references(estate)
    if with_secrets:
        _look_up(kept, path.parent)
    counts = _counts(estate) | ({"secrets": len(kept)} if with_secrets else {})
    warnings = [line for host in estate.hosts_with(Role.PRODUCTION) if host.backup for line in beyond(estate, host)]
    if as_json:
        print_json({"ok": True, "name": estate.name, **counts, "warnings": warnings})
    else:
        click.echo(f"{path}: {estate.name} holds: " + ", ".join(f"{count} {noun}" for noun, count in counts.items()))
        for line in warnings:
            click.echo(f"  note: {line}")


@command.command(name="pin-backups")
@estate_option
@json_option
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
def pin_backups(path: Path, as_json: bool, dry_run: bool) -> None:
    """Write the backup servers of hosts placed by [backup.pairs] into their tables, so that they never move."""
    load(path)
    text, added = placement.pinned(path)
    if added and not dry_run:
        _require_sound(path, text)
        write(path, text, mode=path.stat().st_mode & 0o777)
    if as_json:
        print_json({"pinned": added, "written": bool(added) and not dry_run})
        return
    for host, servers in added.items():
        click.echo(f"{host}: {', '.join(f'{side} {server}' for side, server in servers.items())}")
    click.echo(f"{len(added)} hosts {'would be ' if dry_run else ''}pinned in {path}")


def _require_sound(path: Path, text: str) -> None:
    """The new text loads, with every host that was placed where it is written; only then is the old one replaced."""
    with TemporaryDirectory(prefix="seawall-") as folder:
        tried = Path(folder) / path.name
        write(tried, text, mode=0o600)
        load(tried)
        if left := placement.placements(tried):
            raise Failed(f"{', '.join(left)} could not be pinned", hint="write their backup = { … } by hand")


@command.command()
@estate_option
@json_option
def show(path: Path, as_json: bool) -> None:
    """Show datacenters and hosts, vhosts with their databases, and who backs up what."""
    estate = load(path)
    if as_json:
        print_json(plain(estate))
        return
    console = Console()
    console.print(_hosts(estate))
    console.print(_vhosts(estate))
    policy = estate.backup
    click.echo(
        f"files at {policy.files_at:%H:%M} {estate.timezone.key}, databases every {policy.snapshot_every}; "
        f"orders are signed by {', '.join(estate.drp.approvers)}"
    )


def _counts(estate: Estate) -> dict[str, int]:
    tables = ("datacenters", "hosts", "vhosts", "databases", "zones")
    return {name: len(getattr(estate, name)) for name in tables}


def _look_up(kept: dict[str, Secret], base: Path) -> None:
    faults: list[tuple[str, Problem]] = []
    for place, secret in kept.items():
        try:
            secrets.resolve(secret, base=base)
        except Problem as fault:
            faults.append((place, fault))
    if faults:
        told = "\n".join(f"{place}: {fault.what}; {fault.hint}" for place, fault in faults)
        raise type(faults[0][1])(told, hint="mend that, then: seawall estate check --secrets")


def _hosts(estate: Estate) -> Table:
    table = _table("datacenter", "host", "role", "addresses", "ssh", "twin", "saves to")
    for datacenter in estate.datacenters:
        for n, host in enumerate(host for host in estate.hosts.values() if host.datacenter == datacenter):
            cells = ["" if n else datacenter, host.name, host.role, "\n".join(host.addresses), str(host.ssh_port)]
            table.add_row(*cells, host.twin or "", "\n".join(host.backup[side] for side in Side if host.backup))
    return table


def _vhosts(estate: Estate) -> Table:
    table = _table("value", "vhost", "host", "twin", "user", "runtime", "databases")
    for vhost in sorted(estate.vhosts.values(), key=lambda vhost: (-vhost.value, vhost.domain)):
        databases = "\n".join(f"{db.name} ({db.engine})" for db in estate.databases_of(vhost))
        cells = [str(vhost.value), "\n".join(vhost.names), vhost.host, estate.hosts[vhost.host].twin or ""]
        table.add_row(*cells, vhost.user, vhost.runtime, databases)
    return table


def _table(*columns: str) -> Table:
    """Cells fold where the terminal is narrow: an address that is cut short helps nobody."""
    return Table(
        *(Column(name, overflow="fold") for name in columns), box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False
    )
