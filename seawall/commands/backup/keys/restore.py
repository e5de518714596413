"""`seawall backup keys restore`: from a sealed file and its people to what a control machine starts from."""

from pathlib import Path

import click

from backups.escrow import contents, papers
from backups.escrow.sealing import Sealed, parse
from effects import files
from estate.escrow import MEMORY
from estate.problem import BadEstate, Refused
from seawall.commands.backup.keys.opening import Ways, content_of, opened, ways_options
from seawall.options import json_option, print_json


@click.command(name="restore")
@click.argument("sealed_file", type=click.Path(path_type=Path), metavar="SEALED")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A new directory, or one where nothing differs.",
)
@click.option("--dry-run", is_flag=True, help="Open it, and say what would be written.")
@ways_options
@json_option
def command(
    sealed_file: Path,
    folder: Path,
    dry_run: bool,
    ways: Ways,
    as_json: bool,
) -> None:
    """Open SEALED with keys or papers, and write the estate file, secrets and keys below DIR. Overwrites nothing."""
    sealed = parse(content_of(sealed_file))
    if not ways.any:
        raise BadEstate(
            f"nothing was named to open it with: {_wanted(sealed)}", hint="--key, --paper or --with-passphrase"
        )
    inside = opened(sealed, ways)
    wanted = contents.directory(inside, f"{sealed.head.made:%Y-%m-%d %H:%M} UTC")
    new = _new(folder, wanted)
    if not dry_run:
        _write(folder, {name: wanted[name] for name in new}, sealed_file)
    if as_json:
        print_json(
            {"estate": inside.estate, "number": sealed.head.number, "written": [] if dry_run else new, "new": new}
        )
        return
    for name in new:
        click.echo(f"{folder / name}")
    click.echo(f"sealed by {papers.code(sealed.signer)}: compare that with a paper before you trust it", err=True)
    said = "would be written" if dry_run else "written"
    click.echo(
        f"{len(new)} files {said}, {len(wanted) - len(new)} were there already; read {folder / contents.LETTER}",
        err=True,
    )


def _wanted(sealed: Sealed) -> str:
    head = sealed.head
    return f"it takes {head.needed} of {', '.join(head.recipients)}" if head.recipients else "it takes the passphrase"


def _new(folder: Path, wanted: dict[str, str]) -> list[str]:
    """What is not there yet. Raises Refused where something else is in its place."""
    there = {name: folder / name for name in wanted if (folder / name).exists() or (folder / name).is_symlink()}
    differing = [str(path) for name, path in there.items() if not path.is_file() or content_of(path) != wanted[name]]
    if differing:
        raise Refused(
            f"{len(differing)} files there are not as sealed, and not overwritten: {', '.join(differing[:3])}",
            hint="name a new directory with --to, and compare: diff -r",
        )
    return sorted(set(wanted) - set(there))


def _write(folder: Path, wanted: dict[str, str], sealed_file: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {**wanted, f"{MEMORY}/{sealed_file.name}": content_of(sealed_file)}
    for name, content in sorted(wanted.items()):
        for parent in reversed(Path(name).parents):
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        files.write(folder / name, content, mode=0o600)
