"""What the tests of replicas, and the benchmark, do to a lab."""

import json
from typing import Any

from chain import on
from streaming import DATABASES

from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

PYTHON = "/opt/seawall/bin/python"
# The step of an activation that brings one database server, as its job would take it; killed and typed again at will.
STEP = """
import json, sys
from backups.replicas import state
from backups.replicas.place import Replica
from backups.replicas.promoting import standbys
from backups.site import Site
from backups.streams.tails import tails
from drp.step import World
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Plan
from drp.steps.data import Database
from effects.clock import now
from estate.model import Engine
from estate.points import newest
site, engine = Site.here(), Engine(sys.argv[1])
archives, _ = site.archives(site.partner, (engine,))
archive = newest(archives, engine)
tail = tails(site, site.partner, archives)[0][archive.id]
found = standbys(site.estate, site.partner, [tail])
plan_order = sys.argv[2] * 12
plan = Plan("activate", site.partner.name, site.host.name, now(), 0, (), (), found)
world = World(site, Job(JobKind.ACTIVATE, sys.argv[2] * 64, plan, now(), Signed("{}")))
names = frozenset(db.name for db in site.estate.databases.values() if db.engine is engine)
known = state.known(Replica.of(engine))
going_on = known is not None and known.order == plan_order
step = Database(engine, archive, frozenset(), names, tail, bool(plan.replicas) or going_on)
if not step.proof(world):
    step.act(world)
until = step.until(world).timestamp()
print(json.dumps({"evidence": step.proof(world), "until": until, "plan": [one.said for one in plan.replicas]}))
"""


def status(lab: Lab) -> dict[str, dict[str, Any]]:
    """By engine, as the twin tells it."""
    rows = json.loads(on(lab, "twin1", "backup", "replica", "status", "--json").out or "[]")
    return {row["engine"]: row for row in rows}


def follow(lab: Lab, *engines: str) -> bool:
    """Whether each of them follows."""
    seen = status(lab)
    return all(seen.get(one, {}).get("why") == "" for one in engines or DATABASES)


def wait_following(lab: Lab, *engines: str) -> None:
    """Until each of them does, and is not late."""
    late = Failed(f"not followed: {status(lab)}", hint="journalctl -u seawall-replica on twin1")
    wait_until(lambda: follow(lab, *engines), timeout=90, late=late, every=0.5)


def standing(lab: Lab) -> dict[str, Any]:
    """Of production, as `seawall backup status` on the twin tells it."""
    (found,) = json.loads(on(lab, "twin1", "backup", "status", "--json").out)["hosts"]
    assert isinstance(found, dict)
    return found


def costs(lab: Lab, lost: str) -> dict[str, dict[str, float]]:
    """By kind: what it would cost `now`, what is `promised`, and at `worst`; in seconds."""
    return {row["kind"]: row for row in standing(lab)["prices"] if row["loss"]["name"] == lost}


def held(lab: Lab, engine: str, statement: str) -> list[str]:
    """Rows of an answer of the replica itself."""
    room = f"/var/lib/seawall/replicas/{engine}"
    client = {
        "mariadb": ["mariadb", f"--socket={room}/socket", "-NB", DATABASES[engine], "-e", statement],
        "postgresql": ["runuser", "-u", "postgres", "--", "psql", "-h", room, "-AtXc", statement, DATABASES[engine]],
    }[engine]
    said = lab.run("twin1", client)
    assert said.ok, said.err
    return said.out.split("\n")[:-1]


def stepped(lab: Lab, engine: str, seal: str) -> Result:
    """The step, to its end."""
    return lab.run("twin1", [PYTHON, "-", engine, seal], stdin=STEP, timeout=300)
