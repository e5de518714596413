"""A backup server's part for streams: for each client two more accounts, one directory, one command each.

The writer appends frames to files that it opens anew; the reader lists and reads. Neither has another command, and
nothing that they may ask for changes what is there (effects/onhost/streams.py). Data: `clients`, as for `vault`.
"""

from collections.abc import Mapping

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from playbooks.install import TOOLKIT
from playbooks.operations import File, Unit, files, units
from playbooks.pairs import Pair, home, pairs
from playbooks.vault import Keys
from templates import render

STREAMS = "/srv/streams"
PROGRAM = f"{TOOLKIT}/bin/python -I -m effects.onhost.streams"
TIMER = "seawall-forget.timer"
QUOTA = 20_000  # megabytes a client: who is root on production can fill his own, and nobody else's


@deploy("Prepare a backup server for streams")
def stream_vault() -> None:
    """Accounts, directories, keys."""
    clients: Mapping[str, Keys] = host.data.clients
    wanted = {client: Pair(*users(client), f"{STREAMS}/{client}", "2750") for client in clients}
    pairs(name="streams: accounts and directories", wanted=wanted)
    files(name="streams: keys", wanted=_authorized(clients))
    paths = {unit: f"/etc/systemd/system/{unit}" for unit in ("seawall-forget.service", TIMER)}
    files(name="streams: what forgets them", wanted={
        path: File(render(f"{unit}.j2", program=PROGRAM, streams=STREAMS)) for unit, path in paths.items()
    })  # fmt: skip
    units(name="streams: they are forgotten in time", wanted=[Unit(TIMER, tuple(paths.values()), act="restart")])


def users(client: str) -> tuple[str, str]:
    """The writer and the reader of a client."""
    return f"stream-{client}", f"stream-{client}-ro"


def served(client: str) -> dict[str, str]:
    """The only command of each."""
    place = f"{STREAMS}/{client}"
    return dict(zip(users(client), (f"{PROGRAM} write {place} {QUOTA}", f"{PROGRAM} read {place}"), strict=True))


def _authorized(clients: Mapping[str, Keys]) -> dict[str, File]:
    """One forced command a key."""
    return {
        f"{home(user)}/.ssh/authorized_keys": File(f'command="{command}",restrict {clients[client][part]}\n')
        for client in clients
        for part, (user, command) in zip(("writer", "reader"), served(client).items(), strict=True)
    }
