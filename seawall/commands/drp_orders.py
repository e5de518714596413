"""`seawall drp order` and `sign`: an order as a file, for people who are not at this machine."""

from pathlib import Path

import click

from drp import drive
from drp.orders import Signed
from effects import files
from effects.clock import now
from estate.orders import Aim, Order, lacking
from estate.problem import BadEstate, Refused
from inventory import load
from seawall import show
from seawall.options import estate_option
from seawall.ordering import HOURS, KEY, asked, beside_of, from_file, signed_by


@click.command()
@estate_option
@click.option("--seal", default="", help="Of the plan you looked at; at least 12 digits of it.")
@click.option("--return", "back", is_flag=True, help="Order the way back to production, instead of a plan's seal.")
@click.option("--cancel", is_flag=True, help="Order that an activation which has switched no name is cancelled.")
@click.option("--by", required=True, metavar="NAME", help="Who asks for it.")
@click.option("--hours", type=click.FloatRange(0.1, 24), default=HOURS, show_default=True, help="How long it is valid.")
@click.option("--break-glass", "reason", default="", metavar="WHY", help="With fewer signatures than are demanded.")
@click.option("--file", "into", type=click.Path(path_type=Path), help="Where to write it; by default order-SEAL.json")
def order(
    path: Path, seal: str, back: bool, cancel: bool, by: str, hours: float, reason: str, into: Path | None
) -> None:
    """Write an order for people to sign. It does nothing until enough of them have."""
    estate = load(path)
    if (seal != "") + back + cancel != 1:
        raise BadEstate("what is ordered is not said", hint="type one of: --seal SEAL, --return, --cancel")
    aim: Aim = "cancel" if cancel else "return" if back else "activate"
    with drive.Hand(estate, drive.twin(estate)) as twin:
        text = asked(twin, aim, seal, by, hours=hours, reason=reason)
    if text is None:
        again = f"activate --seal {seal}" if aim == "activate" else f"{aim} --yes"
        raise Refused("that was begun already and needs no further order", hint=f"it goes on with: seawall drp {again}")
    wanted = Signed(text).order
    into = into or Path(f"order-{wanted.seal[:12]}.json")
    if into.exists():
        raise Refused(
            f"{into} is there already, and may have been signed",
            hint=f"sign that one: seawall drp sign {into} --by NAME; or write another: --file FILE",
        )
    files.write(into, text, mode=0o644)
    show.order(wanted)
    click.echo(f"written: {into}; now each signs it: seawall drp sign {into} --by NAME, or, wherever their key is:")
    click.echo(f"  ssh-keygen -Y sign -n order@seawall -f KEY {into}    and its .sig becomes {into}.NAME.sig")


@click.command()
@estate_option
@click.argument("file", type=KEY)
@click.option("--by", required=True, metavar="NAME", help="Who signs; one of the estate's approvers.")
@click.option("--key", type=KEY, help="Their private ssh key, where it is not in ~/.ssh or in an agent.")
def sign(path: Path, file: Path, by: str, key: Path | None) -> None:
    """Read an order, and sign it. Nothing is begun."""
    estate = load(path)
    wanted = from_file(estate, file)
    show.order(wanted.order)
    if wanted.order.until < now():
        raise Refused("the order is over: nobody would carry it out", hint="write a new one with: seawall drp order")
    signed = signed_by(estate, wanted, by, key)
    files.write(beside_of(file, by), signed.signatures[by], mode=0o644)
    missing = lacking(estate.drp, signed.order, signed.signatures)
    click.echo(f"signed by {', '.join(signed.signatures)}; {missing or _next(signed.order, file)}")


def _next(wanted: Order, file: Path) -> str:
    return f"carry it out: seawall drp {wanted.aim} --order {file}" + (" --yes" if wanted.aim != "activate" else "")
