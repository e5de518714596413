"""`seawall host drill…`: what a twin does of drills; the unit seawall-drill.service carries them out."""

from secrets import randbelow

import click

from backups.site import Site
from drp.drills import carry_out, played, record
from drp.drills.chosen import LARGEST
from drp.drills.gameday import worksheet
from drp.drills.trends import LAST
from drp.job import RUNNING
from effects.run import attempt, run
from estate.problem import Problem
from seawall.commands.backup.alarm import alarm
from seawall.options import print_json, say

UNIT = "seawall-drill.service"


@click.command()
def drill() -> int:
    """Drill now; the unit seawall-drill does this. A drill that fails is told to people. Exit 8: not all came back."""
    site = Site.here()
    tell = alarm(site)
    try:
        done = carry_out.drill(site, say)
    except Problem as fault:
        if not isinstance(fault, carry_out.Busy):
            tell(f"drill {fault.what}", f"tonight's drill could not be done: {fault.what}")
        raise
    if done.ok:
        return 0
    whose = [f"{one.domain}: {'; '.join(one.faults)}" for one in done.vhosts if not one.ok]
    tell(done.id, f"{done.id} failed: {'; '.join([*whose, *done.faults])}")
    return 8


@click.command(name="drill-start")
def start_drill() -> None:
    """Hand a drill to systemd, or find the one that is under way; which ones were there before."""
    carry_out.require_idle(Site.here())
    before = record.names()
    if _running():  # what was begun is watched
        before = before[:-1]
    else:
        run(["systemctl", "start", "--no-block", UNIT], timeout=30)
    print_json({"known": before})


@click.command(name="drill-watch")
@click.argument("name", default="")
def watch_drill(name: str) -> None:
    """Whether a drill is under way, the names of all, and the journal of one, as it stands in the file."""
    running = _running()  # asked before reading
    path = record.journal(name).path
    there = name in record.names()
    print_json({"running": running, "names": record.names(), "text": path.read_text("utf-8") if there else ""})


@click.command()
def drills() -> None:
    """Those that came to their end, oldest first, each with its outcome."""
    print_json([record.plain(one) for one in record.drills()])


@click.command(name="drill-books")
@click.argument("name", default="")
def drill_books(name: str) -> None:
    """Journals as they stand in their files: of that drill, else of the last, after those that its trend shows."""
    print_json({one.id: record.journal(one.id).path.read_text("utf-8") for one in record.until(name)[-LAST:]})


@click.command(name="game-day")
@click.option("--seed", type=int)
def game_day(seed: int | None) -> None:
    """Choose, plan without what was chosen, judge; by chance, or by a seed that somebody typed."""
    site = Site.here()
    carry_out.require_idle(site)
    name, found = played.play(site, randbelow(LARGEST) if seed is None else seed, typed=seed is not None)
    print_json({
        "name": name,
        "ok": found.ok,
        "faults": found.faults,
        "outcome": played.OUTCOME.dump_python(found, mode="json"),
        "worksheet": worksheet(site.estate, found),
    })  # fmt: skip


def _running() -> bool:
    return attempt(["systemctl", "is-active", UNIT], timeout=30).out.strip() in RUNNING
