"""`seawall drp cancel`: take an activation back, by whichever way is left."""

from pathlib import Path
from typing import Any

import click

from drp import drive
from inventory import load
from seawall import show, show_course
from seawall.commands.drp_orphans import hint
from seawall.options import estate_option, json_option, print_json, say
from seawall.ordering import Wish, end, ordered, wish_options


@click.command()
@estate_option
@wish_options
@click.option("--yes", is_flag=True, help="Do it; without, only show what would be done.")
@json_option
def cancel(path: Path, yes: bool, as_json: bool, **wish: Any) -> None:
    """Take an activation back. Before any name was switched it is stopped, and production goes on with what it has.

    After that visitors have written on the twin, so cancelling is a return; it says so. Safe to repeat: it continues.
    """
    estate = load(path)
    with (
        drive.Hand(estate, drive.twin(estate)) as twin,
        drive.Hand(estate, drive.production(estate)) as production,
    ):
        found = twin.ask("cancellation")
        back = bool(found["switched"])
        if back:
            say(f"names of {', '.join(found['switched'])} were switched: cancelling {found['job']} is a return")
        if not yes:
            planned = (twin.ask("plan", "--return") if back else found) | {"unready": production.unready()}
            print_json(planned) if as_json else (show.homecoming if back else show.cancellation)(planned)
            return
        production.require()  # before anything is ordered, saved or frozen: without it nobody would serve
        signed = ordered(twin, estate, "return" if back else "cancel", "", Wish(**wish))
        way = drive.bring_home if back else drive.call_off
        with show_course.shown("what was begun of it") as (entry, watch):
            closed = way(twin, production, signed, entry, watch)
        if back and closed["ok"]:
            hint(twin, production)
    end(closed, as_json)
