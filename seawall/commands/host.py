"""`seawall host`: what a managed host answers when the driver asks. JSON in, JSON out, not for typing."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import click

from backups import fencing, guarding
from backups.site import Site
from backups.vault import heads
from drp import anchoring, begin, cancelling, hosting, observe, orders, returning, tickets, underway, web
from drp import job as jobs
from drp import notes as noted
from drp.asked import remember
from drp.outbox import look, sender
from drp.plan import PLAN, Plan
from drp.ready import twin as twins
from drp.ready.comebacks import COMEBACKS
from drp.ready.findings import FINDINGS
from drp.scope import Scope
from drp.status import status as current
from effects.clock import now
from estate.model import Role
from estate.orders import Aim
from estate.problem import BadEstate, Problem, Refused
from seawall.commands.host_drills import drill, drills, game_day, start_drill, watch_drill
from seawall.commands.host_orphans import orphans
from seawall.options import print_json


@click.group(name="host")
def command() -> None:
    """What a managed host answers to the control machine; JSON in, JSON out."""


@command.command()
def ready() -> None:
    """Recovery points, DNS and jobs; what could come back from which loss, and what stands against it: as seen here."""
    site = Site.here()
    saved = observe.saved(site, observe.pair(site)[0])
    with ThreadPoolExecutor(max_workers=1) as pool:
        look = pool.submit(twins.seen, site, saved)
        status = current(site, saved)
    answer: dict[str, Any] = {"status": status}
    try:
        told, found = look.result()
        answer |= {
            "comebacks": COMEBACKS.dump_python(told, mode="json"),
            "findings": FINDINGS.dump_python(found, mode="json"),
        }
    except Problem as fault:  # who has no status either is not helped by a look that failed
        answer["unready"] = {"what": fault.what, "hint": fault.hint}
    print_json(answer)


@command.command()
@click.option("--return", "back", is_flag=True)
@click.option("--proven", is_flag=True)
@click.option("--vhost", "vhosts", multiple=True)
@click.option("--at", default="")
def plan(back: bool, proven: bool, vhosts: tuple[str, ...], at: str) -> None:
    """The plan of an activation, or of a return."""
    site = Site.here()
    if back:
        homecoming = observe.plan_return(site)
        noted.note(noted.PLANNED, {"aim": homecoming.aim, "seal": homecoming.seal})
        print_json(_told(homecoming))
        return
    scope = Scope(vhosts, datetime.fromisoformat(at) if at else None, proven)
    if scope.at is not None and scope.at > now():
        raise BadEstate(f"{at} is in the future", hint="leave --at out for the newest")
    made = observe.plan_activation(site, scope)
    remember(made.seal, scope)
    noted.note(noted.PLANNED, {"aim": made.aim, "seal": made.seal})
    print_json(_told(made))


def _told(plan: Plan) -> dict[str, Any]:
    losses = {move.domain: move.loss(plan.made).total_seconds() for move in plan.moves if move.archives}
    parts = {
        move.domain: {str(kind): (plan.made - at).total_seconds() for kind, at in move.points().items()}
        for move in plan.moves
    }
    names = {move.domain: [archive.name for archive in move.archives] for move in plan.moves}
    return {
        "seal": plan.seal,
        "plan": PLAN.dump_python(plan, mode="json"),
        "loss_seconds": losses,
        "losses": parts,  # by kind of archive
        "archives": names,
    }


@command.command()
@click.argument("aim", type=click.Choice(["activate", "return", "cancel"]))
@click.option("--seal", default="")
@click.option("--by", required=True)
@click.option("--hours", type=float, required=True)
@click.option("--reason", default="")
def order(aim: Aim, seal: str, by: str, hours: float, reason: str) -> None:
    """The text of an order for people to sign; or the job that goes on without one."""
    site = Site.here()
    found = begin.wanted(site, aim, seal)
    if isinstance(found, jobs.Job):
        print_json({"job": found.id})
        return
    text = orders.draft(site.estate, found, by, now(), valid=timedelta(hours=hours), reason=reason)
    noted.note(noted.DRAFTED, {"aim": aim, "seal": found.seal, "by": by})
    print_json({"order": text})


@command.command(name="begin")
@click.argument("kind", type=click.Choice(["activate", "withdraw", "cancel"]))
@click.option("--seal", default="")
def begin_command(kind: str, seal: str) -> None:
    """Begin the job that the order on standard input is for, or find the one that was begun."""
    site, text = Site.here(), sys.stdin.read()
    signed = orders.SIGNED.validate_json(text) if text.strip() else None
    if kind == "cancel":
        job = cancelling.cancellation(site, signed)
    else:
        job = begin.activation(site, seal, signed) if kind == "activate" else begin.withdrawal(site, signed)
    _begin(job, at_once=job.kind is not jobs.JobKind.WITHDRAW)


@command.command()
@click.argument("withdrawn")
def ahead(withdrawn: str) -> None:
    """Begin the job that comes before it; none where it has frozen something already."""
    if job := returning.ahead(jobs.load(withdrawn)):
        _begin(job)
    else:
        print_json({"job": None})


@command.command()
@click.argument("withdrawn")
def warming(withdrawn: str) -> None:
    """The job that production has to do before it."""
    job = returning.warming(Site.here(), jobs.load(withdrawn))
    print_json(jobs.JOB.dump_python(job, mode="json"))


@command.command()
@click.argument("withdrawn")
def restoration(withdrawn: str) -> None:
    """The job that production has to do in a return."""
    job = returning.restoration(Site.here(), jobs.load(withdrawn))
    print_json(jobs.JOB.dump_python(job, mode="json"))


@command.command()
def accept() -> None:
    """Take a job over from standard input, and begin it."""
    _begin(begin.accept(Site.here(), sys.stdin.read()))


@command.command()
@click.argument("withdrawn")
def redirect(withdrawn: str) -> None:
    """Begin the last job of a return."""
    _begin(returning.redirection(jobs.load(withdrawn)))


@command.command()
def cancellation() -> None:
    """What there is to cancel, and whether that is a return by now."""
    print_json(cancelling.look())


@command.command()
@click.argument("cancelled")
def resumption(cancelled: str) -> None:
    """The job that production has to do then."""
    print_json(jobs.JOB.dump_python(cancelling.resumption(jobs.load(cancelled)), mode="json"))


@command.command()
@click.argument("job_id")
def start(job_id: str) -> None:
    """Begin a job that was ordered, or continue it."""
    _begin(jobs.load(job_id))


def _begin(job: jobs.Job, *, at_once: bool = True) -> None:
    """Hand it to systemd, in the same breath as it was ordered: visitors wait. Says how many entries there were before.

    A restore that closed well is not begun again: production serves from it by now.
    """
    entries = job.journal.entries()
    over = job.kind is jobs.JobKind.RESTORE and jobs.closed_well(job.journal)
    if at_once and not over:
        job.start()
    print_json({"job": job.id, "entries": len(entries), "closed": dict(entries[-1].detail) if over else None})


@command.command()
@click.argument("job_id")
def run(job_id: str) -> int:
    """Carry a job out to its end; the unit seawall-drp@JOB does this."""
    return 0 if begin.run(Site.here(), job_id) else 7


@command.command()
@click.argument("job_id")
def progress(job_id: str) -> None:
    """How far what a job is copying has come, and by which clock."""
    print_json({"at": now().isoformat(), "progress": underway.measured(jobs.load(job_id).journal.entries())})


@command.command()
def notes() -> None:
    """What was looked at, planned and drafted here: text by name of each journal of it."""
    print_json(noted.books())


@command.command()
@click.argument("event", type=click.Choice([noted.LOOKED, noted.RESTORED, noted.ORPHANS]))
def note(event: str) -> None:
    """Note what standard input says, for the report."""
    noted.note(event, dict(json.loads(sys.stdin.read())))
    print_json({"noted": event})


@command.command()
@click.argument("production")
def boot(production: str) -> None:
    """On a twin: have the company that stopped production's host let it boot again; says what it says by then."""
    it = hosting.machine(Site.here().estate.hosts[production], wait=hosting.once)
    it.start()
    print_json({"host": production, "running": it.running()})


