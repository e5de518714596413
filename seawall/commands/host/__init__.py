"""`seawall host`: what a managed host answers when the driver asks. JSON in, JSON out, not for typing.

Visitors wait for some of these, and a guard asks every minute: none imports what the others need.
"""

import click

from seawall.lazy import Lazy

TABLE = {
    "ready": "what could come back from which loss, and what stands against it",
    "plan": "the plan of an activation, or of a return",
    "order": "the text of an order for people to sign",
    "begin": "begin what an order is for",
    "ahead": "begin what comes before the freeze of a return",
    "warming": "what production has to do before it",
    "restoration": "what production has to do in a return",
    "accept": "take a job over, and begin it",
    "redirect": "begin the last job of a return",
    "cancellation": "what there is to cancel",
    "resumption": "what production has to do then",
    "start": "begin a job, or continue it",
    "run": "carry a job out to its end",
    "progress": "how far what a job copies has come",
    "jobs": "what was ordered here",
    "notes": "what was looked at, planned and drafted here",
    "note": "note something for the report",
    "heads": "the heads of journals that a backup server keeps",
    "boot": "have a host that its provider stopped boot again",
    "guard": "look at who serves",
    "deliver": "tell people what waits in the outbox",
    "tickets": "what people were told, and what waits",
    "drill": "drill now",
    "drills": "drills that came to their end",
    "drill-books": "journals of a drill, and of those before it",
    "drill-start": "hand a drill to systemd",
    "drill-watch": "how far a drill is",
    "game-day": "choose who is lost, plan without, judge",
    "orphans": "what a return moved aside has beyond the recovery point",
}
PLACES = {
    "ready": "planning:ready",
    "plan": "planning:plan",
    "order": "beginning:order",
    "begin": "beginning:begin_command",
    "ahead": "beginning:ahead",
    "warming": "beginning:warming",
    "restoration": "beginning:restoration",
    "accept": "beginning:accept",
    "redirect": "beginning:redirect",
    "cancellation": "beginning:cancellation",
    "resumption": "beginning:resumption",
    "start": "beginning:start",
    "run": "running:run",
    "progress": "jobs:progress",
    "jobs": "jobs:jobs_command",
    "notes": "notes:notes",
    "note": "notes:note",
    "heads": "notes:heads_command",
    "boot": "booting:boot",
    "guard": "guarding:guard",
    "deliver": "people:deliver",
    "tickets": "people:tickets_command",
    "drill": "drills:drill",
    "drills": "drills:drills",
    "drill-books": "drills:drill_books",
    "drill-start": "drills:start_drill",
    "drill-watch": "drills:watch_drill",
    "game-day": "drills:game_day",
    "orphans": "orphans:orphans",
}


@click.group(name="host", cls=Lazy, table=TABLE, places=PLACES, package=__name__)
def command() -> None:
    """What a managed host answers to the control machine; JSON in, JSON out."""
