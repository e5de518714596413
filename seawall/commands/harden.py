"""`seawall harden`: every host of the estate, or those named; counted, confirmed, or rolled back by the host."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from effects import secrets
from effects.clock import Stopwatch
from estate.model import Estate, Host
from estate.problem import BadEstate, Refused
from inventory import load, words
from inventory.data import HostData, host_data
from playbooks.drive import Outcome, check, drive
from seawall.deploying import Progress, report
from seawall.options import estate_option, json_option


@click.command("harden", short_help="make hosts safe; confirmed, or rolled back by the host itself")
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where ssh is found now, if its port was changed.")
@click.option("--remove", metavar="DOMAIN", multiple=True, help="Take this vhost from HOST, after a proven copy.")
@json_option
@estate_option
def command(
    names: tuple[str, ...], *, dry_run: bool, port: int | None, remove: tuple[str, ...], as_json: bool, path: Path
) -> None:
    """Make every HOST safe, or all hosts of the estate. A second run changes nothing.

    A vhost that the estate has no more is named and left as it is, until somebody asks for its removal.
    """
    estate = load(path)
    wanted = chosen(estate, names)
    require_removable(estate, wanted if names else [], remove)
    hosts: list[HostData] = [
        with_passphrases(host_data(estate, host, port=port), estate, path) | {"remove": list(remove)}  # type: ignore[misc]
        for host in wanted
    ]
    watch, progress = Stopwatch(), Progress([data["name"] for data in hosts])
    outcomes: dict[str, Outcome] = {}
    deploys = ["removal", "harden"] if remove else ["harden"]
    with progress:
        for wave in waves(hosts) or [hosts]:
            outcomes |= drive(wave, deploys, dry_run=dry_run, on_event=progress.see)
    report(outcomes, watch.seconds, as_json=as_json, dry_run=dry_run)
    check(outcomes)


def require_removable(estate: Estate, hosts: Sequence[Host], domains: Iterable[str]) -> None:
    """Raise BadEstate for a domain that is none, or where no host is named; Refused for a vhost of the estate."""
    for domain in domains:
        try:
            words.domain(domain)
        except ValueError as fault:
            raise BadEstate(f"--remove: {fault}", hint="copy the domain from what seawall harden said") from None
        if not hosts:
            raise BadEstate(f"where is {domain} to be removed?", hint=f"seawall harden HOST --remove {domain}")
        for host in hosts:
            if domain in (vhost.domain for vhost in estate.vhosts_on(host)):
                raise Refused(
                    f"{domain} is a vhost of {host.name} in the estate",
                    hint=f'take [vhosts."{domain}"] out of the estate first, then run the same command again',
                )


def with_passphrases(data: HostData, estate: Estate, path: Path) -> HostData:
    """What a key server hands out. Raises as `secrets.resolve` where one is not there."""
    kept = {volume["name"]: estate.hosts[volume["name"]].encryption for volume in data["volumes"]}
    values = {name: secrets.resolve(it.passphrase, base=path.resolve().parent) for name, it in kept.items() if it}
    return {**data, "passphrases": values}


def waves(hosts: Sequence[HostData]) -> list[list[HostData]]:
    """Key servers before those that ask them; otherwise all at once."""
    asked = {data["encryption"]["server"] for data in hosts if data["encryption"] is not None}
    first = [data for data in hosts if data["name"] in asked]
    return [wave for wave in (first, [data for data in hosts if data not in first]) if wave]


def chosen(estate: Estate, names: Iterable[str]) -> list[Host]:
    """The hosts called `names`, each once, or all. Raises BadEstate for a name the estate does not have."""
    found = []
    for name in dict.fromkeys(names) or estate.hosts:
        if name not in estate.hosts:
            close = get_close_matches(name, estate.hosts, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise BadEstate(f"no host is called {name!r}{meant}", hint=f"the estate has: {', '.join(estate.hosts)}")
        found.append(estate.hosts[name])
    return found
