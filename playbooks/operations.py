"""Own operations for what pyinfra's do slowly or unsafely: many files, directories, users and units at once.

Each looks once, in one command, and yields only what differs, so that a second run changes nothing and costs
one round trip an operation. Content travels on standard input: never through /tmp, never on a command line.
"""

import posixpath
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from effects.onhost import fence
from effects.shell import Shell

LARGEST = "1024k"  # a client may put a file of a terabyte where we look for his directory: it is none of ours
LOADED = "/run/seawall/loaded"  # one marker a unit, touched when it has read its files
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")  # as for systemctl is-enabled

NOTICES: dict[str, list[str]] = {}  # of this process, by host; the runner hands them on
LEFT_OUT: dict[str, list[str]] = {}  # likewise: a host with some of these is not done


@dataclass(frozen=True, slots=True)
class File:
    """What a managed file holds, and who may read it."""

    content: str  # ends with a newline
    mode: str = "644"


@dataclass(frozen=True, slots=True)
class Directory:
    """Who a directory belongs to."""

    owner: str = "root"
    group: str = "root"
    mode: str = "755"
    by_owner: bool = False  # made with the owner's rights: below a user's directory a link may lead root anywhere


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit that runs, is enabled, and has read the newest of the files it watches."""

    name: str
    watches: tuple[str, ...]  # files and directories
    judge: str = "true"  # a shell command that must accept the files before the unit reads them
    act: str = "reload-or-restart"
    restarts: tuple[str, ...] = ()  # what it takes in when it starts and not when it is reloaded: a sandbox
    apart: bool = False  # one vhost's: where it does not run it is left out, and the others go on


class Seen(NamedTuple):
    """What stands at a path."""

    kind: str  # as find's %y: f, d, l
    mode: str
    owner: str
    group: str
    target: str  # of a link
    digest: str  # SHA-256 in hex, of a file that is not too large to be ours


def notice(text: str) -> None:
    """Words about this host for the operator, where nothing is changed and nothing failed."""
    NOTICES.setdefault(host.name, []).append(text)


def left_out(text: str) -> None:
    """What could not be done for one vhost, and what to type: the rest is done, but the run says that this is not."""
    LEFT_OUT.setdefault(host.name, []).append(text)


def ask(script: str, *, stdin: str = "") -> list[str]:
    """Lines of standard output of a read-only shell script on the host; OperationError where it fails."""
    try:
        answer = _shell().ask(script, stdin=stdin)
    except (OSError, EOFError) as fault:
        raise OperationError(f"could not ask the host: {fault}") from None
    if not answer.ok:
        raise OperationError(answer.err.strip()[-600:] or f"could not look at the host: {script[:80]}")
    return answer.out.removesuffix("\n").split("\n") if answer.out else []


def held() -> bool:
    """Whether this host's twin serves in its name: then what would serve here does not run, and is not asked."""
    return bool(ask(f"ls {fence.HELD} 2>/dev/null || true"))


def _shell() -> Shell:
    """The one that this connection's questions are asked in; another where somebody on the host has ended it."""
    shell: Shell | None = host.connector_data.get("shell")
    if shell is None or shell.ended():
        shell = Shell(host.connector.client)  # type: ignore[attr-defined]  # the ssh connector's
        host.connector_data["shell"] = shell
    return shell


def look(paths: Sequence[str]) -> dict[str, Seen]:
    """What stands at each of `paths`; paths that do not exist are left out."""
    if not paths:
        return {}
    find = (
        r"find {} -maxdepth 0 -printf '%p\t%y\t%m\t%u\t%g\t%l\n' -type f -size -{} -exec sha256sum {{}} + 2>/dev/null"
    )
    lines = ask(f"{find.format(shlex.join(paths), LARGEST)}; true")
    rows = [line.split("\t") for line in lines if "\t" in line]
    digests = {path: digest for digest, path in (line.split("  ", 1) for line in lines if "\t" not in line)}
    return {path: Seen(*about, digests.get(path, "")) for path, *about in rows}  # type: ignore[call-arg]  # six fields


