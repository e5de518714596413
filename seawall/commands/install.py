"""`seawall install`: the toolkit, a slice of the estate, keys and services, on every host that needs them.

Three rounds, since a backup server can only let in a key that the client has already made: clients, then backup
servers, then repositories, the scheduler and the keeper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from backups.escrow import export
from backups.third import settings
from effects import secrets
from effects.clock import Stopwatch
from effects.reach import known_hosts_line
from effects.remote import Remote
from estate.model import Estate, Host, Role
from estate.problem import BadEstate
from inventory import load, placement, secrets_for, slice_for, zones_build
from inventory.data import followers, host_data
from inventory.slices import cut
from playbooks.drive import Outcome, check, drive
from seawall import wheels as building
from seawall.commands.backup.keys.export import require
from seawall.deploying import Progress, report
from seawall.options import estate_option, json_option, say

INIT = 300.0  # seconds
VAULT = ("vault", "stream_vault")
PUBLIC_KEY = "/etc/seawall/ssh/id_ed25519.pub"
KEEPER_KEY = "/etc/seawall/ssh/keeper_ed25519.pub"


@click.command(name="install")
@estate_option
@click.option(
    "--wheels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A tar of wheels, not this checkout's.",
)
@click.option("--dry-run", is_flag=True, help="Say what the first round would change; change nothing.")
@json_option
def command(path: Path, wheels: Path | None, dry_run: bool, as_json: bool) -> None:
    """Put the toolkit, keys and services on production, backup and DRP hosts. Safe to repeat."""
    estate, watch = load(path), Stopwatch()
    placement.require_still(path)
    clients, vaults = estate.hosts_with(Role.PRODUCTION, Role.DRP), estate.hosts_with(Role.BACKUP)
    _require_pairs(estate, vaults)
    needed = {host.name: zones_build.packages_of(cut(estate, host).zones) for host in clients}
    tars = {packages: wheels or building.toolkit(packages) for packages in {(), *needed.values()}}
    bare = {vault.name: _bare(estate, vault, tars[()]) for vault in vaults}
    full = {
        client.name: _full(path, estate, client, tars[needed[client.name]])
        | {"packages": building.wanted(needed[client.name])}
        for client in clients
    }
    with Progress([*full, *bare]) as progress:
        rounds = [_round([*full.values(), *bare.values()], ["install"], progress, dry_run=dry_run)]
        if not dry_run:
            keys = {host.name: _on(estate, host, ["cat", PUBLIC_KEY]).strip() for host in clients}
            keepers = {
                host.name: _on(estate, host, ["cat", KEEPER_KEY]).strip() for host in estate.hosts_with(Role.DRP)
            }
            quotas = estate.backup.vault.quotas
            more = {v.name: third_data(path, estate, v) | {"clients": _keys(estate, v, keys, keepers)} for v in vaults}
            served = [bare[v.name] | more[v.name] | {"quotas": quotas} for v in vaults]
            rounds.append(_round(served, VAULT, progress))
            for host in clients:
                _on(estate, host, ["/opt/seawall/bin/seawall", "backup", "init"])
            placement.remember(path)
            producing = [
                full[host.name] | {"follower": _follower(estate, host, keys)}
                for host in clients
                if host.role is Role.PRODUCTION
            ]
            rounds.append(_round(producing, ["fence", "schedule", "followed"], progress))
            more_of = {host.name: {"follows": _follows(estate, host), "drill_at": drill_at(estate)} for host in clients}
            twins = [full[host.name] | more_of[host.name] for host in clients if host.role is Role.DRP]
            rounds.append(_round(twins, ["fence", "keep", "follow", "drills"], progress))
    report(_together(rounds), watch.seconds, as_json=as_json, dry_run=dry_run)
    if not dry_run:
        _into_escrow(estate, path)


def _into_escrow(estate: Estate, path: Path) -> None:
    """Whoever makes a repository leaves with its key in escrow, or is told that it is in none."""
    if estate.escrow.wanted:
        require(export.export(estate, path, say))
        return
    click.echo(
        "seawall: nobody is named in [escrow], so the keys of the backups are in no escrow: a fire would take them\n"
        "  hint: each of two or three people: seawall backup keys recipient NAME; then docs/keys.md",
        err=True,
    )


def _require_pairs(estate: Estate, vaults: Sequence[Host]) -> None:
    """A backup server lets in pairs: who writes, and who reads it back."""
    for client in dict.fromkeys(name for vault in vaults for name in estate.clients_of(vault)):
        host = estate.hosts[client]
        if host.role not in (Role.PRODUCTION, Role.DRP) or not estate.partners(host):
            raise BadEstate(
                f"{client} saves to backup servers, but nobody could read it back",
                hint=f"give {client} a twin in the estate",
            )


def _round(
    hosts: Sequence[Any], deploys: Sequence[str], progress: Progress, *, dry_run: bool = False
) -> dict[str, Outcome]:
    outcomes = drive(hosts, [*deploys, "known"], dry_run=dry_run, on_event=progress.see)
    check(outcomes)
    return outcomes


def _together(rounds: Sequence[dict[str, Outcome]]) -> dict[str, Outcome]:
    """One outcome a host, with the work of all rounds."""
    total: dict[str, Outcome] = {}
    for one in (one for outcomes in rounds for one in outcomes.values()):
        before = total.get(one.host, replace(one, operations=0, changes=0, seconds=0.0))
        total[one.host] = replace(
            one,
            operations=before.operations + one.operations,
            changes=before.changes + one.changes,
            seconds=round(before.seconds + one.seconds, 3),
        )
    return total


def _bare(estate: Estate, host: Host, tar: Path) -> dict[str, Any]:
    return {
        **host_data(estate, host),
        "wheels": str(tar),
        "packages": building.wanted(()),
        "slice": "",
        "known_hosts": "",
        "secrets": {},
    }


def _full(path: Path, estate: Estate, host: Host, tar: Path) -> dict[str, Any]:
    """With its slice, its secrets, and the pinned keys of the host it follows and of the pair's backup servers."""
    pair = (host, *estate.partners(host))
    servers = {name for other in pair for name in other.backup.values()}
    servers |= {other.name for other in estate.partners(host) if followers(estate, other)}
    pinned = "".join(
        known_hosts_line(str(estate.hosts[name].ipv4), estate.hosts[name].ssh_port, estate.hosts[name].host_key)
        for name in sorted(servers)
    )
    values = {
        name: secrets.resolve(secret, base=path.resolve().parent)
        for name, secret in secrets_for(path, host.name).items()
    }
    return {
        **_bare(estate, host, tar),
        "slice": slice_for(path, host.name),
        "known_hosts": pinned,
        "secrets": values,
        "engines": [str(engine) for engine in estate.engines_on(host)],
        "server_id": int(host.ipv4),  # MariaDB's are 32 bits too
        "stream_keep_mb": estate.backup.stream_keep_mb,
    }


