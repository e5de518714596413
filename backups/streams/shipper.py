"""The service that ships: a thread a side, each with its own readers, so that a side that is down holds up nobody."""

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from backups import paths
from backups.engines import server
from backups.site import Site
from backups.streams import gaps
from backups.streams.chains import STATE
from backups.streams.frames import Position
from backups.streams.sending import Sender, Sent
from backups.streams.sources import source
from effects import files
from effects.clock import Stopwatch, now
from effects.run import attempt
from estate.model import Engine, Side
from estate.problem import Failed, Problem

LOOK = 0.5  # seconds between two looks at the logs
AGAIN = (1.0, 2.0, 5.0)  # seconds until a side that failed is tried again
RELEASE = 10.0  # seconds between two looks at what both sides have
STATUS = Path("/run/seawall/stream.json")  # gone with the process that wrote it, at the latest at a reboot
Say = Callable[[str], None]


class Shipper:
    """All sides and engines of this host."""

    def __init__(self, site: Site, say: Say) -> None:
        self.site, self._say = site, say
        self._lock = threading.Lock()
        passphrase = (paths.SECRETS / f"passphrase.{site.host.name}").read_text(encoding="utf-8").rstrip("\n")
        engines = site.estate.engines_on(site.host)
        self.senders = {
            side: Sender(site, side, passphrase, {e: source(server(e)) for e in engines}, self._told(side))
            for side in site.host.backup
        }

    def serve(self) -> None:
        """Ship for ever. Raises Failed where a thread has died, so that systemd begins anew."""
        STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        threads = [threading.Thread(target=self._side, args=(one,), daemon=True) for one in self.senders.values()]
        for thread in threads:
            thread.start()
        while all(thread.is_alive() for thread in threads):
            self._write()
            time.sleep(1)
        raise Failed("a side's thread has died", hint="journalctl -u seawall-stream")

    def _side(self, sender: Sender) -> None:
        failed, since = 0, Stopwatch()
        while True:
            good = [self._turn(sender, engine) for engine in sender.sources]
            failed = 0 if any(good) else failed + 1
            if since.seconds > RELEASE:
                since = Stopwatch()
                self._release(sender)
            time.sleep(AGAIN[min(failed, len(AGAIN)) - 1] if failed else LOOK)

    def _turn(self, sender: Sender, engine: Engine) -> bool:
        try:
            sender.turn(engine)
        except (Problem, OSError, ValueError) as fault:
            sender.leave()
            self._fault(sender, engine, fault.what if isinstance(fault, Problem) else str(fault))
            return False
        return True

    def _fault(self, sender: Sender, engine: Engine, what: str) -> None:
        """Said once, not every second."""
        if sender.sent[engine].error != what:
            self._say(f"{engine} to {sender.server.name} ({sender.side}): {what}")
            if " fenced: " in what:  # whoever was only cut off hears of it here first
                attempt(["systemctl", "start", "--no-block", "seawall-fence.service"], timeout=30)
        sender.sent[engine].error = what

    def _release(self, sender: Sender) -> None:
        """Let the server drop what both sides have. A side that never answered holds it back, up to the bound."""
        for engine, reader in sender.sources.items():
            done = [other.sent[engine].position for other in self.senders.values()]
            known = [position for position in done if position is not None]
            if len(known) == len(done):
                try:
                    reader.release(min(known, key=lambda position: position.order))
                except Problem as fault:
                    self._fault(sender, engine, fault.what)

    def _told(self, side: Side) -> Callable[[Engine, str], None]:
        def say(engine: Engine, what: str) -> None:
            self._say(f"{engine}: {what}")
            with self._lock:
                gaps.note(engine, side, what)

        return say

    def _write(self) -> None:
        """The state for whoever looks, now and then."""
        rows = [_row(sender, engine, sent) for sender in self.senders.values() for engine, sent in sender.sent.items()]
        STATUS.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(STATUS, json.dumps({"at": now().isoformat(), "rows": rows}), mode=0o600)


def _row(sender: Sender, engine: Engine, sent: Sent) -> dict[str, Any]:
    return {
        "engine": engine,
        "side": sender.side,
        "server": sender.server.name,
        "chain": sender.chain(engine),
        "position": _text(sent.position),
        "instant": sent.instant and sent.instant.isoformat(),
        "error": sent.error,
        "gaps": sent.gaps,
    }


def _text(position: Position | None) -> str | None:
    return None if position is None else str(position)


def status(at: datetime) -> list[dict[str, Any]]:
    """What the shipper of this host last said of itself, each row with its age in seconds; empty where none runs."""
    try:
        rows: list[dict[str, Any]] = json.loads(STATUS.read_text(encoding="utf-8"))["rows"]
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    for row in rows:
        instant = row["instant"] and datetime.fromisoformat(row["instant"])
        row["age_seconds"] = None if instant is None else round((at - instant).total_seconds(), 1)
    return rows
