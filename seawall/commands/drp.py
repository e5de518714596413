"""`seawall drp`: what an operator types. On the control machine these drive the hosts; the work is done there."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from drp import drive
from drp.job import JobKind
from drp.scope import Scope
from estate.model import Estate
from estate.people import call_tree
from estate.problem import BadEstate
from inventory import load
from seawall import show, show_course
from seawall.commands.drp_cancel import cancel
from seawall.commands.drp_drill import drill
from seawall.commands.drp_looking import look, status
from seawall.commands.drp_orders import order, sign
from seawall.commands.drp_orphans import hint, orphans
from seawall.commands.drp_promote import promote
from seawall.commands.drp_report import report
from seawall.options import estate_option, instant_of, json_option, print_json, say
from seawall.ordering import Wish, end, ordered, wish_options


@click.group(name="drp")
def command() -> None:
    """Plan, activate, return, report. The work runs on the hosts as systemd units and survives this command."""


@command.command()
@estate_option
@click.option("--vhost", "vhosts", multiple=True, metavar="DOMAIN", help="Only that one; may be given several times.")
@click.option(
    "--at", metavar="TIME", help="As things were then: '2026-11-22 03:14:00+01:00', or in the estate's time zone."
)
@click.option("--proven", is_flag=True, help="From the newest recovery point that a proof held for, not the newest.")
@json_option
def plan(path: Path, vhosts: tuple[str, ...], at: str | None, proven: bool, as_json: bool) -> None:
    """Show what an activation would do, lose and take, and its seal. Does nothing."""
    estate = load(path)
    Scope(vhosts).require_known([vhost.domain for vhost in estate.vhosts_on(drive.production(estate))])
    chosen = [f"--vhost={name}" for name in vhosts]
    if at:
        chosen.append(f"--at={instant_of(at, estate.timezone).isoformat()}")
    found = _asked(estate, "plan", *chosen, *(["--proven"] if proven else []))
    print_json(found) if as_json else show.plan(found, estate.drp.approvals)


@command.command()
@estate_option
@click.option("--seal", default="", help="Of the plan you looked at; at least 12 digits of it.")
@wish_options
@click.option("--detach", is_flag=True, help="Start it and leave; look again with: seawall drp status")
@json_option
def activate(path: Path, seal: str, detach: bool, as_json: bool, **wish: Any) -> None:
    """Carry out exactly the plan with that seal, or that order. Safe to repeat: it continues."""
    estate = load(path)
    with drive.Hand(estate, drive.twin(estate)) as twin:
        signed = ordered(twin, estate, "activate", seal, Wish(**wish))
        begun = drive.begin(twin, JobKind.ACTIVATE, signed, seal or (signed.order.seal if signed else ""))
        if detach:
            click.echo(f"{twin.host.name} carries out {begun.job}; watch it with the same command without --detach")
            return
        back = "; take it back with: seawall drp cancel"
        with show_course.shown(f"{begun.job} on {twin.host.name}", instead=back) as (entry, watch):
            closed = twin.follow(begun, entry, watch)
    if closed.get("left"):
        say(f"NOBODY serves {', '.join(closed['left'])}, unless another plan brought it meanwhile: seawall drp plan")
    end(closed, as_json)
    say("how it stands: seawall drp status; once production is mended: seawall drp return")


@command.command(name="return")
@estate_option
@wish_options
@click.option("--yes", is_flag=True, help="Do it; without, only show what would be done.")
@json_option
def return_command(path: Path, yes: bool, as_json: bool, **wish: Any) -> None:
    """Bring everything back to production: writes frozen, last copy, proof, DNS. Safe to repeat: it continues."""
    estate = load(path)
    with (
        drive.Hand(estate, drive.twin(estate)) as twin,
        drive.Hand(estate, drive.production(estate)) as production,
    ):
        if not yes:
            found = twin.ask("plan", "--return") | {"unready": production.unready()}
            print_json(found) if as_json else show.homecoming(found)
            return
        production.require()  # before anything is ordered, saved or frozen
        signed = ordered(twin, estate, "return", "", Wish(**wish))
        with show_course.shown("what was begun of the return") as (entry, watch):
            closed = drive.bring_home(twin, production, signed, entry, watch)
        if closed["ok"]:
            hint(twin, production)
    end(closed, as_json)


@command.command()
@estate_option
@json_option
def boot(path: Path, as_json: bool) -> None:
    """Let production boot again that its company has stopped; it serves nobody before a return. Safe to repeat."""
    estate = load(path)
    host = drive.production(estate).name
    found = _asked(estate, "boot", host)
    if as_json:
        print_json(found)
    elif found["running"]:
        click.echo(f"{host}: {found['running']}")
    else:
        click.echo(f"{host}: asked for; it takes minutes. Look again with the same command")


@command.command()
@estate_option
@click.option("--again", is_flag=True, help="Try at once whatever waits.")
@click.option("--give-up", default="", metavar="KEY", help="A message that waits is not told any more; with --by.")
@click.option("--by", default="", metavar="NAME", help="Who gives it up.")
@json_option
def tickets(path: Path, again: bool, give_up: str, by: str, as_json: bool) -> None:
    """What people were told by which channel, and what waits for which reason."""
    if give_up and not by:
        raise BadEstate("who gives it up is not said", hint="add --by NAME")
    found = _asked(load(path), "tickets", *(["--again"] if again else []), f"--give-up={give_up}", f"--by={by}")
    print_json(found) if as_json else show.tickets(found)


@command.command()
@estate_option
@json_option
def people(path: Path, as_json: bool) -> None:
    """Whom to call, and whom where they do not answer: as the estate file says, with every host and network gone."""
    tree = [[asdict(one) for one in called] for called in call_tree(load(path).drp.people)]
    print_json(tree) if as_json else show.people(tree)


def _asked(estate: Estate, *question: str) -> Any:
    with drive.Hand(estate, drive.twin(estate)) as twin:
        return twin.ask(*question)


for _one in (cancel, status, look, order, sign, report, drill, orphans, promote):
    command.add_command(_one)
