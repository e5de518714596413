"""A backup server: for each client two accounts, one directory, and keys that can do one thing.

The writer can add and nothing else, through the gate (`backups.vault.gate`), since borg's append-only mode is not
enough for that. The reader is another user without the right to write, so its reading can neither delete nor lock. The
keeper, which alone deletes, has a key of its own for the writer's account. Data beside the usual: `clients`, from name
to the public keys `writer` (its own), `reader` (its partner's) and `keeper` (the DRP host's); and `quotas`, from
class of archives to bytes.
"""

from collections.abc import Mapping

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from effects.onhost import fence
from playbooks.install import FORGET, TOOLKIT, forgotten
from playbooks.operations import Directory, File, directories, files
from playbooks.pairs import Pair, home, pairs
from playbooks.third import third_copy

REPOSITORIES = "/srv/borg"
FENCES = str(fence.ROOT)
GATE = f"{TOOLKIT}/bin/python -I -m backups.vault.gate"
Keys = Mapping[str, str]  # "writer", "reader" and "keeper", as in a .pub file


@deploy("Prepare a backup server")
def vault() -> None:
    """Accounts, directories, keys."""
    clients: Mapping[str, Keys] = host.data.clients
    wanted = {client: Pair(*users(client), f"{REPOSITORIES}/{client}", "750") for client in clients}
    pairs(name="backup server: accounts and directories", wanted=wanted)
    directories(name="backup server: who serves for whom", wanted={
        FENCES: Directory(), **{f"{FENCES}/{client}": _fence(client) for client in clients},
    })  # fmt: skip
    files(name="backup server: keys, locks", wanted={
        **authorized(clients, host.data.quotas),
        FORGET: File(forgotten(f"{REPOSITORIES}/*/*")),
    })  # fmt: skip
    third_copy()


def _fence(client: str) -> Directory:
    """Written by the keeper, through the gate; read by the programs of all of the client's accounts."""
    writer, _ = users(client)
    return Directory(owner=writer, group=writer)


def users(client: str) -> tuple[str, str]:
    """The writer's account, which is the keeper's too, and the reader's."""
    return f"borg-{client}", f"borg-{client}-ro"


def authorized(clients: Mapping[str, Keys], quotas: Mapping[str, int]) -> dict[str, File]:
    """One forced command a key."""
    bounds = "".join(f" {kind}={size}" for kind, size in quotas.items())
    found = {}
    for client, keys in clients.items():
        writer, reader = users(client)
        serve = f"{TOOLKIT}/bin/borg serve --umask=0027 --restrict-to-path {REPOSITORIES}/{client}"
        reads = _opens(serve, keys["reader"]) + _opens(serve, keys["keeper"])
        adds = _opens(f"{GATE} writer {client}{bounds}", keys["writer"])
        keeps = _opens(f"{GATE} keeper {client}", keys["keeper"])
        found[f"{home(writer)}/.ssh/authorized_keys"] = File(adds + keeps)
        found[f"{home(reader)}/.ssh/authorized_keys"] = File(reads)
    return found


def _opens(command: str, key: str) -> str:
    """borg writes into a lock whose it is; by itself it asks the network card, which may change."""
    return f'command="BORG_HOST_ID=seawall-vault {command}",restrict {key}\n'
