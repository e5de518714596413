"""Keeping heads of this twin's journals elsewhere: on both backup servers, and in a ticket where a job ends.

No job waits for it: the service that looks every minute who may serve does this too, and is asked to where a job ends.
What a server did not take it is given the next time.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from backups import fencing, paths
from backups.repository import ssh
from backups.site import Site
from backups.vault.keeping import KEY
from drp import job as jobs
from drp import notes, tickets
from drp.drills import record
from drp.evidence.anchors import of_journal
from drp.incident import DNS, ENDS
from effects import files
from effects.journal import Entry, parse
from effects.run import attempt
from estate.heads import Head
from estate.model import Host
from estate.problem import Problem

STATE = paths.STATE / "drp-heads"  # what each server has: size of each journal when it was given
TELL = 20.0  # seconds
UNIT = "seawall-fence.service"


def soon() -> None:
    """Have it done by the service, and go on."""
    with suppress(Problem):
        attempt(["systemctl", "start", "--no-block", UNIT], timeout=10)


def spread(site: Site, client: Host) -> list[str]:
    """Give both backup servers what they have not got; what they refused or why they could not, in words."""
    servers, books = fencing.others(site, client), tuple(_books())
    with ThreadPoolExecutor(max_workers=len(servers) or 1) as pool:
        return [said for mine in pool.map(lambda server: _give(site, client, server, books), servers) for said in mine]


def _give(site: Site, client: Host, server: Host, books: Sequence[tuple[Path, int]]) -> list[str]:
    note = STATE / f"{server.name}.json"
    has: dict[str, int] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    new = {path: size for path, size in books if has.get(str(path)) != size}
    heads = [head for path in new if (head := _head(site.host.name, path))]
    refused = list[str]()
    if heads:
        try:
            refused = _told(server, client, heads)
        except Problem as fault:
            return [f"{server.name} keeps no heads yet: {fault.what}"]
    if new:
        STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(note, json.dumps(has | {str(path): size for path, size in new.items()}), mode=0o600)
    for why in refused:
        _alarm(site, server, why)
    return [f"{server.name} refuses a head: {why}" for why in refused]


def _books() -> Iterator[tuple[Path, int]]:
    done = (record.journal(name).path for name in record.names())
    for path in (*jobs.DIRECTORY.glob("*/journal.jsonl"), *notes.FOLDER.glob("notes-*.jsonl"), *done):
        yield path, path.stat().st_size


def _head(host: str, path: Path) -> Head | None:
    """Of a job up to the last entry that matters, so that a long one makes few lines: begun, DNS, over; of a drill
    where it is over, as one that was interrupted says nothing."""
    is_job, is_drill = path.name == "journal.jsonl", path.parent.parent == record.DRILLS
    name = path.parent.name if is_job else path.stem
    with suppress(Problem, OSError):  # a broken chain is for the report to find
        entries = parse(path.read_text(encoding="ascii", errors="replace"), name=name)
        matter = ("closed",) if is_drill else ("opened", "closed")
        return of_journal(host, record.job(name), _telling(entries, matter) if is_job else entries)
    return None


def _telling(entries: Sequence[Entry], matter: Collection[str]) -> Sequence[Entry]:
    found = (n for n, one in enumerate(entries, 1) if one.event in matter or _is_switch(one))
    return entries[: max(found, default=0)]


def _is_switch(entry: Entry) -> bool:
    return entry.step == DNS and entry.event in ENDS


def _told(server: Host, client: Host, heads: Sequence[Head]) -> list[str]:
    door = ["-p", str(server.ssh_port), f"borg-{client.name}@{server.ipv4}"]
    said = attempt([*ssh(KEY), *door, "heads"], timeout=TELL, stdin="\n".join(head.line for head in heads) + "\n")
    try:
        return [str(why) for why in json.loads(said.out)["refused"]]
    except (ValueError, KeyError, TypeError):
        raise Problem(said.said or "its answer can't be read", hint="seawall install, or bring it back") from None


def _alarm(site: Site, server: Host, why: str) -> None:
    text = f"{server.name} keeps a head that contradicts a journal here: {why}"
    with suppress(Problem):
        tickets.send(tickets.outbox(), site.estate, site.host.name, "alarm", f"head.{why}", what=text,
                     host=site.host.name, at="", )  # fmt: skip
