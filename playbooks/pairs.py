"""Two accounts a client on a backup server: one writes a directory, the other reads it, and nobody else gets in."""

import posixpath
from collections.abc import Generator, Mapping
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from playbooks.operations import ask


class Pair(NamedTuple):
    """The accounts' names, the directory, and its mode."""

    writer: str
    reader: str
    directory: str
    mode: str


def home(account: str) -> str:
    """Root's directory, not the account's: what it may do is not its own to change."""
    return f"/var/lib/{account}"


@operation()
def pairs(wanted: Mapping[str, Pair]) -> Generator[StringCommand]:
    """By client."""
    known = set(ask("getent passwd | cut -d: -f1"))
    for writer, reader, directory, mode in wanted.values():
        for user, group in ((writer, "--user-group"), (reader, f"--gid {writer}")):
            if user not in known:
                yield StringCommand(
                    f"useradd --system {group} --no-create-home --home-dir {home(user)} --shell /bin/sh {user}"
                )
        if not ask(f"stat -c '%U %G %a' {directory} 2>/dev/null | grep -x '{writer} {writer} {mode}' || true"):
            make = f"install -d -o {writer} -g {writer} -m {mode} {directory}"
            yield StringCommand(f"install -d -m 755 {posixpath.dirname(directory)} && {make}")
