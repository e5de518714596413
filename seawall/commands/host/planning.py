"""`seawall host ready` and `plan`: what could come back, and what an activation or a return would do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import click

from backups.site import Site
from drp import notes as noted
from drp import observe
from drp.asked import remember
from drp.halfway import halfway
from drp.plan import PLAN, Plan
from drp.ready import twin as twins
from drp.ready.comebacks import COMEBACKS
from drp.ready.findings import FINDINGS
from drp.scope import Scope
from drp.status import status as current
from effects.clock import now
from estate.problem import BadEstate, Problem
from seawall.options import print_json


@click.command()
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


@click.command()
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
        half = halfway()
        print_json(_told(homecoming) | {"halfway": half and half.said})
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
        # A stream may have come on while the plan was made: nothing is lost less than nothing.
        move.domain: {str(kind): max(0.0, (plan.made - at).total_seconds()) for kind, at in move.points().items()}
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
