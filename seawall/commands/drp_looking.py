"""`seawall drp status | look`: what is asked before anybody decides anything. Neither changes anything."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click

from drp import drive, probes
from drp.notes import LOOKED
from drp.probes import Seen
from drp.ready.comebacks import COMEBACKS
from drp.verdict import Verdict, evidence
from estate.model import Estate
from estate.problem import Problem
from inventory import load
from seawall import show, show_look, show_ready
from seawall.options import estate_option, json_option, print_json, say
from seawall.readiness import Readiness, asked


@click.command()
@estate_option
@click.option("--check", is_flag=True, help="One line, and exit codes as monitoring plugins have; 0 only where ready.")
@json_option
def status(path: Path, check: bool, as_json: bool) -> int | None:
    """Could we come back: from which loss, from what, how old, how fast; and what would break the night.

    Exit code 0 means that this could be told, whatever it is; with --check that an activation would come to its end (1:
    something is to be done, 2: a site would not come back, 3: something could not be looked at).
    """
    say("asking the twin, production, backup servers and name servers")
    found = asked(load(path), path)
    if check:
        click.echo(found.line)
        return int(found.level)
    if as_json:
        print_json(_document(found))
    else:
        show.status(found.status)
        if found.away and not found.status["halfway"]:
            click.echo(f"{', '.join(found.away)}: served by {found.status['twin']} now, which is what is backed up")
        show_ready.show(found.comebacks, found.findings, found.level)
    return None


def _document(found: Readiness) -> dict[str, object]:
    told = [asdict(one) | {"level": one.level.name.lower()} for one in found.findings]
    rows = COMEBACKS.dump_python(found.comebacks, mode="json")
    return {**found.status, "level": found.level.name.lower(), "comebacks": rows, "findings": told}


@click.command()
@estate_option
@json_option
def look(path: Path, as_json: bool) -> None:
    """What answers, seen from this machine, the twin and both backup servers; a verdict on each host, with evidence.

    It only tells: a human decides. Exit code 0 means that it could look.
    """
    estate = load(path)
    say("looking from here, the twin and both backup servers")
    seen = probes.look(estate, drive.production(estate), drive.twin(estate))
    serving = _note(estate, seen)
    if as_json:
        print_json(_as_json(seen) | {"serving": serving})
        return
    show_look.show(seen)
    click.echo(_next(estate, serving))


def _next(estate: Estate, serving: str | None) -> str:
    if serving == drive.twin(estate).name:
        lost = drive.production(estate).name
        return f"{serving} serves in the place of {lost}, whatever answers there: seawall drp status"
    return "this only tells: to go on, seawall drp status, then plan"


def _note(estate: Estate, seen: Seen) -> str | None:
    """On the twin, for the report: when was it known. Who serves, as it holds it; None where it can't be reached."""
    states = {name: {one.name: str(one.state) for one in of} for name, of in (("hosts", seen.hosts),
              ("sites", seen.sites))}  # fmt: skip
    with suppress(Problem), drive.Hand(estate, drive.twin(estate)) as twin:
        serving: str | None = twin.ask("note", LOOKED, stdin=json.dumps(states)).get("serving")
        return serving
    return None


def _as_json(seen: Seen) -> dict[str, object]:
    groups = {"datacenters": seen.datacenters, "hosts": seen.hosts, "sites": seen.sites}
    told = {name: {one.name: _told(one, full=name != "datacenters") for one in of} for name, of in groups.items()}
    return {"at": seen.at, **told, "absent": dict(seen.absent)}


def _told(one: Verdict, *, full: bool) -> dict[str, object]:
    rows = {"tries": [asdict(row) for row in one.tries]} if full else {}
    return {"state": str(one.state), "said": one.said, "evidence": evidence(one.tries), **rows}
