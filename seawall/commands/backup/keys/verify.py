"""`seawall backup keys verify`: is every key in escrow, unchanged, and does it open?"""

from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from backups.escrow import export as engine
from backups.escrow.export import State
from backups.escrow.sealing import Sealed
from estate.problem import Problem, Untrusted
from inventory import load
from seawall.commands.backup.keys.export import as_document, in_words, require
from seawall.commands.backup.keys.opening import Ways, opened, shares, together, ways_options
from seawall.options import estate_option, json_option, print_json, say


@click.command(name="verify")
@ways_options
@estate_option
@json_option
def command(path: Path, ways: Ways, as_json: bool) -> None:
    """Compare every repository's key with what is sealed. Changes nothing; exit 1 where anything has to be looked at.

    With enough keys or papers the newest sealed file is opened too, and each key in it is tried with its passphrase.
    With too few, only the shares are: so that everybody can see that their own key still works.
    """
    estate = load(path)
    found = engine.state(estate, path, say)
    proven = _proven(engine.newest(path), found, ways) if ways.any else {}
    if as_json:
        print_json({**as_document(found), **proven})
    else:
        _print(found, proven)
    require(found)


def _proven(sealed: Sealed, found: State, ways: Ways) -> dict[str, Any]:
    """Whose shares opened; and which keys, where there were enough of them."""
    if not ways.by_passphrase and len(ways.keys) + len(ways.papers) < sealed.head.needed:
        return {"shares": [name for name, _, _ in shares(sealed, ways, list(ways.passphrase_files))], "opened": None}
    inside = opened(sealed, ways)
    good = [
        name
        for name, held in inside.keys.items()
        if held.key.material(engine.passphrase_of(name, inside)) == held.material
    ]
    if bad := sorted(set(inside.keys) - set(good)):
        raise Untrusted(
            f"in number {sealed.head.number} the passphrase does not open the key of {', '.join(bad)}",
            hint="seal it again: seawall backup keys export",
        )
    now = {one.name: one.held.key for one in found.judged if one.held is not None}
    if old := sorted(name for name, key in now.items() if name not in inside.keys or inside.keys[name].key != key):
        raise Problem(
            f"not in number {sealed.head.number}: {', '.join(old)}", hint="seal it: seawall backup keys export"
        )
    return {"shares": None, "opened": sorted(good)}


def _print(found: State, proven: dict[str, Any]) -> None:
    table = Table("repository", "its key", "in escrow", box=box.SIMPLE_HEAD)
    for one in found.judged:
        table.add_row(one.name, one.verdict.value, "yes" if one.held is not None and found.holds(one) else "no")
    Console().print(table)
    click.echo(in_words(found))
    if proven.get("shares") is not None:
        click.echo(f"the share of {together(proven['shares'])} opens; it takes more people to see inside")
    if proven.get("opened") is not None:
        click.echo(f"it opens, and {len(proven['opened'])} keys open with their passphrases")
