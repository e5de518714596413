"""The guard of a production host: while its twin serves in its name, this one serves nobody and saves nothing.

It asks the backup servers at boot, before anything that would serve, and every minute. What it learned it keeps: a
fence that was seen is lifted by a return alone, whoever is silent later. Files stand for what may not start, and each
unit has a condition on them (playbooks/fence.py), so that a boot with nobody to ask is as good as the last look.

    serving     all of it runs
    admitted    a return is under way: database servers and the web server may run; cron, mail and backups do not
    held        none of these runs; sshd does
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from backups import fencing
from backups.fencing import STATE, Word
from backups.site import Site
from effects import files
from effects.clock import Stopwatch, now
from effects.onhost import fence
from effects.run import attempt
from estate.model import Unwitnessed

NOTE = STATE / "own.json"
HEARD = Path("/run/seawall/fence-heard")  # touched when a witness answered; gone after a reboot
PATIENCE = 300.0  # seconds that "hold" bears with silence, once it was answered since the boot
LOOKING = 4.0  # seconds in which it begins another look while nobody answers; one takes five
LOGIN = (Path("/run/motd.d/seawall-fence"), Path("/run/issue.d/seawall-fence.issue"))
TYPE = "from the control machine: seawall drp status, then seawall drp return (docs/fencing.md)"


class State(StrEnum):
    """What this host may do."""

    SERVING = "serving"
    ADMITTED = "admitted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Known:
    """What this host remembers of epochs."""

    given: int | None = None  # it may serve up to this one; None: it never looked
    admitted: int = 0  # a return under this one restores it
    barred: int = 0  # the highest that was seen and is not its own
    why: str = ""  # and what was said of it

    @property
    def own(self) -> int:
        """The highest that was given to it, or begun to be."""
        return max(self.given or 0, self.admitted)

    def save(self) -> None:
        """On the disk when this returns."""
        STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(NOTE, json.dumps(asdict(self)), mode=0o600)


def known() -> Known:
    """As it was saved."""
    try:
        return Known(**json.loads(NOTE.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Known()


def learned(before: Known, name: str, words: Sequence[Word]) -> Known:
    """What this host knows once it has heard them: the highest epoch counts, for it takes a majority to raise one."""
    heard = [word.held for word in words if not word.silent]
    top = max(heard, key=lambda held: held.epoch, default=None)
    if top is None:
        return before
    if top.epoch > before.own:
        if said := fence.fenced(name, top):
            return replace(before, barred=max(before.barred, top.epoch), why=said)
        if before.given is not None or before.barred:
            why = f"epoch {top.epoch} was handed back, and the return that goes with it has not restored this host"
            return replace(before, barred=max(before.barred, top.epoch), why=why)
        return replace(before, given=top.epoch)
    return replace(before, given=before.given or 0)


def judge(it: Known, *, silent: bool, unwitnessed: Unwitnessed) -> tuple[State, str]:
    """What it may do, and why. `silent`: nobody answered for longer than is borne."""
    if it.barred > it.own:
        return State.HELD, it.why
    if it.admitted > (it.given or 0):
        return State.ADMITTED, f"a return under epoch {it.admitted} is under way"
    if silent and unwitnessed is Unwitnessed.HOLD:
        return State.HELD, 'no backup server answers, and the estate says unwitnessed = "hold"'
    return State.SERVING, f"epoch {it.given or 0} is this host's own"


def locked() -> AbstractContextManager[None]:
    """One at a time: who looks, and a return."""
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    return files.locked(STATE / "lock", what="a look at the fence", wait=60)


def look(site: Site) -> tuple[State, str]:
    """Ask, remember, and make it so."""
    words = _asked(site)
    with locked():
        it = learned(known(), site.host.name, words)
        if it != known():
            it.save()
        state, why = judge(it, silent=_silent(words), unwitnessed=site.estate.drp.unwitnessed)
        enforce(state, why)
    return state, why


def _asked(site: Site) -> tuple[Word, ...]:
    """Again for a while where nobody answers: at boot the network may come a moment later."""
    watch = Stopwatch()
    while True:
        words = fencing.ask(site, site.host)
        if any(not word.silent for word in words) or watch.seconds > LOOKING:
            return words
        time.sleep(1)


def _silent(words: Sequence[Word]) -> bool:
    if any(not word.silent for word in words):
        HEARD.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        HEARD.touch()
        return False
    return not HEARD.exists() or now().timestamp() - HEARD.stat().st_mtime > PATIENCE


def enforce(state: State, why: str) -> None:
    """The files first, so that nothing starts meanwhile; then what runs is stopped, or what is enabled started."""
    flags = {Path(fence.HELD): state is State.HELD, Path(fence.APART): state is not State.SERVING}
    lifted = not any(flags.values()) and any(path.exists() for path in flags)
    _put(flags, why)
    _put(dict.fromkeys(LOGIN, state is not State.SERVING), f"seawall: this host is {state}: {why}\n  {TYPE}")
    stop = [unit for path, there in flags.items() if there for unit in _running(fence.FLAGS[str(path)])]
    if stop:
        attempt(["systemctl", "stop", *stop], timeout=90)
    if lifted:
        _start()


def _put(wanted: Mapping[Path, bool], text: str) -> None:
    for path, there in wanted.items():
        if not there:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_text(encoding="utf-8") != text + "\n":
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.write(path, text + "\n")


def _running(units: Sequence[str]) -> list[str]:
    live = "--state=active,activating,reloading"
    named = [unit.replace("@.", "@*.") for unit in units]
    listed = attempt(["systemctl", "list-units", "--plain", "--no-legend", live, *named], timeout=30)
    return [line.split()[0] for line in listed.out.splitlines() if line.strip()]


def _start() -> None:
    """What would have run since the boot. Not waited for: these come after the guard, and it may be a boot."""
    for unit in (unit for units in fence.FLAGS.values() for unit in units):
        if "@" not in unit and attempt(["systemctl", "is-enabled", "--quiet", unit], timeout=30).ok:
            attempt(["systemctl", "start", "--no-block", unit], timeout=30)


def admit(epoch: int) -> None:
    """A return under `epoch` begins to restore this host: what it needs may run."""
    with locked():
        it = replace(known(), admitted=max(known().admitted, epoch))
        it.save()
        enforce(*judge(it, silent=False, unwitnessed=Unwitnessed.SERVE))


def give(epoch: int) -> None:
    """It is restored: `epoch` is its own."""
    with locked():
        it = replace(known(), given=max(known().given or 0, epoch))
        it.save()
        enforce(*judge(it, silent=False, unwitnessed=Unwitnessed.SERVE))


def standing() -> State:
    """As the files say."""
    held, apart = Path(fence.HELD).exists(), Path(fence.APART).exists()
    return State.HELD if held else State.ADMITTED if apart else State.SERVING
