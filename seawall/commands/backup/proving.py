"""`seawall backup prove | proofs | accept`: on a twin, whether what was saved comes up, and the evidence of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
from pydantic import TypeAdapter

from backups.proof import accepted, record
from backups.proof import prove as proving
from backups.proof.alone import alone
from backups.proof.record import Proof
from backups.site import Site
from effects.clock import now
from effects.run import attempt
from estate.model import Host, Role
from estate.points import Archive, kinds_on
from estate.problem import Refused, Unmet
from seawall.options import by_option, json_option, print_json

AGAIN = timedelta(hours=1)  # before what could not be looked at is tried again
EVERY = timedelta(minutes=5)  # between two looks for a new recovery point
SOON = 60.0  # seconds that the keeper waits for somebody else's: it has other things to do
BUSY = (
    "seawall-drp@*.service",
    "seawall-backup.service",
)  # while a twin serves, nothing is hydrated over what it may need
_PROOF = TypeAdapter(Proof)


def _client(site: Site) -> Host:
    if site.host.role is not Role.DRP:
        raise Refused(
            f"{site.host.name} is no DRP host: what it saved is proven where it would come up",
            hint=f"on {site.partner.name}: seawall backup prove",
        )
    return site.partner


def turn(site: Site) -> None:
    """Prove the newest recovery point, unless that was done, or this host has more urgent things to do."""
    client = _client(site)
    if attempt(["systemctl", "is-active", "--quiet", *BUSY], timeout=30).ok:
        return
    archives, _ = proving.wanted(site, client)
    if len(archives) < len(kinds_on(site.estate, client)):
        return  # the first of some kind is still on its way, or its side does not answer: the status says which
    if any(one.is_about(archives) and _settled(one) for one in record.proofs(client.name)):
        return
    with alone(_say, wait=SOON):
        proof = _prove(site, client)
    _report(proof)


def _settled(proof: Proof) -> bool:
    """Whether all was looked at; what could not be is tried again, and not at once."""
    return not proof.unseen or proof.at > now() - AGAIN


def _prove(site: Site, client: Host, *, anew: bool = True) -> Proof:
    """Of the newest recovery point; unless `anew`, the last one there is, where somebody had it made meanwhile."""
    archives, faults = proving.wanted(site, client)
    if not anew and (known := _known(client, archives)):
        return known
    for fault in faults:
        _say(fault.what)
    return proving.Proving(site, client, archives, _say).run()


def _known(client: Host, archives: Sequence[Archive]) -> Proof | None:
    """The last proof of them."""
    return next((one for one in reversed(record.proofs(client.name)) if one.is_about(archives)), None)


def _say(line: str) -> None:
    click.echo(f"  {line}", err=True)


@click.command()
@click.option("--now", "at_once", is_flag=True, help="Also where the newest recovery point was looked at already.")
@json_option
def prove(at_once: bool, as_json: bool) -> None:
    """Bring the newest recovery point up in a closed room of this twin; keep the evidence. Exit 8: it does not hold."""
    site = Site.here()
    client = _client(site)
    proof = None if at_once else _known(client, proving.wanted(site, client)[0])
    if proof is None:
        with alone(_say):  # the keeper's may be the one that was asked for
            proof = _prove(site, client, anew=at_once)
    if as_json:
        print_json(_plain(proof))
    else:
        _report(proof)
    if not proof.holds:
        raise Unmet(
            f"{proof.name} is not proven: {len(proof.findings)} findings",
            hint="mend what they say, take a new backup, then: seawall backup prove",
        )


@click.command()
@json_option
def proofs(as_json: bool) -> None:
    """What was proven on this twin, newest last."""
    client = _client(Site.here())
    known = record.proofs(client.name)
    if as_json:
        print_json([_plain(one) for one in known])
        return
    for one in known:
        click.echo(f"{one.name}  {'proven' if one.holds else 'NOT PROVEN'}  looked at {one.at:%Y-%m-%d %H:%M:%SZ}")
    for taken in accepted.accepted(client.name):
        said = "; ".join(taken.what)
        click.echo(
            f"{taken.subject}  taken as it is by {taken.by} at {taken.at:%Y-%m-%d %H:%M:%SZ}, {taken.why}: {said}"
        )
    if not known:
        click.echo("nothing was proven yet: seawall backup prove")


@click.command()
@click.argument("subject")
@by_option
@click.option("--why", required=True, help="Why; it is kept beside the proofs.")
@click.option("--yes", is_flag=True, help="Do it; without, only show what was and what is.")
def accept(subject: str, by: str, why: str, yes: bool) -> None:
    """SUBJECT (as `proofs` names it) became small on purpose: hold the next proof and drill against what there is now.

    Look first: a site that somebody emptied looks just the same.
    """
    client = _client(Site.here())
    proof, found = accepted.smaller(client.name)
    if yes:
        accepted.accept(client.name, subject, now(), by, why)
    click.echo(f"{proof.name}, looked at {proof.at:%Y-%m-%d %H:%M:%SZ}")
    for what in found.get(subject, ("nothing about its size",)):
        click.echo(f"  {subject}: {what}")
    click.echo("taken as it is; look again with: seawall backup prove --now" if yes else "take it as it is with: --yes")


def _plain(proof: Proof) -> dict[str, Any]:
    plain: dict[str, Any] = _PROOF.dump_python(proof, mode="json")
    return plain | {"name": proof.name, "holds": proof.holds}


def _report(proof: Proof) -> None:
    click.echo(f"{proof.name}: {'proven' if proof.holds else 'NOT PROVEN'}, {proof.seconds:.1f} s")
    for archive in proof.archives:
        click.echo(f"  {archive.kind} as of {archive.taken:%Y-%m-%d %H:%M:%SZ} ({archive.side})")
    for domain, seen in proof.vhosts.items():
        click.echo(f"  {domain}: {seen['files']} files, {seen['bytes']} bytes, {seen.get('answer') or 'not asked'}")
    for name, holds in proof.databases.items():
        click.echo(f"  {name}: {holds['rows']} rows in {holds['tables']} tables")
    for finding in proof.findings:
        click.echo(f"  ✗ {finding.subject}: {finding.what}")
