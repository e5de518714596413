"""`seawall backup status | metrics`: what an operator and a monitor ask, here, on a twin, or of all hosts at once."""

import click

from backups import paths, standing
from backups.metrics import exposition
from backups.site import Site
from backups.standing import Document, Level, Standing
from effects import http_server
from effects.clock import now
from effects.run import attempt
from estate.model import Role
from estate.problem import Problem
from inventory import load
from seawall.options import find_estate, json_option, print_json
from seawall.show_standing import show

ENABLED = ["systemctl", "is-enabled", "--quiet", "seawall-backup.service"]
typed_estate = click.option(
    "--estate", "path", envvar="SEAWALL_ESTATE", metavar="FILE",
    help="Ask every production host and twin of this estate, from the control machine.",
)  # fmt: skip


@click.command()
@click.option("--monitor", is_flag=True, help="One line, and exit codes as monitoring plugins have: 0, 1, 2, 3.")
@typed_estate
@json_option
def status(path: str | None, *, monitor: bool, as_json: bool) -> int | None:
    """Newest instant per kind and side, what is owed, and what each loss would cost now and at most.

    On production out of its memory, on a twin out of both sides; elsewhere all hosts are asked. Exit code 1 where a
    side lacks what it should have by now, or a replica on the twin does.
    """
    found = _standings(path)
    level = max((one.level for one in found), default=Level.UNKNOWN)
    if monitor:
        click.echo(_line(found, level))
        return int(level)
    if as_json:
        rows = Document(hosts=found).model_dump(mode="json")["hosts"]
        told = [{"level": one.level.name.lower(), "trouble": one.trouble} for one in found]
        print_json({"level": level.name.lower(), "hosts": [row | extra for row, extra in zip(rows, told, strict=True)]})
    else:
        show(found)
    _judge(found)
    return None


@click.command()
@click.option("--listen", metavar="ADDRESS:PORT", help="Answer GET /metrics there, for ever, instead of printing once.")
@typed_estate
def metrics(path: str | None, listen: str | None) -> None:
    """How backups stand, for Prometheus. `[backup] metrics` writes the same into a file after each run."""
    if listen is None:
        click.echo(exposition(_standings(path)), nl=False)
        return
    click.echo(f"answering on http://{listen}/metrics", err=True)
    http_server.serve(listen, "/metrics", lambda: exposition(_standings(path)))


def _standings(path: str | None) -> list[Standing]:
    if path is None and paths.IDENTITY.exists():
        return here()
    from seawall.asking import standings  # noqa: PLC0415 - a managed host drives nobody, and lacks what that needs

    return standings(load(find_estate(path)))


def here() -> list[Standing]:
    """Of this host; on a twin of its production host too, as both sides show it."""
    site, at = Site.here(), now()
    serves = site.host.role is Role.PRODUCTION or attempt(ENABLED, timeout=30).ok
    found = [standing.own(site, at)] if serves else []
    return [*found, standing.partners(site)] if site.host.role is Role.DRP else found


def _line(found: list[Standing], level: Level) -> str:
    words = [f"{one.host}: {'; '.join(one.trouble) or 'saved as promised'}" for one in found]
    return f"BACKUP {level.name} - {', '.join(words) or 'no host'}".replace("|", "/").replace("\n", " ")


def _judge(found: list[Standing]) -> None:
    if told := [f"\n  {one.host}: {what}" for one in found for what in one.trouble]:
        raise Problem(
            f"not all is saved as promised:{''.join(told)}",
            hint="the scheduler tries again by itself; look at: journalctl -u seawall-backup -u seawall-replica",
        )
