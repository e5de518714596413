"""One proof at a time: the keeper's, a drill's, one by hand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from backups import paths
from effects import files
from estate.problem import Refused

WAIT = 3600.0  # seconds; a proof that is under way ends before


@contextmanager
def alone(say: Callable[[str], None], *, wait: float = WAIT) -> Iterator[None]:
    """No other proof runs meanwhile. Who has to wait for one is told; raises Refused after `wait` seconds."""
    lock, what = paths.STATE / "proof.lock", "a proof"
    with ExitStack() as held:
        try:
            held.enter_context(files.locked(lock, what=what))
        except Refused:
            say("another proof is running here; this one comes after it")
            held.enter_context(files.locked(lock, what=what, wait=wait))
        yield
