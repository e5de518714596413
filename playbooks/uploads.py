"""Nothing is executed in upload directories, now and after a boot; and root mounts nothing where a client's link leads.

They lie below directories of the vhost's user, who may rename these and put links in their place. fstab would follow
them at the next boot, so a unit of our own mounts them, with a program that follows none: `effects.onhost.uploads`.
"""

import json
import shlex
from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from effects.onhost import text, uploads
from inventory.data import VhostData
from playbooks.guard import TOOLS
from playbooks.operations import File, ask, files, left_out
from playbooks.vhosts import records
from templates import render

TOOL = f"{TOOLS}/uploads"
UNIT = "seawall-uploads.service"
HEAD = "# playbooks/uploads.py: changes here are replaced."


def uploads_of(vhosts: Sequence[VhostData]) -> list[str]:
    """Their upload directories."""
    return [path for vhost in vhosts for path in vhost["uploads"]]


def prepare_uploads(paths: Sequence[str]) -> None:
    """The program, its unit, and the list of what it mounts."""
    files(name="mounts: who mounts upload directories", wanted=lambda: _files(paths))


def mounting() -> dict[str, File]:
    """The program and its unit: encryption needs both before the list is known."""
    unit = File(render("uploads.service.j2", tool=TOOL))
    return {TOOL: File(text("uploads"), "755"), f"/etc/systemd/system/{UNIT}": unit}


def _files(paths: Sequence[str]) -> Mapping[str, File]:
    """Listed with those of vhosts that the estate has no more: until they are removed nothing runs there either."""
    listed = dict.fromkeys([*paths, *(path for row in records().values() for path in row["uploads"])])
    return mounting() | {
        str(uploads.LIST): File("".join(f"{line}\n" for line in [HEAD, *listed])),
    }


@operation()
def upload_directories(paths: Sequence[str]) -> Generator[StringCommand]:
    """Those of the list, and `paths`, mounted by that very program, and by its unit at a boot."""
    look = f"python3 - look {' '.join(map(shlex.quote, paths))} || echo '{{}}'"  # a dry run may come before Python
    state, *enabled = ask(f"{look}; systemctl is-enabled {UNIT} 2>/dev/null || true", stdin=text("uploads"))
    seen: Mapping[str, str] = json.loads(state)
    if enabled != ["enabled"]:
        yield StringCommand(f"systemctl daemon-reload && systemctl -q enable {UNIT}")
    if uploads.OWED in seen.values():
        yield StringCommand(TOOL)
    for path in (path for path, what in seen.items() if what == uploads.ASTRAY):
        left_out(
            f"{path} is no directory, or a link leads there, so it was not mounted and programs in it can be executed:"
            f" look at it (namei -l {path}), and put a directory there or name the real one in the estate's uploads"
        )
