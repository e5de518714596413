"""`seawall drp drill`: an activation in isolation, measured; every night by timer on the twin, and when it is typed."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from drp import drive, gather
from drp.drills import page, record
from drp.drills.chosen import LARGEST
from drp.drills.record import Drill
from drp.drills.watching import drilled
from estate.model import Estate
from estate.problem import BadEstate, Missing, Unmet
from inventory import load
from seawall import show_drill
from seawall.options import estate_option, json_option, print_json, say
from seawall.pages import OUT, write


@click.command()
@estate_option
@click.argument("name", default="", metavar="[DRILL]")
@click.option("--now", "at_once", is_flag=True, help="Drill now, or watch the drill that is under way.")
@click.option("--list", "listed", is_flag=True, help="Those that are kept, newest last.")
@click.option("--html", type=OUT, help="Write it there, as one self-contained page.")
@click.option("--pdf", type=OUT, help="Write the same there for printing; needs WeasyPrint.")
@click.option(
    "--game-day",
    is_flag=True,
    help="Let chance take people and a server away: would it have worked? Brings up nothing.",
)
@click.option("--seed", type=click.IntRange(0, LARGEST - 1), help="With --game-day: the one of that seed again.")
@json_option
def drill(  # one option each
    path: Path, name: str, at_once: bool, listed: bool, html: Path | None, pdf: Path | None, game_day: bool,
    seed: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Bring everything up in isolation on the twin, and measure it; nothing is fenced, told or switched.

    Without options, the last drill, or the one that is named as --list does. Exit code 8: not every vhost came back.
    """
    if bool(name) + at_once + listed + game_day > 1:
        raise BadEstate("a drill's name, --now, --list and --game-day are different things", hint="type one of them")
    if seed is not None and not game_day:
        raise BadEstate("--seed is of a game day", hint="add --game-day")
    estate = load(path)
    if game_day:
        _game_day(estate, seed, as_json=as_json)
        return
    with drive.Hand(estate, drive.twin(estate)) as twin:
        known = [drilled(twin, say)] if at_once else list(map(record.from_plain, twin.ask("drills")))
    if listed:
        print_json([record.plain(one) for one in known]) if as_json else show_drill.listed(known)
        return
    done = _chosen(known, name)
    if html or pdf:
        write(partial(page.to_html, gather.drilled(estate, done.id)), html, pdf)
    print_json(record.plain(done)) if as_json else show_drill.drill(done)
    _end(done)


def _chosen(known: Sequence[Drill], name: str) -> Drill:
    """The one of that name, else the last."""
    mine = [one for one in known if name in ("", one.id)]
    if not known:
        raise Missing("there was no drill yet", hint="seawall drp drill --now")
    if not mine:
        raise Missing(f"there is no drill {name!r}", hint="look at: seawall drp drill --list")
    return mine[-1]


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
            hint="mend what it says, save again on production (seawall backup files, seawall backup databases), then:"
            " seawall drp drill --now",
        )
