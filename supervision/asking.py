"""Programs of `effects.onhost` sent to many hosts at once; a host that does not answer is unknown, never well."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from effects.onhost import text
from effects.remote import Remote
from estate.model import Control, Host
from estate.problem import Failed, Problem

T = TypeVar("T")
AT_ONCE = 16  # hosts
LIMIT = 180.0  # seconds for one program


def everywhere(hosts: Sequence[Host], act: Callable[[Host], T]) -> dict[str, T | Problem]:
    """`act` for every host, in the order of `hosts`; the Problem where there was one, or the answer made no sense."""

    def one(host: Host) -> T | Problem:
        try:
            return act(host)
        except Problem as fault:
            return fault
        except (AttributeError, LookupError, TypeError, ValueError) as fault:  # whoever is root there chose the answer
            hint = "look at that host; it does not answer as one of ours"
            return Failed(f"{host.name}: its answer makes no sense ({type(fault).__name__}: {fault})", hint=hint)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((host.name for host in hosts), pool.map(one, hosts), strict=True))


def ask(
    remote: Remote, program: str, question: Mapping[str, Any] | None = None, *, limit: float = LIMIT
) -> dict[str, Any]:
    """What `look` of that program answers there. It travels on standard input, and nothing is left on the host.

    Raises Failed where the answer can't be read, and as `Remote`.
    """
    call = f"import json\nprint(json.dumps(look(json.loads({json.dumps(question or {})!r}))))"
    said = remote.run(["python3", "-"], timeout=limit, stdin=f"{text(program)}\n{call}\n")
    try:
        return dict(json.loads(said))
    except (TypeError, ValueError):
        raise Failed(
            f"{remote.host.name}: its answer can't be read: {said[:200]}", hint="run the same command again"
        ) from None


def asked(control: Control, host: Host, program: str, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As `ask`, over a connection of its own."""
    with Remote(host, control) as remote:
        return ask(remote, program, question)
