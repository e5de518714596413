"""[zones] as the zones everything else works with, and back; and which secrets of them a host gets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from estate.model import Role, Zone
from estate.secret import Secret
from estate.zones import Holder, Octodns, Ovh, Tsig
from inventory import words
from inventory.draft import Draft, doubles
from inventory.faults import Fault, Place, quoted
from inventory.raw_secret import plain_secret
from inventory.raw_zones import RawTsig, RawZone

OVH = ("application_key", "application_secret", "consumer_key")
NEEDS = {"rfc2136": ("tsig",), "ovh": OVH, "octodns": ("class",)}
MAY = {"rfc2136": (), "ovh": ("endpoint",), "octodns": ("package", "settings", "secrets")}
SECRET_LIKE = re.compile(r"(token|secret|password|passphrase|credentials?|(^|_)(api|private|auth)_?key|^key)$")
SHORTEST_AT_OVH = 60  # seconds; OVH takes no shorter TTL


def zone(name: str, raw: RawZone) -> Zone:
    """Of a table in which no fault was found."""
    assert raw.servers is not None
    tsig = None if raw.tsig is None else _tsig(raw.tsig)
    return Zone(name, tuple(raw.servers), tsig, raw.ttl, _holder(raw))


def _tsig(raw: RawTsig) -> Tsig:
    return Tsig(raw.name, raw.algorithm, raw.secret.secret())


def _holder(raw: RawZone) -> Holder | None:
    if raw.provider == "octodns":
        assert raw.class_path is not None
        package = raw.package or raw.class_path.partition(".")[0].replace("_", "-")
        kept = {name: one.secret() for name, one in raw.secrets.items()}
        return Octodns(raw.class_path, package, raw.settings, kept)
    if raw.provider == "ovh":
        assert raw.application_key and raw.application_secret and raw.consumer_key  # noqa: PT018 - check_zones found it
        keys = (one.secret() for one in (raw.application_key, raw.application_secret, raw.consumer_key))
        return Ovh(raw.endpoint or "ovh-eu", *keys)
    return None


def plain_zone(made: Zone) -> dict[str, Any]:
    """In the words of the estate file."""
    told: dict[str, Any] = {"servers": list(made.servers), "ttl": made.ttl}
    if made.tsig is not None:
        tsig = made.tsig
        told["tsig"] = {"name": tsig.name, "algorithm": tsig.algorithm, "secret": plain_secret(tsig.secret)}
    if isinstance(made.holder, Ovh):
        keys = {part: plain_secret(secret) for part, secret in _secrets(made).items()}
        told |= {"provider": "ovh", "endpoint": made.holder.endpoint, **keys}
    if isinstance(made.holder, Octodns):
        holder = made.holder
        told |= {"provider": "octodns", "class": holder.class_path, "package": holder.package}
        told |= {"settings": dict(holder.settings)} if holder.settings else {}
        told |= {"secrets": {part: plain_secret(one) for part, one in holder.secrets.items()}} if holder.secrets else {}
    return told


def secrets_of(zones: Mapping[str, Zone]) -> dict[str, Secret]:
    """By the name that each has among the secrets of a host."""
    return {_name(one, part): secret for one in zones.values() for part, secret in _secrets(one).items()}


def kept_at(folder: str, zones: Mapping[str, Zone]) -> dict[str, Zone]:
    """The same, whose secrets lie in `folder` by those names."""
    return {name: _kept_at(folder, one) for name, one in zones.items()}


def _kept_at(folder: str, one: Zone) -> Zone:
    there: dict[str, Any] = {part: Secret(file=f"{folder}/{_name(one, part)}") for part in _secrets(one)}
    if one.tsig is not None:
        return replace(one, tsig=replace(one.tsig, secret=there["tsig"]))
    if isinstance(one.holder, Octodns):
        return replace(one, holder=replace(one.holder, secrets=there))
    return replace(one, holder=replace(one.holder, **there)) if one.holder is not None else one


def packages_of(zones: Mapping[str, Zone]) -> tuple[str, ...]:
    """What pip installs on a host that switches them, beside the toolkit."""
    return tuple(sorted({one.holder.package for one in zones.values() if isinstance(one.holder, Octodns)}))


def _secrets(one: Zone) -> dict[str, Secret]:
    """By the setting that refers to each."""
    if one.tsig is not None:
        return {"tsig": one.tsig.secret}
    if isinstance(one.holder, Octodns):
        return dict(one.holder.secrets)
    if one.holder is not None:
        return {part: getattr(one.holder, part) for part in OVH}
    return {}


def _name(one: Zone, part: str) -> str:
    return f"tsig.{one.name}" if part == "tsig" else f"zone.{one.name}.{part}"


def check_zones(draft: Draft) -> Iterator[Fault]:
    """Each has what its provider needs, and nothing else."""
    for name, raw in draft.raw.zones.items():
        place: Place = ("zones", name)
        servers = [((*place, "servers", n), server) for n, server in enumerate(raw.servers or ())]
        for here, server in servers:
            yield from _check_server(draft, here, server, raw)
        yield from doubles(servers, "a server")
        yield from _check_settings(draft, place, raw)


def _check_server(draft: Draft, here: Place, server: str, raw: RawZone) -> Iterator[Fault]:
    if raw.provider == "rfc2136":
        yield from draft.refers_to_host(here, server, Role.DNS)
        return
    try:
        words.domain(server)
    except ValueError as fault:
        yield Fault(here, f"{fault}; name the zone's name servers as dig NS shows them, without the last dot")


def _check_settings(draft: Draft, place: Place, raw: RawZone) -> Iterator[Fault]:
    given = draft.tree["zones"][place[1]]
    needs, may = NEEDS[raw.provider], MAY[raw.provider]
    for name in (name for name in needs if name not in given):
        yield Fault((*place, name), "is missing; add it")
    for name in chain(*NEEDS.values(), *MAY.values()):
        if name in given and name not in (*needs, *may):
            what = f"is not what a zone with provider = {quoted(raw.provider)} has; leave it out"
            yield Fault((*place, name), what)
    if raw.provider == "ovh" and raw.ttl < SHORTEST_AT_OVH:
        yield Fault((*place, "ttl"), f"must be at least {SHORTEST_AT_OVH} at OVH")
    if raw.provider == "octodns":
        yield from _check_arguments(place, raw)


def _check_arguments(place: Place, raw: RawZone) -> Iterator[Fault]:
    for name, value in raw.settings.items():
        if name in raw.secrets:
            yield Fault((*place, "settings", name), "stands among the secrets as well; leave it out here")
        elif isinstance(value, str) and SECRET_LIKE.search(name):
            what = "is a secret by its name, which must not stand in this file; change it, and keep the new one: "
            yield Fault((*place, "settings", name), f'{what}secrets = {{ {name} = {{ file = "secrets/NAME" }} }}')
