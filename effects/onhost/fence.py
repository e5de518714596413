"""What a witness holds: who may serve in a production host's name. One small file a host; its epoch only ever rises.

There are three, the twin and both backup servers, so that what two of them say holds with one lost. Standard library
only: a backup server's programs ask this before they take anything from production.
"""

import fcntl
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path("/var/lib/seawall-fence")  # on a backup server: a directory for each client, which its keeper writes
# On production, while they stand there: units that would serve, or would save, do not start (playbooks/fence.py).
HELD = "/var/lib/seawall/fence/held"
APART = "/var/lib/seawall/fence/apart"
SERVES = ("nginx.service", "apache2.service", "mariadb.service", "postgresql.service", "postgresql@.service")
BESIDE = ("cron.service", "exim4.service", "postfix.service", "seawall-backup.service", "seawall-stream.service")
FLAGS = {HELD: SERVES, APART: BESIDE}
WORD = re.compile(r"[A-Za-z0-9:.+-]{1,64}")


@dataclass(frozen=True)
class Held:
    """An epoch, the order that raised it, and who may serve since then."""

    epoch: int
    seal: str
    holder: str  # the name of a host
    since: str  # ISO 8601


NOTHING = Held(0, "", "", "")  # before the first order: production serves


def held(client: str, root: Path) -> Held:
    """What stands there; NOTHING where no order ever came."""
    try:
        return parse((root / client / "held.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NOTHING


def parse(text: str) -> Held:
    """As `shown` writes it. Raises ValueError, KeyError or TypeError for anything else."""
    known = json.loads(text)
    return Held(int(known["epoch"]), str(known["seal"]), str(known["holder"]), str(known["since"]))


def shown(known: Held) -> str:
    """As JSON."""
    return json.dumps(asdict(known))


def refusal(known: Held, wanted: Held) -> "str | None":
    """Why `wanted` may not take the place of `known`; None where it may, or is there already.

    Compare and set: of two orders of one epoch the first wins, and of two epochs the higher.
    """
    if wanted.epoch > known.epoch or (wanted.epoch, wanted.seal, wanted.holder) == (
        known.epoch,
        known.seal,
        known.holder,
    ):
        return None
    whose = f"epoch {known.epoch}, by the order {known.seal[:12]}: {known.holder} serves since {known.since}"
    return f"it holds {whose}"


def fenced(client: str, known: Held) -> "str | None":
    """What a client is told that does not hold its own epoch; None where it does, or none was ever raised."""
    if known.holder in ("", client):
        return None
    return f"fenced: {known.holder} serves since {known.since}; seawall drp return brings {client} back"


def take(client: str, wanted: Held, root: Path) -> "str | None":
    """Let `wanted` stand there, on the disk when this returns, or say why not."""
    if not all(WORD.fullmatch(word) for word in (wanted.seal, wanted.holder, wanted.since)) or wanted.epoch < 1:
        return "that is no epoch"
    folder = root / client
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = held(client, root)
        why = refusal(known, wanted)
        if why is None and known.epoch < wanted.epoch:
            _write(folder, shown(wanted))
        return why


def _write(folder: Path, text: str) -> None:
    stage = folder / ".held.stage"
    with stage.open("w", encoding="utf-8") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    stage.chmod(0o644)
    stage.replace(folder / "held.json")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