def put(path: str, file: File, *, owner: str = "root:root") -> StringCommand:
    """Replace `path` at once through a stage beside it, which nobody else can read while it is written."""
    assert file.content.endswith("\n"), path
    stage = shlex.quote(f"{posixpath.dirname(path)}/.{posixpath.basename(path)}.stage")
    script = (
        f"mkdir -p {shlex.quote(posixpath.dirname(path))} && (umask 077; cat > {stage}) && chown {owner} {stage}"
        f" && chmod {file.mode} {stage} && mv -fT {stage} {shlex.quote(path)}"
    )
    return StringCommand(script, _stdin=file.content)


def differs(seen: Seen | None, file: File) -> bool:
    """Whether what stands there is not `file`, or not root's: whoever owns it can change it."""
    digest = sha256(file.content.encode()).hexdigest()
    return seen is None or (seen.kind, seen.mode, seen.owner, seen.digest) != ("f", file.mode, "root", digest)


@operation()
def files(
    wanted: Mapping[str, File] | Callable[[], Mapping[str, File]],
    absent: Sequence[str] | Callable[[], Sequence[str]] = (),
) -> Generator[StringCommand]:
    """Root's files with exactly this content; `absent` are removed. Callables are asked when it is their turn."""
    wanted = wanted() if callable(wanted) else wanted
    absent = absent() if callable(absent) else absent
    seen = look([*wanted, *absent])
    for path, file in wanted.items():
        if differs(seen.get(path), file):
            yield put(path, file)
    for path in absent:
        if path in seen:
            yield StringCommand("rm", "-f", shlex.quote(path))


@operation()
def directories(wanted: Mapping[str, Directory]) -> Generator[StringCommand]:
    """Directories with exactly this owner and mode, parents first; what its owner can't make is left out."""
    theirs = []
    for path in _unlike(wanted):
        it = wanted[path]
        made = f"install -d -m {it.mode} {shlex.quote(path)}"
        if it.by_owner:
            theirs.append(path)
            yield StringCommand(f"runuser -u {it.owner} -- {made} || true")
        else:
            yield StringCommand(f"{made} -o {it.owner} -g {it.group}")
    if theirs and state.is_executing:
        for path in _unlike({path: wanted[path] for path in theirs}):
            it = wanted[path]
            left_out(
                f"{path} is no directory of {it.owner}'s with mode {it.mode}, and could not become one: look at it"
                f" (ls -ld {path}), and move away what stands there"
            )


def _unlike(wanted: Mapping[str, Directory]) -> list[str]:
    """Those that are not as they should be."""
    seen = look(list(wanted))
    return [
        path for path, it in wanted.items() if path not in seen or seen[path][:4] != ("d", it.mode, it.owner, it.group)
    ]


@operation()
def links(wanted: Mapping[str, str]) -> Generator[StringCommand]:
    """Symbolic links, from path to target."""
    seen = look(list(wanted))
    for path, target in wanted.items():
        now = seen.get(path)
        if now is None or (now.kind, now.target) != ("l", target):
            yield StringCommand(f"ln -sfnT {shlex.quote(target)} {shlex.quote(path)}")


@operation()
def units(wanted: Sequence[Unit] | Callable[[], Sequence[Unit]]) -> Generator[StringCommand]:
    """Units that run, stay up, start at boot, and have read their newest files; a reload owed by a dead run is done.

    One look for all; those that are mended in the same way are mended at once.
    """
    wanted = wanted() if callable(wanted) else wanted
    owed: dict[tuple[str, bool], list[Unit]] = {}
    for unit, act in _owed(wanted) if wanted else ():
        owed.setdefault((act, unit.apart), []).append(unit)
    for (act, apart), those in owed.items():
        yield StringCommand(_mend_each(those, act) if apart else _mend(those, act))
        if apart and state.is_executing:
            for unit, _ in _owed(those):
                left_out(f"{unit.name} does not run as it should: look at journalctl -u {unit.name}")


@operation()
def no_units(names: Sequence[str] | Callable[[], Sequence[str]]) -> Generator[StringCommand]:
    """Units that neither run nor start at boot; those that systemd does not know are fine."""
    names = names() if callable(names) else names
    live = [
        name
        for name, now in (show(names) if names else {}).items()
        if now["ActiveState"] not in ("inactive", "failed") or now["UnitFileState"] in ENABLED
    ]
    if live:
        yield StringCommand(f"systemctl -q disable --now {' '.join(live)}")


