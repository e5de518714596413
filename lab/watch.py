"""Looking from outside while something happens: when did a visitor first find each site again?"""

import threading
import time
from datetime import datetime
from types import TracebackType
from typing import Self

from effects.clock import now
from estate.model import Estate
from lab import visitor
from lab.lab import Lab
from lab.layout import SITES

PAUSE = 0.25  # seconds between two visits to one site
PATIENCE = 30.0  # seconds for the last visitor to find what others have found already


class Watch:
    """One visitor per site, asking again and again until it is served from somewhere else than before."""

    def __init__(self, lab: Lab, estate: Estate) -> None:
        self.first: dict[str, datetime] = {}  # domain: the first good answer, as a visitor got it
        self._lab, self._estate = lab, estate
        self._over = threading.Event()
        self._visitors = [threading.Thread(target=self._ask, args=(domain,), daemon=True) for domain in SITES]

    def __enter__(self) -> Self:
        for one in self._visitors:
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A visitor who is on his way is waited for, unless something went wrong."""
        end = time.monotonic() + (PATIENCE if kind is None else 0)
        for one in self._visitors:
            one.join(max(0.0, end - time.monotonic()))
        self._over.set()
        for one in self._visitors:
            one.join()

    def _ask(self, domain: str) -> None:
        expect = self._estate.vhosts[domain].check.expect
        while not self._over.is_set():
            if visitor.served(self._lab, domain, expect):
                self.first[domain] = now()
                return
            self._over.wait(PAUSE)
