"""A key server: hands each encrypted host its own passphrase, and nothing else, to that host's key from its addresses.

Data beside the usual: `passphrases`, from host to value; without it (pyinfra alone) those that are there stay.
"""

import posixpath
from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.encryption import VolumeData
from playbooks.operations import File, ask, differs, files, look, put


def home(account: str) -> str:
    """Root's directory, not the account's: what it may do is not its own to change."""
    return f"/var/lib/{account}"


def passphrase(account: str) -> str:
    """Where its passphrase lies; its account alone may read it."""
    return posixpath.join(home(account), "passphrase")


@operation()
def keepers(names: Sequence[str]) -> Generator[StringCommand]:
    """An account for each host."""
    known = set(ask("getent passwd | cut -d: -f1")) if names else set()
    for name in names:
        if name not in known:
            yield StringCommand(
                f"useradd --system --user-group --no-create-home --home-dir {home(name)} --shell /bin/sh {name}"
            )


@operation()
def passphrases(volumes: Sequence[VolumeData], values: Mapping[str, str]) -> Generator[StringCommand]:
    """Put there once and never replaced: another one would lock the host out of its data at its next start."""
    wanted = {v["account"]: File(f"{values[v['name']]}\n", "640") for v in volumes if v["name"] in values}
    seen = look([passphrase(account) for account in wanted])
    for account, file in wanted.items():
        path = passphrase(account)
        if path not in seen:
            yield put(path, file, owner=f"root:{account}")
        elif differs(seen[path], file):
            raise OperationError(
                f"{path} is not what the control machine keeps for it; only one of them opens the host's data."
                " Find out which, see docs/encryption.md, and remove the other"
            )


@deploy("Key server")
def key_server() -> None:
    """Accounts, the keys that may ask, the passphrases they get."""
    data = host.data
    keepers(name="key server: accounts", names=[volume["account"] for volume in data.volumes])
    files(name="key server: who may ask", wanted=_authorized(data.volumes))
    passphrases(name="key server: passphrases", volumes=data.volumes, values=data.get("passphrases") or {})


def _authorized(volumes: Sequence[VolumeData]) -> dict[str, File]:
    return {f"{home(volume['account'])}/.ssh/authorized_keys": File(authorized(volume)) for volume in volumes}


def authorized(volume: VolumeData) -> str:
    """One forced command for one key from the host's own addresses."""
    sources = ",".join(volume["addresses"])
    return f'restrict,from="{sources}",command="cat {passphrase(volume["account"])}" {volume["host_key"]}\n'
