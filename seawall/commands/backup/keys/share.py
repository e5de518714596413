"""`seawall backup keys share`: one person's part, for somebody far away."""

from pathlib import Path

import click

from backups.escrow import papers
from backups.escrow.sealing import parse
from seawall.commands.backup.keys.opening import content_of, open_key, passphrase_file_option
from seawall.options import json_option, print_json


@click.command(name="share")
@click.argument("sealed_file", type=click.Path(path_type=Path), metavar="SEALED")
@click.option("--key", type=click.Path(path_type=Path), required=True, help="Your key file.")
@passphrase_file_option
@json_option
def command(sealed_file: Path, key: Path, passphrase_files: tuple[Path, ...], as_json: bool) -> None:
    """Show your share of SEALED as lines that survive a telephone. It opens this one file, with the shares of others.

    Who restores types them at: seawall backup keys restore SEALED --to DIR --paper -
    """
    sealed = parse(content_of(sealed_file))
    name, number, share = sealed.share_of(open_key(key, list(passphrase_files)))
    lines = papers.share(papers.Share(sealed.id, number, share))
    if as_json:
        print_json({"name": name, "number": sealed.head.number, "lines": lines})
    else:
        click.echo("\n".join([f"# the share of {name} of {sealed_file.name}; secret", *lines]))
