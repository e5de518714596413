"""What is typed about an order, and what becomes of it: one that people signed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from drp.drive import Hand
from drp.orders import NAMESPACE, Signed
from effects import signatures
from estate.model import Estate
from estate.orders import Aim
from estate.problem import BadEstate, Failed, Refused, Untrusted
from seawall.options import print_json

F = TypeVar("F", bound=Callable[..., Any])
HOURS = 4.0  # that an order is valid for
KEY = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants it, with which key, or the file with an order that was signed before."""

    by: str | None
    key: Path | None
    file: Path | None
    reason: str = ""


def wish_options(function: F) -> F:
    """`--by`, `--key`, `--order` and `--break-glass`, passed on as they are."""
    by = click.option("--by", metavar="NAME", help="Who orders it; one of the estate's approvers.")
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
    approver(estate, _asking(wish, estate))  # before anything is drafted, and noted, for nobody
    text = asked(twin, aim, seal, _asking(wish, estate), reason=wish.reason)
    if text is None:
        return None
    return signed_by(estate, Signed(text), _asking(wish, estate), wish.key)


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
    """An order with the signatures that lie beside it, as FILE.NAME.sig."""
    found = Signed(path.read_text(encoding="utf-8"))
    for name in estate.drp.approvers:
        if (beside := beside_of(path, name)).exists():
            found = found.with_signature(name, beside.read_text(encoding="utf-8"))
    return found


def beside_of(path: Path, name: str) -> Path:
    """Where the signature of that person lies."""
    return path.with_name(f"{path.name}.{name}.sig")


def _asking(wish: Wish, estate: Estate) -> str:
    if wish.by is None:
        raise BadEstate("who orders it?", hint=f"--by NAME, one of: {', '.join(estate.drp.approvers)}; or --order FILE")
    return wish.by


def end(closed: dict[str, Any], as_json: bool) -> None:
    """Say how a job ended. Raises Failed where not all of it holds."""
    if as_json:
        print_json(closed)
    if not closed["ok"]:
        raise Failed(
            "not all of it holds: " + ", ".join(closed["failed"]),
            hint="look at the errors above, mend them, and run the same command again",
        )
