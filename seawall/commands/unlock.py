"""`seawall unlock`: the way to a host's encrypted data when its key server cannot be reached."""

from pathlib import Path

import click

from effects import secrets
from effects.remote import Remote
from estate.problem import BadEstate, Failed, Untrusted
from inventory import load
from playbooks.encryption import TOOL
from seawall.commands.harden import chosen
from seawall.options import estate_option, json_option, print_json

PATIENCE = 240.0  # seconds: opening takes one, and the databases start after it
REFUSED = 3  # the tool's exit code for a passphrase that does not fit


@click.command("unlock", short_help="open the encrypted data of a host whose key server can't be reached")
@click.argument("name", metavar="HOST")
@json_option
@estate_option
def command(name: str, *, as_json: bool, path: Path) -> None:
    """Send HOST its passphrase over ssh, wait until its data is open and its services run. Safe to repeat."""
    estate = load(path)
    (host,) = chosen(estate, [name])
    if host.encryption is None:
        raise BadEstate(f"{name} keeps its data unencrypted", hint=f"see encryption under [hosts.{name}] in the estate")
    passphrase = secrets.resolve(host.encryption.passphrase, base=path.resolve().parent)
    click.echo(f"{name}: opening its data, then starting its services", err=True)
    with Remote(host, estate.control) as remote:
        done = remote.attempt([TOOL, "unlock"], timeout=PATIENCE, stdin=f"{passphrase}\n")
    if done.code == REFUSED:
        raise Untrusted(
            f"{name}: the passphrase that is kept here does not open its data; nothing was changed: {done.said}",
            hint=f"look at encryption under [hosts.{name}]: is there an older one, or a copy in your safe?",
        )
    if not done.ok:
        raise Failed(
            f"{name}: {done.said}", hint=f"look at the host: journalctl -u seawall-encryption, then {TOOL} owed"
        )
    if as_json:
        print_json({"host": name, "open": True})
    else:
        click.echo(f"{name}: its data is open")
