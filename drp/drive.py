"""Driving jobs from the control machine: start, watch, hand over. It holds no state, so it may die at any moment."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from drp import job as jobs
from drp import underway
from drp.job import JobKind
from drp.notes import RESTORED
from drp.orders import SIGNED, Signed
from effects.journal import Entry, parse
from effects.remote import Remote
from estate.model import Estate, Host, Role
from estate.problem import Failed, Missing, Problem, Refused, Unreachable, of_code

SEAWALL = "/opt/seawall/bin/seawall"
QUESTION = 180.0  # seconds; a plan lists and measures every repository, and one datacenter may be gone
PATIENCE = 300.0  # seconds without an answer from a host that works until we stop watching; the work goes on
NOT_FOUND = 127  # the shell's exit code
WATCH = 0.3  # seconds between two looks
SELDOM = 2.0  # seconds between two looks at what is being copied
STANDING = """systemctl is-active "seawall-drp@$1.service"; tail -c "+$2" "$3/$1/journal.jsonl" 2> /dev/null || true"""
AGAIN = 1.0  # seconds before a host that did not answer is asked again

Show = Callable[[str, Entry], None]
Watch = Callable[[str, Sequence[Entry], Mapping[str, Any]], None]  # a host, its journal, and what else it said


@dataclass(frozen=True, slots=True)
class Begun:
    """A job as a host was told to begin it."""

    job: str
    entries: int  # that its journal had before
    closed: Mapping[str, Any] | None  # what the last of them says, where nothing is left to be done


class Hand:
    """One managed host that is asked and told, over ssh."""

    def __init__(self, estate: Estate, host: Host) -> None:
        self.host = host
        self._control = estate.control
        self.remote = Remote(host, estate.control)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remote.close()

    def ask(self, *words: str, stdin: str | None = None) -> Any:
        """What `seawall host …` answers there. Its errors are raised here, with their exit code."""
        return json.loads(self._said(SEAWALL, "host", *words, stdin=stdin))

    def _said(self, *argv: str, stdin: str | None = None) -> str:
        result = self.remote.attempt(argv, timeout=QUESTION, stdin=stdin)
        if not result.ok:
            raise _as_problem(self.host, result.code, result.err)
        return result.out

    def require(self) -> None:
        """Raise Unreachable where it does not answer, Missing where it has no toolkit: it could do nothing."""
        self._said(SEAWALL, "--version")

    def unready(self) -> str | None:
        """Why it could do nothing now."""
        try:
            self.require()
        except Problem as fault:
            return fault.what
        return None

    def begun(self, *words: str, stdin: str | None = None) -> Begun | None:
        """The job that is said to have begun there; None where there is none to begin."""
        answer = self.ask(*words, stdin=stdin)
        return Begun(**answer) if answer["job"] else None

    def begin(self, *words: str, stdin: str | None = None) -> Begun:
        """As `begun`, where there is always one."""
        return Begun(**self.ask(*words, stdin=stdin))

    def follow(self, begun: Begun, show: Show, watch: Watch | None = None) -> dict[str, Any]:
        """Show every entry of a job as it is written, and return what the last one says.

        A broken connection is made anew: the job does not depend on it. Raises Unreachable after PATIENCE.
        """
        if begun.closed is not None:
            return dict(begun.closed)
        job, since = begun.job, begun.entries
        heard = time.monotonic()
        copied, text = _Copied(self, job), ""
        while True:
            try:
                running, text = self.standing(job, text)
                heard = time.monotonic()
            except Unreachable as fault:
                if time.monotonic() - heard > PATIENCE:
                    raise Unreachable(
                        fault.what, hint=f"{job} goes on there; watch it again with the same command"
                    ) from None
                self.remote.close()
                self.remote = Remote(self.host, self._control)
                time.sleep(AGAIN)
                continue
            known = parse(text, name=f"{self.host.name}:{job}")
            entries, since = known[since:], len(known)
            if watch is not None and known:
                watch(self.host.name, known, copied.seen(known) if running else {})
            for entry in entries:
                show(self.host.name, entry)
                if entry.event == "closed":
                    return dict(entry.detail)
            if not running and not entries:
                if known and known[-1].event == "closed":  # it ended between our start and our first look
                    return dict(known[-1].detail)
                raise Failed(
                    f"{self.host.name}: {job} stopped before its end",
                    hint=f"journalctl -u seawall-drp@{job} there, then run the same command again",
                )
            time.sleep(WATCH)

    def standing(self, job: str, known: str = "") -> tuple[bool, str]:
        """Whether it runs, and its journal, of which `known` is the beginning.

        Asked without the toolkit: to start that three times a second would take from the job.
        """
        whole = known[: known.rfind("\n") + 1]  # a torn line is cut off by the next run
        said = self._said("sh", "-c", STANDING, "-", job, str(len(whole) + 1), str(jobs.DIRECTORY))
        state, _, more = said.partition("\n")
        return state in ("active", "activating", "deactivating"), whole + more  # the last: killed, a child still ends


class _Copied:
    """How far what is being copied has come, asked now and then for as long as anything is."""

    def __init__(self, hand: Hand, job: str) -> None:
        self._hand, self._job = hand, job
        self._at, self._said = -SELDOM, dict[str, Any]()

    def seen(self, known: Sequence[Entry]) -> Mapping[str, Any]:
        """What `seawall host progress` last said."""
        if underway.copying(known) and time.monotonic() - self._at > SELDOM:
            with suppress(Problem):  # it is only shown
                self._said = dict(self._hand.ask("progress", self._job))
            self._at = time.monotonic()
        return self._said


def twin(estate: Estate) -> Host:
    """The DRP host. Raises Missing where there is none, Refused where there are several to choose from."""
    found = estate.hosts_with(Role.DRP)
    if len(found) > 1:
        raise Refused(
            f"the estate has several DRP hosts: {', '.join(host.name for host in found)}",
            hint="keep one pair in an estate file for now, so that the wrong one can't be activated",
        )
    if not found:
        raise Missing("the estate has no DRP host", hint='add one with role = "drp", the twin of a production host')
    return found[0]


def production(estate: Estate) -> Host:
    """The production host whose twin it is. Raises as `twin`."""
    drp = twin(estate)
    mine = [host for host in estate.hosts.values() if host.twin == drp.name]
    if len(mine) != 1:
        raise Refused(
            f"{drp.name} is the twin of {len(mine)} hosts",
            hint="give each production host a twin of its own",
        )
    return mine[0]


def begin(hand: Hand, kind: JobKind, signed: Signed | None, seal: str = "") -> Begun:
    """The job that order begins there; without one, the job that was begun. A withdrawal is only ordered so, since
    others come first: `start` lets it begin."""
    stdin = "\n" if signed is None else SIGNED.dump_json(signed).decode()
    return hand.begin("begin", str(kind), f"--seal={seal}", stdin=stdin)


def bring_home(away: Hand, home: Hand, signed: Signed | None, show: Show, watch: Watch | None = None) -> dict[str, Any]:
    """A whole return: ahead, warm, withdraw, restore, redirect. Each begins when the one before closed well."""
    withdraw = begin(away, JobKind.WITHDRAW, signed).job
    closed = _warmed(away, home, withdraw, show, watch)
    if closed["ok"]:
        closed = away.follow(away.begin("start", withdraw), show, watch)
    if closed["ok"]:
        restore = home.begin("accept", stdin=json.dumps(away.ask("restoration", withdraw)))
        closed = home.follow(restore, show, watch)
        if closed["ok"]:
            closed = away.follow(away.begin("redirect", withdraw), show, watch)
        _note_head(away, home, restore.job)  # last: visitors wait for what is before
    return closed


def _note_head(away: Hand, home: Hand, job: str) -> None:
    """The twin notes how far production's journal is: that is kept elsewhere together with its own."""
    with suppress(Problem):
        _, text = home.standing(job)
        last = parse(text, name=f"{home.host.name}:{job}")[-1]
        said = {"host": home.host.name, "job": job, "entries": last.number, "head": last.digest}
        away.ask("note", RESTORED, stdin=json.dumps(said))