@command.command(name="heads")
@click.argument("client")
def heads_command(client: str) -> None:
    """On a backup server: the heads that it keeps of the journals of a client's twin."""
    path = heads.kept(client)
    print_json({"heads": path.read_text(encoding="ascii") if path.exists() else ""})


@command.command()
def guard() -> None:
    """Look at who serves: on production, whether it may; on a twin, whether every witness knows. For seawall-fence."""
    site = Site.here()
    if site.host.role is Role.DRP:
        for word in fencing.spread(site, site.partner):
            click.echo(word.said)
        for said in anchoring.spread(site, site.partner):
            click.echo(said)

        for domain in web.drained(site.estate.vhosts_on(site.partner)):
            click.echo(f"{domain}: nobody is sent here any more, and nobody handed over")
        return
    state, why = guarding.look(site)
    click.echo(f"{state}: {why}")
    if state is guarding.State.HELD:
        raise Refused(f"this host serves nobody and saves nothing: {why}", hint=guarding.TYPE)


@command.command(name="jobs")
def jobs_command() -> None:
    """What was ordered here."""
    print_json([{"job": job.id, "ordered": job.ordered, "by": job.by} for job in jobs.known()])


@command.command()
def deliver() -> None:
    """Tell people what waits in the outbox, until nothing does; the unit seawall-tickets.service does this."""
    sender.run(tickets.outbox(), tickets.ways(Site.here()))


@command.command(name="tickets")
@click.option("--again", is_flag=True)
@click.option("--give-up", default="")
@click.option("--by", default="")
def tickets_command(again: bool, give_up: str, by: str) -> None:
    """What people were told, and what waits; makes that be tried at once, or given up."""
    box, channels = tickets.outbox(), tickets.ways(Site.here()).channels
    if give_up:
        look.give_up(box, channels, give_up, f"given up by {by}")
    if again:
        look.again(box, channels)
    print_json(look.everything(box, channels))


for _one in (drill, drills, start_drill, watch_drill, game_day, orphans):
    command.add_command(_one)
