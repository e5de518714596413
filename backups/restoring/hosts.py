"""A whole host as it was saved, in one directory, and what to type to make a fresh machine of it. Pure but for borg."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backups import by_hand, manifest
from backups.restoring import source
from backups.restoring.exchange import Say
from backups.restoring.vhosts import DATABASES, Brought
from backups.site import Site
from effects import files
from estate.model import Engine, Host
from estate.points import Archive
from estate.problem import Refused

TREE, NEXT = "files", "NEXT.txt"
NAME = re.compile(r"[a-z_][a-z0-9_-]*")  # whoever was root there wrote the file
INSTALLED = "awk -F '[:\\t]+' '$NF == \"install\" { print $1 }'"  # of what dpkg --get-selections says
PEOPLE = range(1000, 60000)  # uids that adduser(8) gives to people; what packages need they make themselves


@dataclass(frozen=True, slots=True)
class Whole:
    """What lies in the directory."""

    archive: Archive
    snapshots: tuple[Archive, ...]
    files: int
    bytes: int


def bring(site: Site, client: Host, archive: Archive, into: Path, say: Say) -> Whole:
    """Everything that is in the archive, and the snapshot of each engine next to it; `into` is new."""
    if into.exists() and any(into.iterdir()):
        raise Refused(f"{into} is there already, and not overwritten", hint="name another directory: --to DIR")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(f"files: {archive.name} ({archive.side})")
    repository, tree = site.repository(client, archive.kind, archive.side), into / TREE
    counted = by_hand.bring(repository, archive, [], tree, foreign=client is not site.host)
    snapshots = []
    for engine in site.estate.engines_on(client):
        one = source.nearest(source.snapshots(site, client, engine), archive.taken)
        say(f"{engine}: {one.name} ({one.side})")
        place = into / DATABASES / engine
        place.mkdir(mode=0o700, parents=True)
        site.repository(client, engine, one.side).extract(one, place)
        snapshots.append(one)
    domains = tuple(vhost.domain for vhost in site.estate.vhosts_on(client))
    Brought(archive.name, domains, {}, *counted).write(tree)
    data = {engine: _data(engine, into / DATABASES / engine) for engine in site.estate.engines_on(client)}
    files.write(into / NEXT, next_steps(client.name, domains, into, tree, data), mode=0o600)
    return Whole(archive, tuple(snapshots), *counted)


def next_steps(host: str, domains: Sequence[str], into: Path, tree: Path, data: dict[Engine, Path]) -> str:
    """Shell commands with a line of words above each; whoever types them from top to bottom has the host back."""
    described = tree / str(manifest.WHERE).lstrip("/")
    debian = _debian(described / "manifest.json")
    people = list(_people(tree / "etc/passwd"))
    rows = [
        f"# {host} on a fresh machine, which had Debian {debian}. Type it from top to bottom, as root, in bash.",
        "# 1. On the control machine: the new machine's host key goes into the estate; then, as for any new host:",
        f"#      seawall harden {host} && seawall install",
        "# 2. This directory has to be on the new machine. Where it is not, there, instead of copying it:",
        f"#      seawall backup restore --host {host} --to {into}",
        "# 3. Packages that were installed and are not. What the release no longer has is said, and left out:",
        _packages(described / "selections.txt"),
        *_accounts(people),
        "# 5. Databases: what the fresh servers have is kept beside.",
        *(line for engine, place in data.items() for line in _database(engine, place, into)),
        "# 6. Vhosts: files, certificates and further paths. What stands there is kept.",
        *(f"seawall backup restore --vhost {domain} --swap --from {tree} --yes" for domain in domains),
        "# 7. What people's crontabs were; and what else differs in /etc, for you to look through:",
        f"cp --archive --no-clobber {tree}/var/spool/cron/. /var/spool/cron/",
        f"diff --recursive --brief --no-dereference {tree}/etc /etc || true",
        "# 8. Save it anew, at once.",
        "seawall backup files && seawall backup databases && seawall backup status",
    ]
    return "\n".join(rows) + "\n"


def _packages(selections: Path) -> str:
    missing = f"comm -23 <({INSTALLED} {selections} | sort) <(dpkg --get-selections | {INSTALLED} | sort)"
    return f"{missing} | comm -12 - <(apt-cache pkgnames | sort) | xargs --no-run-if-empty apt-get install --yes"


def _accounts(people: list[str]) -> list[str]:
    if not people:
        return ["# 4. Accounts of people: there were none beside those that the estate makes."]
    return [
        "# 4. Accounts of people that are not there: with their names, and without passwords.",
        *(f"id {name} > /dev/null 2>&1 || adduser --disabled-password --gecos '' {name}" for name in people),
    ]


def _data(engine: Engine, copy: Path) -> Path:
    """Where Debian's server of that engine, in the copy's version, has its data."""
    if engine is Engine.MARIADB:
        return Path("/var/lib/mysql")
    return Path("/var/lib/postgresql") / (copy / "PG_VERSION").read_text(encoding="utf-8").strip() / "main"


def _database(engine: Engine, place: Path, into: Path) -> list[str]:
    # Of PostgreSQL the cluster's own unit: postgresql.service is there at once, and its clusters stop meanwhile.
    unit = "mariadb" if engine is Engine.MARIADB else f"postgresql@{place.parent.name}-{place.name}"
    owner = "mysql" if engine is Engine.MARIADB else "postgres"
    return [
        f"systemctl stop {unit} && mv {place} {place}.fresh",
        f"cp --archive --reflink=auto {into}/{DATABASES}/{engine} {place}",
        f"chown -R {owner}:{owner} {place} && chmod 700 {place} && systemctl start {unit}",
    ]


def _people(passwd: Path) -> Iterable[str]:
    if not passwd.is_file():
        return
    for line in passwd.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, uid, *_ = [*line.split(":"), "", "", ""]
        if uid.isdigit() and int(uid) in PEOPLE and NAME.fullmatch(name):
            yield name


def _debian(described: Path) -> str:
    try:
        found = json.loads(described.read_text(encoding="utf-8"))["debian"]
    except (OSError, ValueError, KeyError):
        found = None
    return str(found or "?")