def call_off(away: Hand, home: Hand, signed: Signed | None, show: Show, watch: Watch | None = None) -> dict[str, Any]:
    """Cancel an activation that has switched no name: cancel, then resume."""
    cancel = begin(away, JobKind.CANCEL, signed)
    closed = away.follow(cancel, show, watch)
    if closed["ok"]:
        resume = home.begin("accept", stdin=json.dumps(away.ask("resumption", cancel.job)))
        closed = home.follow(resume, show, watch)
    return closed


def _warmed(away: Hand, home: Hand, withdraw: str, show: Show, watch: Watch | None) -> dict[str, Any]:
    """All that is done while the twin serves; nothing where it does not any more."""
    ahead = away.begun("ahead", withdraw)
    if ahead is None:
        return {"ok": True}
    closed = away.follow(ahead, show, watch)
    if closed["ok"]:
        warm = home.begin("accept", stdin=json.dumps(away.ask("warming", withdraw)))
        closed = home.follow(warm, show, watch)
    return closed


def _as_problem(host: Host, code: int, err: str) -> Problem:
    """The same error as there, named after the host it happened on."""
    what, _, hint = err.strip().removeprefix("seawall: ").partition("\n  hint: ")
    if code == NOT_FOUND:
        return Missing(f"{host.name} has no toolkit", hint="put it there with: seawall install")
    return of_code(code)(f"{host.name}: {what[-1500:]}", hint=hint or "run the same command again")
