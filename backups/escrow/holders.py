"""Backup servers and twins, asked over ssh: the keys of the repositories there, and the sealed files they hold.

A holder keeps every sealed file and can open none. What it has is never overwritten: a file of the same name that is
not the same is reported.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from backups import paths
from backups.escrow.borgkey import RepositoryKey, from_config
from backups.escrow.custody import Found, name
from backups.escrow.memory import number_of
from effects.remote import Remote
from estate.model import Control, Estate, Host, Role
from estate.problem import Failed, Problem

T = TypeVar("T")
LIMIT = 120.0  # seconds
AT_ONCE = 16
KINDS = ("files", "databases")
ON_A_BACKUP_SERVER = paths.REPOSITORIES / ".escrow"  # on the disk that one carries out of the fire
ON_A_TWIN = paths.STATE / "escrow"
SECTION = "== "


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands on one holder."""

    keys: Mapping[str, RepositoryKey]  # by "CLIENT/KIND"
    sealed: Mapping[str, str]  # SHA-256 by name


def holders(estate: Estate) -> tuple[Host, ...]:
    """Who keeps sealed files: every backup server that is used, and every twin."""
    return tuple(host for host in estate.hosts.values() if host.role is Role.DRP or estate.clients_of(host))


def place(host: Host) -> Path:
    """The directory for sealed files there."""
    return ON_A_BACKUP_SERVER if host.role is Role.BACKUP else ON_A_TWIN


def each(hosts: Iterable[Host], act: Callable[[Host], T]) -> dict[str, T | Problem]:
    """What `act` gave for every host, or why it could not."""

    def one(host: Host) -> T | Problem:
        try:
            return act(host)
        except Problem as fault:
            return fault

    hosts = list(hosts)
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(hosts) or 1)) as pool:
        return dict(zip((host.name for host in hosts), pool.map(one, hosts), strict=True))


def look(host: Host, control: Control) -> Seen:
    """In one command. Links are not followed, and a `config` is no larger than 8 KiB."""
    configs = " ".join(f"{paths.REPOSITORIES}/*/{kind}/config" for kind in KINDS)
    script = f"""for f in {configs}; do
        if [ -f "$f" ] && [ ! -L "$f" ]; then echo "{SECTION}$f"; head -c 8192 "$f"; echo; fi; done
        echo "{SECTION}sealed"; cd {place(host)} 2>/dev/null && sha256sum -- *.sealed 2>/dev/null; true"""
    with Remote(host, control) as remote:
        return seen(remote.run(["sh", "-c", script], timeout=LIMIT))


def seen(said: str) -> Seen:
    """Of what `look` was told."""
    keys, sealed = dict[str, RepositoryKey](), dict[str, str]()
    for part in said.split(f"\n{SECTION}"):
        title, _, body = part.removeprefix(SECTION).partition("\n")
        if title == "sealed":
            rows = (line.split(maxsplit=1) for line in body.splitlines() if line.strip())
            sealed = {row[1]: row[0] for row in rows if len(row) == 2 and number_of(row[1])}
        elif (key := from_config(body)) is not None:
            keys["/".join(Path(title).parts[-3:-1])] = key
    return Seen(keys, sealed)


def found(estate: Estate, answers: Mapping[str, Seen | Problem]) -> dict[str, Found]:
    """Every repository that the estate should have, as its backup server shows it."""
    return {
        name(host.name, kind, side): _on(answers[server], f"{host.name}/{kind}")
        for host in estate.hosts.values()
        if host.passphrase is not None  # without one it can't save
        for side, server in host.backup.items()
        for kind in KINDS
    }


def _on(answer: Seen | Problem, repository: str) -> Found:
    return Found(None, answered=False) if isinstance(answer, Problem) else Found(answer.keys.get(repository))


def digests(sealed: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of each content, by name."""
    return {name: sha256(content.encode()).hexdigest() for name, content in sealed.items()}


def lacking(kept: Mapping[str, str], there: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Sealed files that a holder has not got, with their content; and names of those that are not what was sealed."""
    wrong = [name for name, digest in digests(kept).items() if there.get(name, digest) != digest]
    return {name: content for name, content in kept.items() if name not in there}, wrong


def deliver(host: Host, control: Control, sealed: Mapping[str, str]) -> None:
    """Put new ones there: complete and synced before they have their name, and never over another."""
    folder = shlex.quote(str(place(host)))
    with Remote(host, control) as remote:
        for it, text in sealed.items():
            stage, target = f"{folder}/.{it}.part", f"{folder}/{it}"
            script = (
                f"umask 077; mkdir -p {folder} && cat > {stage} && sync {stage} && ln {stage} {target} && sync {folder}"
                f" && rm -f {stage} && sha256sum < {target}"
            )
            said = remote.run(["sh", "-c", script], timeout=LIMIT, stdin=text)
            if said.split()[:1] != [sha256(text.encode()).hexdigest()]:
                raise Failed(f"{host.name}: {it} did not arrive whole", hint="run the same command again")


def put_back(host: Host, control: Control, repository: str, key: RepositoryKey) -> None:
    """Let borg import a key into "CLIENT/KIND" there; its config of before is kept beside the sealed files."""
    client = repository.partition("/")[0]
    path = f"{paths.REPOSITORIES}/{repository}"
    kept = f"{place(host)}/replaced"
    script = f"""set -e; umask 077; mkdir -p {kept}
        cp -p --backup=numbered {path}/config {kept}/{repository.replace("/", ".")}.config
        home=$(mktemp -d); chown borg-{client}: $home; trap 'rm -rf $home' EXIT
        runuser -u borg-{client} -- env BORG_BASE_DIR=$home BORG_EXIT_CODES=modern \
            {paths.BORG} --umask=0027 --lock-wait=90 key import {path} -"""
    with Remote(host, control) as remote:
        remote.run(["sh", "-c", script], timeout=LIMIT, stdin=key.exported())
