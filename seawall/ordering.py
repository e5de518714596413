"""What is typed about an order, and what becomes of it: one that people signed."""

from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, TypeVar

import click

from drp.drive import Hand
from drp.orders import NAMESPACE, Signed, read
from effects import signatures
from estate.model import Estate
from estate.orders import Aim
from estate.problem import BadEstate, Failed, Refused, Untrusted
from seawall.options import print_json, say

F = TypeVar("F", bound=Callable[..., Any])
HOURS = 4.0  # that an order is valid for
KEY = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants it, with which key, or the file with an order that was signed before."""

    by: str  # nobody, where it is empty: what was begun goes on without an order
    key: Path | None
    file: Path | None
    reason: str = ""


def wish_options(function: F) -> F:
    """`--by`, `--key`, `--order` and `--break-glass`, passed on as they are."""
    by = click.option(
        "--by", default="", metavar="NAME", help="Who orders it, of the estate's approvers; not to go on."
    )
    key = click.option("--key", type=KEY, help="Their private ssh key, where it is not in ~/.ssh or in an agent.")
    file = click.option("--order", "file", type=KEY, help="An order that was signed already, instead of --by.")
    glass = click.option(
        "--break-glass", "reason", default="", metavar="WHY", help="With fewer signatures than the estate demands."
    )
    return by(key(file(glass(function))))


def ordered(twin: Hand, estate: Estate, aim: Aim, seal: str, wish: Wish) -> Signed | None:
    """The order, signed; None where what is wanted was begun and just goes on. Raises as `signed_by`."""
    if wish.file is not None:
        return from_file(estate, wish.file)
    if wish.by:
        approver(estate, wish.by)  # before anything is drafted, and noted, for nobody
    text = asked(twin, aim, seal, wish.by, reason=wish.reason)
    return None if text is None else signed_by(estate, Signed(text), wish.by, wish.key)


def asked(twin: Hand, aim: Aim, seal: str, by: str, *, hours: float = HOURS, reason: str = "") -> str | None:
    """The text that people sign, as the twin drafts it; None where the job was begun and needs no order."""
    answer = twin.ask("order", aim, f"--seal={seal}", f"--by={by}", f"--hours={hours:g}", f"--reason={reason}")
    text: str | None = answer.get("order")
    return text


def signed_by(estate: Estate, signed: Signed, name: str, key: Path | None) -> Signed:
    """With the signature of `name`. Raises Refused where they may not sign, Untrusted where the key is not theirs."""
    keys = approver(estate, name)
    signature = signatures.sign(signed.text, keys, NAMESPACE, key=key)
    if not signatures.valid(signed.text, signature, keys, NAMESPACE):
        raise Untrusted(
            f"{key} is not the key that the estate has for {name}",
            hint="sign with the key whose public half stands in [drp.approvers]",
        )
    return signed.with_signature(name, signature)


def approver(estate: Estate, name: str) -> tuple[str, ...]:
    """The keys of somebody who may sign. Raises Refused where they may not."""
    if (keys := estate.drp.approvers.get(name)) is None:
        raise Refused(
            f"{name} may not sign an order",
            hint=f"ask one of: {', '.join(estate.drp.approvers)} ([drp.approvers] in the estate)",
        )
    return keys


def from_file(estate: Estate, path: Path) -> Signed:
    """An order with the signatures that lie beside it, as FILE.NAME.sig. Raises BadEstate where the file holds none."""
    try:
        found = Signed(path.read_text(encoding="utf-8"))
        read(found.text)
    except (BadEstate, OSError, UnicodeDecodeError) as fault:
        said = fault.what if isinstance(fault, BadEstate) else str(fault)
        raise BadEstate(f"{path}: {said}", hint="name the file that seawall drp order wrote") from None
    named = {beside_of(path, name): name for name in estate.drp.approvers}
    for beside in sorted(path.parent.glob(f"{escape(path.name)}*.sig")):
        if beside in named:
            found = found.with_signature(named[beside], beside.read_text(encoding="utf-8"))
        else:
            say(f"{beside} does not count: it is not called {path.name}.NAME.sig after an approver of the estate")
    return found


def beside_of(path: Path, name: str) -> Path:
    """Where the signature of that person lies."""
    return path.with_name(f"{path.name}.{name}.sig")


def end(closed: dict[str, Any], as_json: bool) -> None:
    """Say how a job ended. Raises Failed where not all of it holds."""
    if as_json:
        print_json(closed)
    if not closed["ok"]:
        raise Failed(
            "not all of it holds: " + ", ".join(closed["failed"]),
            hint="look at the errors above, mend them, and run the same command again",
        )
