"""`seawall lab`: a disposable estate of real Debian hosts on this machine."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

import lab
from effects.clock import Stopwatch
from seawall.options import json_option, print_json


def _name_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--name", default="lab", show_default=True, help="Which lab; several can be up at once.")(
        function
    )


@click.group(name="lab")
def command() -> None:
    """A disposable estate of real Debian hosts on this machine.

    Needs root on Debian 12 or 13, and the packages systemd-container, mmdebstrap, iproute2 and openssh-client.
    """


@command.command()
@_name_option
@click.option("--network", default=77, show_default=True, help="N of 10.N.0.0/16 and fd00:N::/32.")
@click.option("--hosts", default="", help="Boot only these, as in web1,probe; the estate still describes all.")
@click.option("--disk", "disks", multiple=True, metavar="HOST", help="Give it a disk of its own; may be repeated.")
@click.option("--suite", help="Debian's: bookworm or trixie; by default this machine's own.")
@json_option
def up(name: str, network: int, hosts: str, disks: tuple[str, ...], suite: str | None, *, as_json: bool) -> None:
    """Bring it up: eight hosts in three datacenters, three sites, two name servers, one visitor."""
    watch = Stopwatch()
    chosen = [host.strip() for host in hosts.split(",") if host.strip()]
    say = lambda line: click.echo(f"{watch.seconds:6.1f} s  {line}", err=True)  # noqa: E731
    made = lab.up(name, network, suite=suite, hosts=chosen, disks=disks, say=say)
    if as_json:
        print_json({"name": made.name, "estate": str(made.estate_file), "seconds": watch.seconds})
    else:
        click.echo(f"{made.name} is up. Now type: export SEAWALL_ESTATE={made.estate_file}")


@command.command()
@_name_option
@json_option
def status(name: str, *, as_json: bool) -> None:
    """Which hosts run, and which can be reached."""
    hosts = lab.load(name).status()
    if as_json:
        print_json([asdict(host) for host in hosts])
        return
    for host in hosts:
        state = "down" if not host.running else "running" if host.reachable else "running, cut off"
        click.echo(f"{host.name:<11} {host.datacenter:<11} {host.ipv4:<14} {state}")


@command.command()
@click.argument("host")
@_name_option
def shell(host: str, name: str) -> None:
    """A root shell in HOST, not through its network."""
    argv = lab.load(name).guest(host).argv(["env", f"TERM={os.environ.get('TERM', 'dumb')}", "bash", "--login"])
    os.execvp(argv[0], argv)  # noqa: S606 - an interactive shell takes this process's place


@command.command()
@click.argument("datacenter")
@_name_option
def cut(datacenter: str, name: str) -> None:
    """Lose DATACENTER: its hosts run on, and nobody reaches them."""
    lab.load(name).cut(datacenter)
    click.echo(f"{datacenter} is lost; get it back with: seawall lab heal {datacenter} --name {name}")


@command.command()
@click.argument("datacenter")
@_name_option
def heal(datacenter: str, name: str) -> None:
    """Get DATACENTER back."""
    lab.load(name).heal(datacenter)
    click.echo(f"{datacenter} is back")


@command.command()
@_name_option
def down(name: str) -> None:
    """Power the hosts off and remove all that was made for the lab."""
    lab.load(name).down()
    click.echo(f"{name} is gone")
