"""A dedicated server: told to boot the rescue system, and reset. Its disks stay as they are, and start nothing.

The order is: remember, choose what to boot, reset. Whoever presses its button meanwhile gets the rescue system as well.
A reset that was asked for is known by its number, higher than any before; so a lost answer, or a death, leads to no
second one.

Sources: the schema at https://eu.api.ovh.com/v1/dedicated/server.json. Tasks that are done may be purged there
(https://github.com/ovh/terraform-provider-ovh, dedicated_server_reboot_task), so what was seen done is remembered here.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from drp.hosting.machine import Wait, patiently
from effects import files
from effects.ovh import Api, Gone
from effects.rest import Later
from estate.problem import Failed, Missing

OVER = ("cancelled", "customerError", "ovhError")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for last."""

    into: int  # what it shall boot
    home: int  # what it booted before it was stopped
    after: int | None = None  # the number of the last reset before ours; None: it may not have been told what to boot
    reset: int | None = None  # the number of ours, once it was done


@dataclass(frozen=True, slots=True)
class Server:
    """`service`, as OVH calls it."""

    api: Api
    service: str
    kept: Path
    wait: Wait = patiently

    def stopped(self) -> str | None:
        """As `Machine.stopped`."""
        return self._booted(self._boots("rescue"), "the rescue system")

    def running(self) -> str | None:
        """As `Machine.running`. Where nobody stopped it from here, what it is told to boot is all that is known."""
        rescue = self._boots("rescue")
        if self._asked() is None and self._chosen() not in rescue:
            return "it was not stopped"
        return self._booted([boot for boot in [self._home()] if boot not in rescue], "its own disks")

    def stop(self) -> None:
        """As `Machine.stop`."""
        if not (rescue := self._boots("rescue")):
            raise Missing(f"OVH has no rescue system for {self.service}", hint="stop it in OVH's web interface")
        chosen = self._chosen()
        self._into(chosen if chosen in rescue else rescue[0], self._home(), chosen)

    def start(self) -> None:
        """As `Machine.start`."""
        if self.running() is None:
            home = self._home()
            if home in self._boots("rescue"):
                raise Missing(f"OVH names no disk to boot for {self.service}", hint="start it in OVH's web interface")
            self._into(home, home, self._chosen())

    def _into(self, boot: int, home: int, chosen: int) -> None:
        asked = self._asked()
        if asked is None or asked.into != boot or (asked.after is not None and chosen != boot):
            asked = self._note(Asked(boot, home))
        if asked.after is None:
            self.api.ask("PUT", self._path, {"bootId": boot})
            asked = self._note(replace(asked, after=max(self._resets(), default=0)))
        self._reset(asked)

    def _reset(self, asked: Asked) -> None:
        if asked.reset is not None:
            return
        after = asked.after or 0
        if not self._ours(after):
            try:
                self.api.ask("POST", f"{self._path}/reboot", again=False)
            except Later:
                if not self._ours(after):  # nobody heard it
                    self.api.ask("POST", f"{self._path}/reboot", again=False)
        self.wait(lambda: self._done(asked), f"{self.service} is not reset")

    def _done(self, asked: Asked) -> bool:
        """Whether a reset of ours was done. Raises Failed where it came to nothing: the next one is asked for anew."""
        ours = self._ours(asked.after or 0)
        states = {number: self._status(number) for number in ours}
        # One that is known no more was done: those that came to nothing are kept.
        if found := [number for number, status in states.items() if status in ("done", None)]:
            self._note(replace(asked, reset=max(found)))
            return True
        if ours and all(status in OVER for status in states.values()):
            self._note(replace(asked, after=max(ours)))
            raise Failed(
                f"OVH has not reset {self.service}: task {max(ours)} is {states[max(ours)]}",
                hint="look at it in OVH's web interface, then run the same command again",
            )
        return False

    def _booted(self, boots: Sequence[int], what: str) -> str | None:
        asked = self._asked()
        if asked is None or asked.reset is None or asked.into not in boots or self._chosen() != asked.into:
            return None
        return f"{self.service} boots {what} since OVH's task {asked.reset}"

    def _home(self) -> int:
        """What it boots when it is not stopped."""
        rescue, asked, chosen = self._boots("rescue"), self._asked(), self._chosen()
        known = [boot for boot in (chosen, asked.home if asked else chosen) if boot not in rescue]
        return known[0] if known else next(iter(self._boots("harddisk")), chosen)

    def _asked(self) -> Asked | None:
        try:
            return Asked(**json.loads(self.kept.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _note(self, asked: Asked) -> Asked:
        self.kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self.kept, json.dumps(asdict(asked)), mode=0o600)
        return asked

    def _chosen(self) -> int:
        said = self._read(self._path)
        if not isinstance(said, dict) or not isinstance(said.get("bootId"), int):
            raise Failed(f"OVH's answer to GET {self._path} has no bootId", hint="stop it in OVH's web interface")
        return int(said["bootId"])

    def _boots(self, kind: str) -> list[int]:
        return self._numbers(f"{self._path}/boot?bootType={kind}")

    def _resets(self) -> list[int]:
        return self._numbers(f"{self._path}/task?function=hardReboot")

    def _ours(self, after: int) -> list[int]:
        return [number for number in self._resets() if number > after]

    def _status(self, number: int) -> str | None:
        try:
            said = self._read(f"{self._path}/task/{number}")
        except Gone:
            return None
        return str(said.get("status")) if isinstance(said, dict) else ""

    def _numbers(self, path: str) -> list[int]:
        said = self._read(path)
        return sorted(int(one) for one in said) if isinstance(said, list) else []

    def _read(self, path: str) -> Any:
        return self.api.ask("GET", path).json

    @property
    def _path(self) -> str:
        return f"/dedicated/server/{self.service}"
