"""The one command. Here, and only here, errors become words and exit codes (the codes stand on `estate.problem`)."""

import sys
from typing import Any

import click

from estate.problem import Problem
from seawall.lazy import Lazy

INTERRUPTED = 130
GROUPS = {
    "audit": "have hosts judged by Lynis, OpenSCAP, ssh-audit and systemd-analyze",
    "backup": "take, list and restore archives and snapshots",
    "credentials": "those that live elsewhere: whose, and due when",
    "drp": "plan, activate, return, report",
    "estate": "write, check and show the estate file",
    "host": "what a managed host answers to the control machine",
    "harden": "make hosts safe; confirmed, or rolled back by the host itself",
    "install": "put the toolkit, keys and services on hosts",
    "patches": "what is open on hosts, and patching ahead of the weekly day",
    "unlock": "open the encrypted data of a host whose key server can't be reached",
    "lab": "a disposable estate of real Debian hosts on this machine",
    "surface": "name what is on hosts and nobody needs, and remove it",
}


@click.group(
    cls=Lazy, table=GROUPS, package="seawall.commands", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="seawall")
def cli() -> None:
    """Harden Debian hosting servers, back them up to two datacenters, bring them back in a third.

    Every command finds the estate by --estate, $SEAWALL_ESTATE, ./estate.toml or /etc/seawall/estate.json.
    """


def main(args: list[str] | None = None) -> None:
    """Run, and leave with the exit code that stands on the error's class."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """The exit code; whatever went wrong is on standard error by then."""
    try:
        result: Any = cli.main(args=args, prog_name="seawall", standalone_mode=False)
    except Problem as problem:
        click.echo(f"seawall: {problem}", err=True)
        return problem.exit_code
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("seawall: interrupted; run the same command again to continue", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as fault:
        click.echo(f"seawall: {fault}\n  hint: look at the file's rights and the disk's room", err=True)
        return Problem.exit_code
    return result if isinstance(result, int) else 0
