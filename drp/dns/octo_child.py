"""A class of octoDNS at work, as a process of its own: `python -m drp.dns.octo_child`, its order on standard input."""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from drp.dns.errand import ANSWER, ORDER, Answer, Order
from drp.dns.octo_zone import Held, standing, switch
from estate.problem import BadEstate, Failed, Missing, Problem, Unreachable, Untrusted

LATER = (429, 500, 502, 503, 504)  # HTTP's status


def work(order: Order) -> Answer:
    """Raises Problem, or whatever the class does."""
    make = _class(order)

    def read() -> Held:
        """By an instance of its own: they remember what they have read."""
        try:
            provider = make(f"seawall-{order.zone}", **order.arguments)
        except TypeError as fault:
            what = f"{order.zone}: {order.class_path} does not take its settings: {fault}"
            raise BadEstate(what, hint=f'mend settings and secrets of [zones."{order.zone}"]') from None
        return Held.read(provider, order.zone, order.class_path)

    if order.changes:
        switch(read, order)
        return Answer()
    held = read()
    types = tuple(sorted(held.provider.SUPPORTS))
    return Answer(types=types, standing=standing(held, order.names))


def _class(order: Order) -> Callable[..., Any]:
    module, _, name = order.class_path.rpartition(".")
    try:
        base = import_module("octodns.provider.base").BaseProvider
        found = getattr(import_module(module), name, None)
    except ImportError as fault:
        what = f"{order.zone}: the package {order.package} of {order.class_path} is not installed here: {fault}"
        hint = f'seawall install, from the control machine; another package: package = "…" in [zones."{order.zone}"]'
        raise Missing(what, hint=hint) from None
    if not isinstance(found, type) or not issubclass(found, base):
        what = f"{order.zone}: {order.class_path} is no class of octoDNS that can change a zone"
        raise BadEstate(
            what, hint=f'mend class in [zones."{order.zone}"], as the documentation of {order.package} has it'
        )
    return found


def told(order: Order, fault: Exception) -> Problem:
    """What the class raised, for an operator."""
    kind, status = type(fault).__name__, getattr(getattr(fault, "response", None), "status_code", None)
    what = f"{order.zone}: {order.class_path}: {kind}: {fault}"
    if status in (401, 403) or any(word in kind for word in ("Auth", "Forbidden", "Credential")):
        return Untrusted(
            what, hint=f'make new keys, name them in secrets of [zones."{order.zone}"], then: seawall install'
        )
    if status in LATER or any(word in kind for word in ("RateLimit", "TooMany", "5xx")):
        return Unreachable(what, hint="run the same command again in a while")
    if isinstance(fault, OSError) and status is None:
        return Unreachable(what, hint="look at the way to it, then run the same command again")
    return Failed(what, hint="run the same command again; else switch the zone by hand where it is held")


def answered(order: Order) -> Answer:
    """All that can go wrong is part of the answer."""
    try:
        return work(order)
    except Problem as fault:
        return Answer((fault.exit_code, fault.what, fault.hint))
    except Exception as fault:  # the class is not ours
        problem = told(order, fault)
        return Answer((problem.exit_code, problem.what, problem.hint))


def main() -> None:
    """The answer alone goes to standard output, whatever the class prints."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    ours = os.dup(1)
    os.dup2(2, 1)
    said = ANSWER.dump_json(answered(ORDER.validate_json(sys.stdin.buffer.read())))
    with os.fdopen(ours, "wb") as stream:
        stream.write(said)


if __name__ == "__main__":
    main()
