"""`seawall backup keys put-back`: a repository's key was changed by somebody; give it the good one again."""

from pathlib import Path

import click

from backups.escrow import export as engine
from backups.escrow import holders
from backups.escrow.custody import Judged, Verdict
from estate.model import Side
from estate.problem import BadEstate, Failed, Refused
from inventory import load
from seawall.options import estate_option, json_option, print_json, say


@click.command(name="put-back")
@click.argument("repository")
@click.option("--yes", is_flag=True, help="Do it; without this, say what would be done.")
@estate_option
@json_option
def command(repository: str, yes: bool, path: Path, as_json: bool) -> None:
    """Let borg import the good key into REPOSITORY (web1/files@odd). What stands there now is kept beside it."""
    estate = load(path)
    one = _one(engine.state(estate, path, say).judged, repository)
    if one.held is None:
        raise Refused(
            f"no good key of {repository} is known here", hint="open an older sealed file: seawall backup keys restore"
        )
    if one.verdict in (Verdict.UNSEEN, Verdict.GONE, Verdict.REPLACED):
        raise Refused(
            f"{repository}: {one.verdict}, so its key does not belong there", hint="look at its backup server first"
        )
    done = one.verdict is Verdict.LOCKED and yes
    if done:
        where, _, side = repository.partition("@")
        host = estate.hosts[estate.hosts[where.partition("/")[0]].backup[Side(side)]]
        holders.put_back(host, estate.control, where, one.held.key)
        after = _one(engine.state(estate, path, say).judged, repository)
        if after.verdict is not Verdict.SAME:
            raise Failed(
                f"{host.name}: the key was put back, but {repository}: {after.verdict}", hint="look at its config"
            )
    said = "has its good key again" if done else _plan(one)
    if as_json:
        print_json({"repository": repository, "was": one.verdict.value, "done": done})
    else:
        click.echo(f"{repository} {said}")


def _plan(one: Judged) -> str:
    if one.verdict is not Verdict.LOCKED:
        return "has its good key: nothing to do"
    return "would get its good key again; what stands there now would be kept. To do it, add --yes"


def _one(judged: tuple[Judged, ...], repository: str) -> Judged:
    for one in judged:
        if one.name == repository:
            return one
    raise BadEstate(
        f"{repository} is no repository of this estate", hint=f"one of: {', '.join(it.name for it in judged)}"
    )
