"""`seawall drp drill`: an activation in isolation, measured; every night by timer on the twin, and when it is typed."""

from pathlib import Path

import click

from drp import drive
from drp.drills import page, record
from drp.drills.chosen import LARGEST
from drp.drills.record import Drill
from drp.drills.watching import drilled
from estate.model import Estate
from estate.problem import BadEstate, Missing, Unmet
from inventory import load
from seawall import show_drill
from seawall.options import estate_option, json_option, print_json, say


@click.command()
@estate_option
@click.option("--now", "at_once", is_flag=True, help="Drill now, or watch the drill that is under way.")
@click.option("--list", "listed", is_flag=True, help="Those that are kept, newest last.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the last drill as one HTML page.")
@click.option(
    "--game-day",
    is_flag=True,
    help="Let chance take people and a server away: would it have worked? Brings up nothing.",
)
@click.option("--seed", type=click.IntRange(0, LARGEST - 1), help="With --game-day: the one of that seed again.")
@json_option
def drill(  # one option each
    path: Path, at_once: bool, listed: bool, html: Path | None, game_day: bool, seed: int | None, as_json: bool
) -> None:
    """Bring everything up in isolation on the twin, and measure it; nothing is fenced, told or switched.

    Without options, the last drill. Exit code 8: not every vhost came back.
    """
    if at_once + listed + game_day > 1:
        raise BadEstate("--now, --list and --game-day are different things", hint="type one of them")
    if seed is not None and not game_day:
        raise BadEstate("--seed is of a game day", hint="add --game-day")
    estate = load(path)
    if game_day:
        _game_day(estate, seed, as_json=as_json)
        return
    with drive.Hand(estate, drive.twin(estate)) as twin:
        done = drilled(twin, say) if at_once else None
        known = [done] if done and not html else list(map(record.from_plain, twin.ask("drills")))
    if html is not None and known:
        html.write_text(page.html(known), encoding="utf-8")
    if listed:
        print_json([record.plain(one) for one in known]) if as_json else show_drill.listed(known)
        return
    if not known:
        raise Missing("there was no drill yet", hint="seawall drp drill --now")
    print_json(record.plain(known[-1])) if as_json else show_drill.drill(known[-1])
    _end(known[-1])


def _game_day(estate: Estate, seed: int | None, *, as_json: bool) -> None:
    say("the twin chooses, and plans without what it chose")
    with drive.Hand(estate, drive.twin(estate)) as twin:
        answer = twin.ask("game-day", *([] if seed is None else [f"--seed={seed}"]))
    print_json(answer) if as_json else click.echo(answer["worksheet"], nl=False)
    if not answer["ok"]:
        raise Unmet(
            f"{answer['name']}: it would not have worked: {answer['faults'][0]}",
            hint=f"mend that, then see: seawall drp drill --game-day --seed {answer['outcome']['choice']['seed']}",
        )


def _end(done: Drill) -> None:
    if not done.ok:
        what = ", ".join(done.failed) or "; ".join(done.faults)
        raise Unmet(
            f"{done.id}: not all of it came back: {what}",
            hint="mend what it says, save again (seawall backup now), then: seawall drp drill --now",
        )
