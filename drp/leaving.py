"""What must hold before the twin is frozen: nothing is switched to it meanwhile, the return takes all that it serves,
and its zones have one primary. Else visitors would be told two truths, and write on both hosts.
"""

from backups.site import Site
from drp import job as jobs
from drp import observe
from drp.change import zone_of
from drp.dns.primaries import ONE, require_switchable, rivals, secrets, two
from drp.halfway import frozen_at
from drp.job import Job
from drp.plan import Plan
from drp.revealed import revealed
from estate.problem import Refused


def frozen(withdrawn: Job) -> bool:
    """Whether it has frozen anything: then it can only go on."""
    return frozen_at(withdrawn) is not None


def require_quiet() -> None:
    """Raise Refused while an activation is carried out: what it switches next would be left on the twin."""
    last = jobs.last_activation()
    if last is not None and last.runs():
        raise Refused(
            f"{last.id} is carried out at this moment: what it switches next would be left out of a return",
            hint=f"watch it with: seawall drp activate --seal {last.seal[:12]}; when it has ended, type this again;"
            f" where it hangs, on {last.plan.target}: systemctl stop {last.unit}",
        )


def require(site: Site, plan: Plan) -> None:
    """Raise Refused where no return may begin: something is carried out, DNS would be told two truths, or could not be
    switched back.
    """
    require_quiet()
    domains = {move.domain for move in plan.moves}
    names = [name for domain in domains for name in site.estate.vhosts[domain].names]
    zones = {found.name: found for name in names if (found := zone_of(site.estate, name))}
    if several := rivals(site.estate, zones.values(), secrets(revealed)):
        zones_of = {servers: ", ".join(z for z in several if several[z] == servers) for servers in several.values()}
        raise Refused("; ".join(two(mine, servers) for servers, mine in zones_of.items()), hint=f"first {ONE}")
    changed = {change.zone for move in plan.moves for change in move.changes}
    switched = [zone for name, zone in zones.items() if name in changed and zone.hosts]
    require_switchable(site.estate, switched, secrets(revealed))


def require_whole(site: Site, plan: Plan) -> None:
    """Raise Refused where the twin serves by now what that return would not bring home."""
    if more := left_out(site, plan):
        raise Refused(
            f"{plan.source} serves {', '.join(more)} as well by now, which this return would leave there",
            hint="look at the return as it would be now: seawall drp return",
        )


def left_out(site: Site, plan: Plan) -> list[str]:
    """What the twin serves and the plan does not bring home."""
    planned = {move.domain for move in plan.moves}
    return [move.domain for move in observe.plan_return(site).moves if move.domain not in planned]
