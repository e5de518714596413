"""`seawall backup keys paper`: a page to print, and to lay into a safe."""

from pathlib import Path

import click

from backups.escrow import contents, papers, people
from backups.escrow.holders import ON_A_BACKUP_SERVER
from backups.escrow.memory import Memory
from effects.clock import now
from estate.problem import Missing
from inventory import load
from seawall.commands.backup.keys.opening import a_passphrase, content_of, passphrase_file_option
from seawall.options import estate_option, json_option, print_json
from templates import render


@click.command(name="paper")
@click.argument("key", type=click.Path(path_type=Path))
@click.option("--open", "is_open", is_flag=True, help="Needs no passphrase: whoever has the paper has the key.")
@passphrase_file_option
@estate_option
@json_option
def command(key: Path, is_open: bool, passphrase_files: tuple[Path, ...], path: Path, as_json: bool) -> None:
    """Show KEY, a person's key file, as a page to print: seawall backup keys paper alice.key | lp

    The paper opens with the passphrase of the key file. With --open it needs none: for a safe, where it takes several
    people anyway. It never ages as long as the key stands in [escrow].
    """
    estate, content = load(path), content_of(key)
    name, public = people.public_of(content)
    passphrase = a_passphrase(f"the passphrase of {key}", list(passphrase_files))
    private = people.open_key_file(content, passphrase)
    signer = _signer(path)
    lines = papers.key(private, signer) if is_open else papers.sealed_key(private, signer, passphrase)
    if as_json:
        print_json({"name": name, "public": public, "lines": lines})
        return
    click.echo(
        render(
            "keys-paper.txt.j2",
            person=name,
            public=public,
            lines=lines,
            is_open=is_open,
            estate=estate.name,
            escrow=estate.escrow,
            day=f"{now():%Y-%m-%d}",
            servers=contents.servers(estate),
            folder=str(ON_A_BACKUP_SERVER),
            named=estate.escrow.recipients.get(name) == public,
            signer=signer and papers.code(signer),
        ),
        nl=False,
    )


def _signer(path: Path) -> bytes | None:
    """Of the newest sealed file beside the estate file; a paper from before the first one knows none."""
    try:
        return Memory(path.resolve().parent).newest().signer
    except Missing:
        return None