def show(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What systemd knows of each unit, in one look: its state, and since when, as seconds of Unix time after "@"."""
    return dict(zip(names, systemd_and_files(names, ())[0], strict=True))


def systemd_and_files(units: Sequence[str], paths: Sequence[str]) -> tuple[list[dict[str, str]], dict[str, float]]:
    """What systemd knows of units, which may be patterns, and when the newest file at or below each path was changed.

    One look for both; paths that do not exist are left out. Times of files are seconds of Unix time.
    """
    wanted = "Id,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestamp"
    show = f"systemctl show --timestamp=unix -p {wanted} {shlex.join(units)} || exit 1" if units else ""
    find = f"find {shlex.join(dict.fromkeys(paths))} -printf '%T@ %H\\n' 2>/dev/null; true" if paths else ""
    lines = ask(f"{show}\n{find}")
    changed: dict[str, float] = {}
    for at, path in (line.split(" ", 1) for line in lines if line[:1].isdigit()):
        changed[path] = max(float(at), changed.get(path, 0.0))
    blocks = "\n".join(line for line in lines if not line[:1].isdigit()).split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines() if line) for block in blocks], changed


def entered(unit: Mapping[str, str]) -> float:
    """When a unit became what it is, as seconds of Unix time; 0 for never."""
    return float(unit["ActiveEnterTimestamp"].lstrip("@") or 0)


def _owed(wanted: Sequence[Unit]) -> list[tuple[Unit, str]]:
    """Units that do not run as they should, each with what systemd has to do."""
    files = [path for unit in wanted for path in (*unit.watches, *unit.restarts, f"{LOADED}/{unit.name}")]
    states, changed = systemd_and_files([unit.name for unit in wanted], [*files, *fence.FLAGS])
    barred = {name for path, names in fence.FLAGS.items() if path in changed for name in names}
    found = []
    for now, unit in zip(states, wanted, strict=True):
        read = max(entered(now), changed.get(f"{LOADED}/{unit.name}", 0.0))
        runs = now["ActiveState"] in ("active", "reloading")
        sound = runs and now["UnitFileState"] in ENABLED and now["NeedDaemonReload"] == "no"
        if not runs and unit.name in barred:
            continue  # it would not start: playbooks/fence.py
        if not runs:
            found.append((unit, "start"))
        elif any(changed.get(path, 0.0) > read for path in unit.restarts):
            found.append((unit, "restart"))
        elif not sound or any(changed.get(path, 0.0) > read for path in unit.watches):
            found.append((unit, unit.act))
    return found


def _mend(units: Sequence[Unit], act: str) -> str:
    """Judge, then start or reload, and see that they stay up. A marker is as old as the reading, not as its end."""
    names = " ".join(unit.name for unit in units)
    judges = " && ".join(dict.fromkeys(f"{{ {unit.judge}; }}" for unit in units))
    return f"""
up() {{ ! systemctl is-active {names} | grep -qvx active; }}
fail() {{
  for u in {names}; do systemctl -q is-active $u || break; done
  echo "$u $1" >&2; journalctl -qn 8 --no-pager -u $u >&2; exit 1
}}
{judges} || exit 1
mkdir -p {LOADED} && for u in {names}; do touch {LOADED}/.$u; done
systemctl daemon-reload && systemctl -q enable {names} || exit 1
systemctl {act} {names} || fail "did not start or reload"
for n in 1 2 3 4 5; do up || fail "did not stay up"; sleep 0.1; done
for u in {names}; do mv -f {LOADED}/.$u {LOADED}/$u; done"""


def _mend_each(units: Sequence[Unit], act: str) -> str:
    """As `_mend`, but whatever one of them does, the others run."""
    judged = "".join(f'{{ {unit.judge}; }} && set -- "$@" {unit.name}\n' for unit in units)
    return f"""
set --
{judged}mkdir -p {LOADED} && for u in "$@"; do touch {LOADED}/.$u; done
systemctl daemon-reload; systemctl -q enable "$@"; systemctl {act} "$@"; sleep 0.5
for u in "$@"; do ! systemctl -q is-active $u || mv -f {LOADED}/.$u {LOADED}/$u; done; true"""
