"""`seawall backup mount`: an archive as a directory, for ls, grep and diff."""

from pathlib import Path

import click

from backups import mounting, take
from backups.mounting import Mount
from backups.site import Site
from estate.model import Engine
from estate.points import FILES, Archive, kind_of
from estate.problem import BadEstate
from seawall.commands.backup.finding import archives_of, client_of, host_option
from seawall.options import instant_of, json_option, print_json, say

KINDS = (FILES, *(engine.value for engine in Engine))


@click.command()
@click.argument("mountpoint", type=click.Path(path_type=Path, resolve_path=True))
@host_option
@click.option("--archive", "name", metavar="NAME", help="This one; default: the newest --at TIME, or now.")
@click.option("--at", metavar="TIME", help="'2026-11-22 03:14:00+01:00'; without an offset, in the estate's time zone.")
@click.option("--kind", type=click.Choice(KINDS), default=FILES, show_default=True, help="What it holds.")
@click.option("--dry-run", is_flag=True, help="Say which one it would be, and mount nothing.")
@json_option
def mount(
    mountpoint: Path, host: str | None, name: str | None, at: str | None, kind: str, dry_run: bool, as_json: bool
) -> None:
    """Show an archive at MOUNTPOINT, an empty directory, to look around in: read-only, and for root alone.

    It stays there for 8 hours, or until: umount MOUNTPOINT. Of databases it shows the server's raw files.
    """
    if name is not None and at is not None:
        raise BadEstate("say which archive, in one way", hint="--archive NAME, or --at TIME")
    site = Site.here()
    client, when = client_of(site, host), None if at is None else instant_of(at, site.estate.timezone)
    mounting.require_module()
    mounting.require_place(mountpoint, take.sources(site))
    kinds = (kind_of(kind),) if name is None else (FILES, *Engine)
    wanted = mounting.candidates(archives_of(site, client, kinds), name, when, kind_of(kind))
    it = Mount(mountpoint)
    if dry_run:
        _tell(wanted[0], it, None, as_json=as_json)
        return
    archive, until = mounting.show(it, wanted, lambda one: site.repository(client, one.kind, one.side), say)
    _tell(archive, it, until.astimezone(site.estate.timezone).isoformat(timespec="seconds"), as_json=as_json)


def _tell(archive: Archive, it: Mount, until: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"archive": archive.name, "side": archive.side, "mountpoint": str(it.place), "until": until,
                    "unit": until and it.unit})  # fmt: skip
    elif until is None:
        click.echo(f"it would be {archive.name} ({archive.side}); nothing was mounted: a dry run")
    else:
        click.echo(f"{archive.name} ({archive.side}) is at {it.place} until {until}\nto end it: umount {it.place}")
