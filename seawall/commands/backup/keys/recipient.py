"""`seawall backup keys recipient`: whom keys are sealed to."""

from pathlib import Path

import click

from backups.escrow import people
from effects import files
from estate.problem import BadEstate, Refused
from inventory import words
from seawall.commands.backup.keys.opening import a_passphrase, content_of, passphrase_file_option
from seawall.options import json_option, print_json


@click.command(name="recipient")
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Where NAME.key goes; default: here.",
)
@click.option("--show", is_flag=True, help="Make nothing; show the public key that NAME.key has.")
@passphrase_file_option
@json_option
def command(name: str, folder: Path, show: bool, passphrase_files: tuple[Path, ...], as_json: bool) -> None:
    """Make NAME.key, sealed with a passphrase, and show its public key for [escrow]. Each person does this alone."""
    try:
        words.person(name)
    except ValueError as fault:
        raise BadEstate(str(fault), hint="type it as in [escrow]: alice") from None
    path = folder / f"{name}.key"
    public = people.public_of(content_of(path))[1] if show else _made(name, path, passphrase_files)
    if as_json:
        print_json({"name": name, "public": public, "file": str(path)})
        return
    click.echo(f'[escrow]\nrecipients.{name} = "{public}"')
    if not show:
        click.echo(f"{path} is yours alone; now print it: seawall backup keys paper {path}", err=True)


def _made(name: str, path: Path, passphrase_files: tuple[Path, ...]) -> str:
    if path.exists() or path.is_symlink():
        raise Refused(
            f"{path} is there already, and what was sealed to it would be lost",
            hint=f"see its public key: seawall backup keys recipient {name} --show; or use another place: --to DIR",
        )
    private = people.Private.made()
    passphrase = a_passphrase(f"a new passphrase for {path}", list(passphrase_files), new=True)
    files.write(path, people.key_file(name, private, passphrase), mode=0o600)
    return private.public
