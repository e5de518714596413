"""What the twin sees: everything that an activation here would need. It looks at much at once, each with a limit."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from backups import fencing, restore, standing
from backups.engines import server
from backups.proof import record
from backups.site import Site
from drp import dns, observe
from drp import job as jobs
from drp.dns import primaries
from drp.dns.soa import Soa, soa
from drp.drills.record import drills
from drp.halfway import GO_ON, halfway
from drp.incident import ACTIVATE, Run
from drp.observe import Saved
from drp.ready import names, standing_by
from drp.ready.comebacks import Comeback, Known, comebacks
from drp.ready.drilled import undrilled
from drp.ready.durations import Sizes, spans
from drp.ready.findings import Finding, critical, unknown
from drp.ready.standing_by import Certificate, Room
from drp.revealed import revealed
from effects import disk
from effects.clock import now, wait_until
from estate.model import Engine, Host, Vhost, Zone
from estate.points import FILES, Kind, newest
from estate.problem import Missing, Problem

T = TypeVar("T")
AT_ONCE = 16
FOLLOW = 3.0  # seconds that a secondary gets to follow a change of just now


def seen(site: Site, saved: Saved) -> tuple[tuple[Comeback, ...], tuple[Finding, ...]]:
    """What could come back, and what stands against it, as this twin sees both."""
    production, twin = observe.pair(site)
    with ThreadPoolExecutor(max_workers=1) as pool:
        served = pool.submit(lambda: list(_names(site, production, twin)))
        known, sizes, found = _saved(site, production, saved)
        if fencing.taken_over(production):  # production saves nothing then, and nobody proves or drills
            found = [standing_by.serving(twin, production), *standing_by.unsaved(standing.own(site, now()))]
        else:
            found += [*standing_by.unproven(twin, known.proofs, now()), *undrilled(twin, drills(), now())]
        return comebacks(site.estate, production, twin, known), (*found, *_ready(site, sizes), *served.result())


def _saved(site: Site, production: Host, saved: Saved) -> tuple[Known, Sizes, list[Finding]]:
    archives = record.readable(production.name, saved.archives)
    by_id = observe.sizes_of(site, production, archives)
    stands = standing.partners(site, (saved.archives, saved.faults), saved.streams)
    sizes = {kind: by_id[found.id] for kind in observe.KINDS if (found := newest(archives, kind))}
    proofs = record.proofs(production.name)
    told = spans(site.estate, site.estate.vhosts_on(production), sizes, list(_runs()), proofs)
    unread = tuple(fault.what for fault in saved.faults)
    return Known(archives, unread, stands.prices, proofs, told), sizes, list(standing_by.unsaved(stands))


def _runs() -> Iterator[Run]:
    """Activations of this host."""
    for job in jobs.known():
        if job.kind == ACTIVATE and (entries := job.journal.entries()):
            yield Run.of(entries)


def _ready(site: Site, sizes: Sizes) -> Iterator[Finding]:
    twin = site.host
    for vhost in site.estate.vhosts_on(twin):
        yield from standing_by.certificate(twin, vhost, _or_problem(_certificate, vhost), now())
    yield from standing_by.cramped(twin, rooms(site, sizes))
    if half := halfway():
        yield critical(twin.name, "return", half.said, f"where no command carries it on: {GO_ON}")


def _or_problem(look: Callable[..., T], *of: object) -> T | Problem:
    try:
        return look(*of)
    except Problem as fault:
        return fault


def _certificate(vhost: Vhost) -> Certificate:
    """As it stands ready here; where the vhost was brought up, as it is shown. Raises Missing."""
    live = Path(vhost.certificates)
    ready = restore.target_of(vhost).top / str(live).lstrip("/")
    folder = ready if ready.exists() else live
    try:
        chain = x509.load_pem_x509_certificate((folder / "fullchain.pem").read_bytes())
    except (OSError, ValueError):
        raise Missing(
            f"there is no certificate in {folder}",
            hint=f"put it on {vhost.host} in {live}, there: seawall backup files; here: seawall backup prove --now",
        ) from None
    return Certificate(chain.not_valid_after_utc, _alternative(chain), _fits(chain, folder / "privkey.pem"))


def _alternative(chain: x509.Certificate) -> tuple[str, ...]:
    try:
        found = chain.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.get_values_for_type(x509.DNSName))


def _fits(chain: x509.Certificate, path: Path) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return False
    return key.public_key().public_bytes(*form) == chain.public_key().public_bytes(*form)


def rooms(site: Site, sizes: Sizes) -> list[Room]:
    """Per file system on which something of the recovery point has its place. No archive is empty: 0 is not known."""
    found: dict[int, Room] = {}
    for kind, (needed, _) in sizes.items():
        place = _place(site, kind)
        held = min(needed, _held(site, kind))
        number = place.stat().st_dev
        other = found.get(number, Room(str(place), disk.room(place)[0], 0, 0))
        whole = None if other.needed is None or not needed else other.needed + needed
        found[number] = Room(other.path, other.free, whole, other.held + held)
    return list(found.values())


def _place(site: Site, kind: Kind) -> Path:
    """The nearest directory that is there."""
    wanted = _vhosts(site)[0].directory.parent if kind == FILES else server(Engine(kind)).data.parent
    return next(path for path in (Path(wanted), *Path(wanted).parents) if path.exists())


def _held(site: Site, kind: Kind) -> int:
    targets = (
        [restore.target_of(v) for v in _vhosts(site)] if kind == FILES else [restore.data_of(server(Engine(kind)))]
    )
    return sum(counted.bytes for target in targets if target.top.exists() and (counted := target.counted))


def _vhosts(site: Site) -> tuple[Vhost, ...]:
    return site.estate.vhosts_on(site.host)


def _names(site: Site, production: Host, twin: Host) -> Iterator[Finding]:
    zones = tuple(site.estate.zones.values())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda zone: _or_problem(_switchable, site, zone), zones)
        soas = pool.map(lambda zone: _soas(site, zone), zones)
        several = pool.submit(primaries.rivals, site.estate, zones, primaries.secrets(revealed))
        moving = _or_problem(_ttls, site, production, twin)
        for zone, answer, soa in zip(zones, answers, soas, strict=True):
            yield from names.unswitchable(zone, answer)
            if isinstance(answer, int):
                yield from standing_by.clock(zone.primary, answer, twin.name)
            yield from names.behind(zone, soa)
    yield from names.rivals(several.result())
    if isinstance(moving, Problem):
        yield unknown(twin.name, "ttl", moving)
    yield from names.slow_records(site.estate, {} if isinstance(moving, Problem) else moving)


def _switchable(site: Site, zone: Zone) -> int:
    return dns.switchable(site.estate, zone, revealed)


def _soas(site: Site, zone: Zone) -> Mapping[str, Soa | Problem]:
    """Looked at again for a moment where they differ: somebody may have changed the zone just now."""
    found: dict[str, Soa | Problem] = {}

    def agree() -> bool:
        found.update({name: _or_problem(_soa, site, name, zone) for name in zone.servers})
        return len({soa.serial for soa in found.values() if isinstance(soa, Soa)}) <= 1

    late = Missing(f"{zone.name} differs", hint="")
    with suppress(Missing):
        wait_until(agree, timeout=FOLLOW, late=late, every=1)
    return found


def _soa(site: Site, server: str, zone: Zone) -> Soa:
    return soa(dns.authority(site.estate, zone, server), zone)


def _ttls(site: Site, production: Host, twin: Host) -> dict[tuple[str, str], tuple[str, int]]:
    """Of the records that a switch would change, whichever of the two serves now."""
    ttls: dict[tuple[str, str], int] = {}
    look = dns.looked(site.estate, _vhosts(site), ttls=ttls)
    pairs = ((production, twin), (twin, production))

    found = [
        change
        for vhost in _vhosts(site)
        for old, new in pairs
        for change in dns.changes(site.estate, vhost, old, new, look)
    ]
    return {(c.name, c.rtype): (site.estate.zones[c.zone].primary, ttls[c.name, c.rtype]) for c in found}