def third_data(path: Path, estate: Estate, vault: Host) -> dict[str, str]:
    """What a backup server needs to copy its repositories to a third place; empty where it does not."""
    third = estate.third_copy
    if third is None or vault.name not in third.servers:
        return {"third": "", "third_at": ""}
    known = settings.SETTINGS.dump_json(settings.of(estate, path.resolve().parent, vault.name), indent=1)
    return {"third": f"{known.decode()}\n", "third_at": f"*-*-* {third.at:%H:%M} {estate.timezone.key}"}


def _keys(estate: Estate, vault: Host, keys: dict[str, str], keepers: dict[str, str]) -> dict[str, dict[str, str]]:
    """Who writes is the client itself; who reads is its partner; who deletes is the DRP host of the two."""
    found = {}
    for client in estate.clients_of(vault):
        partner = estate.partners(estate.hosts[client])[0]
        keeper = keepers[partner.name if partner.name in keepers else client]
        found[client] = {"writer": keys[client], "reader": keys[partner.name], "keeper": keeper}
    return found


def drill_at(estate: Estate) -> str:
    """When twins drill, as systemd writes it: as the estate says, else two hours after files are saved."""
    saved = estate.backup.files_at
    at = estate.drp.drill_at or saved.replace(hour=(saved.hour + 2) % 24)
    return f"*-*-* {at:%H:%M} {estate.timezone.key}"


def _follower(estate: Estate, host: Host, keys: Mapping[str, str]) -> str:
    """The public key of the twin that follows a production host; empty where none does."""
    return keys[estate.partners(host)[0].name] if followers(estate, host) else ""


def _follows(estate: Estate, twin: Host) -> dict[str, str] | None:
    """Where a twin comes to the host that it follows."""
    found = [host for host in estate.partners(twin) if followers(estate, host)]
    return {"host": found[0].name, "address": str(found[0].ipv4), "ssh_port": str(found[0].ssh_port)} if found else None


def _on(estate: Estate, host: Host, argv: list[str]) -> str:
    with Remote(host, estate.control) as remote:
        return remote.run(argv, timeout=INIT)
