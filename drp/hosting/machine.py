"""What can be asked of the company that runs a host."""

from collections.abc import Callable
from typing import Protocol

from effects.clock import wait_until
from estate.problem import Failed

LIMIT = 900.0  # seconds that a company has to do what it took on; a hard reboot takes minutes
EVERY = 5.0  # seconds between two looks

Wait = Callable[[Callable[[], bool], str], None]


class Machine(Protocol):
    """One host. All may be asked again after any failure, and after death. Raises as `effects.ovh.Api.ask`."""

    def stopped(self) -> str | None:
        """Evidence that what is on its disks does not run, and does not start by itself; None where it may."""

    def stop(self) -> None:
        """Make it so, and wait until it is."""

    def running(self) -> str | None:
        """Evidence that it was let boot from its disks; None where it was not."""

    def start(self) -> None:
        """Make it so, and wait until it is."""


def patiently(done: Callable[[], bool], what: str) -> None:
    """Wait for the company. Raises Failed after LIMIT."""
    late = Failed(
        f"{what}: OVH has not done it within {LIMIT / 60:.0f} minutes",
        hint="look at it in OVH's web interface, then run the same command again",
    )
    wait_until(done, timeout=LIMIT, late=late, every=EVERY)


def once(done: Callable[[], bool], what: str) -> None:
    """Look, and do not wait: who asks again later finds it done."""
    done()
