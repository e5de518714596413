"""Who hears of a run: Prometheus, a dead-man's switch, people. Nothing here ever fails a backup.

The switch gets a sign when a run begins and how it ended (healthchecks.io, "Pinging API": URL, URL/start, URL/fail), so
that somebody is told when no sign comes at all: a host that is down tells nobody.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backups import paths, standing
from backups.metrics import exposition
from backups.site import Site
from backups.standing import Standing
from effects import apprise, files
from effects.clock import now
from effects.ping import ping
from effects.secrets import resolve
from estate.problem import Problem

TOLD = paths.STATE / "told.json"  # what people heard last, by subject
LIMIT = 60.0  # seconds for all services that apprise talks to


def heartbeat(site: Site, kind: str, sign: str, body: str = "") -> str | None:
    """`sign`: "start", "fail", or nothing where all is well. What went wrong with it, in words, if anything did."""
    if site.estate.backup.heartbeat is None:
        return None
    try:
        url = resolve(site.estate.backup.heartbeat, base=paths.CONFIG)
        where = url.replace("{host}", site.host.name).replace("{kind}", kind).rstrip("/")
        return None if ping(f"{where}/{sign}".rstrip("/"), body) else "the dead-man's switch does not answer"
    except Problem as fault:
        return fault.what


@contextmanager
def watched(site: Site, kind: str, say: Callable[[str], None]) -> Iterator[None]:
    """A run between its first sign and its last; what it raises is passed on."""
    unheard = heartbeat(site, kind, "start")
    try:
        yield
    except (OSError, Problem) as fault:
        heartbeat(site, kind, "fail", str(fault))
        raise
    if unheard := heartbeat(site, kind, "") or unheard:
        say(unheard)


def notify(site: Site, subject: str, trouble: str, *, same: str | None = None) -> str | None:
    """Tell people of trouble with `subject` when it begins, when it becomes another, and, with "", when it is over.

    `same` says which trouble it is, where its words change by the minute. Through Debian's apprise, which reads the
    URLs from the secret file itself: no URL is on a command line. What went wrong with that, in words.
    """
    if site.estate.backup.notify is None or site.estate.backup.notify.file is None:
        return None
    with files.locked(TOLD.with_suffix(".lock"), what="telling people", wait=LIMIT):
        told = _told()
        if told.get(subject, "") == (kept := trouble if same is None else same):
            return None
        title = f"{site.host.name}: {subject}: {'trouble' if trouble else 'all is well again'}"
        text, config = trouble or "It is saved as promised.", site.estate.backup.notify.file
        try:
            said = apprise.notify(config, title, text, timeout=LIMIT)
        except Problem as fault:
            return f"nobody could be told: {fault.what}; {fault.hint}"
        if not said.ok:
            return f"nobody could be told: apprise ended with {said.code}"
        files.write(TOLD, json.dumps(told | {subject: kept}, indent=1), mode=0o600)
    return None


def _told() -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(TOLD.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known


def tell(site: Site) -> str | None:
    """How this host stands, to Prometheus and to people. What went wrong with that, in words."""
    try:
        found = standing.own(site, now())
        textfile(site, found)
        return notify(site, "backups", "\n".join(found.trouble), same=found.signature)
    except (OSError, Problem) as fault:
        return f"nobody hears how the backups stand: {fault}"


def textfile(site: Site, found: Standing) -> None:
    """For node_exporter's textfile collector: whole or not at all."""
    if site.estate.backup.metrics is not None:
        folder = Path(site.estate.backup.metrics)
        folder.mkdir(parents=True, exist_ok=True)
        files.write(folder / "seawall.prom", exposition([found]))
