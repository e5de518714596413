"""A VPS, or an instance of the public cloud: a virtual machine that is stopped, and stays so until it is started.

Sources: the schemas of /vps and /cloud at https://eu.api.ovh.com/v1/. While another task runs on it, one refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drp.hosting.machine import Wait, patiently
from effects.ovh import Api
from effects.rest import Later
from estate.problem import Failed


@dataclass(frozen=True, slots=True)
class Cloud:
    """The machine at `where` of the API, whose `field` says how it is."""

    api: Api
    where: str
    field: str
    off: tuple[str, ...]
    on: str
    wait: Wait = patiently

    def stopped(self) -> str | None:
        """As `Machine.stopped`."""
        now = self._state()
        return f"OVH says {now}" if now in self.off else None

    def running(self) -> str | None:
        """As `Machine.running`."""
        now = self._state()
        return f"OVH says {now}" if now == self.on else None

    def stop(self) -> None:
        """As `Machine.stop`."""
        self._reach(self.stopped, "stop")

    def start(self) -> None:
        """As `Machine.start`."""
        self._reach(self.running, "start")

    def _reach(self, reached: Callable[[], str | None], verb: str) -> None:
        if reached() is None:
            if not self._moves():
                self._tell(verb, reached)
            self.wait(lambda: reached() is not None, f"{self.where} does not {verb}")

    def _tell(self, verb: str, reached: Callable[[], str | None]) -> None:
        """Told twice where the first time may not have been heard; a machine that is on its way already refuses."""
        for last in (False, True):
            try:
                self.api.ask("POST", f"{self.where}/{verb}", again=False)
            except (Later, Failed):
                if self._moves() or reached() is not None:
                    return
                if last:
                    raise
            else:
                return

    def _moves(self) -> bool:
        return self._state() not in (*self.off, self.on)

    def _state(self) -> str:
        said = self.api.ask("GET", self.where).json
        found = said.get(self.field) if isinstance(said, dict) else None
        if not isinstance(found, str):
            raise Failed(
                f"OVH's answer to GET {self.where} has no {self.field}", hint="stop it by hand in OVH's web interface"
            )
        return found
