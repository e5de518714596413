"""What must hold for vhosts, their databases and zones, so that each can be saved, moved and found alone."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from estate.model import VHOSTS, Role, Runtime
from inventory.draft import Draft, doubles
from inventory.faults import Fault, Place, quoted
from inventory.raw import RawVhost
from inventory.zones_build import check_zones


def check_vhosts(draft: Draft) -> Iterator[Fault]:
    """Every fault in vhosts, databases and zones."""
    for domain, vhost in draft.raw.vhosts.items():
        place: Place = ("vhosts", domain)
        yield from draft.refers_to_host((*place, "host"), vhost.host, Role.PRODUCTION)
        yield from _check_upstream(draft, place, vhost)
        yield from _check_paths(place, VHOSTS / domain, vhost)
        if draft.raw.slice is None:  # a host's slice holds only the zones it may switch
            yield from _check_zones(draft, place, vhost)
    for name, database in draft.raw.databases.items():
        yield from draft.refers(("databases", name, "vhost"), "vhosts", database.vhost)
    yield from check_zones(draft)
    yield from _check_unique(draft)


def _check_upstream(draft: Draft, place: Place, vhost: RawVhost) -> Iterator[Fault]:
    here = (*place, "upstream")
    typed = draft.tree["vhosts"][place[1]]
    if vhost.runtime is Runtime.PROXY and "upstream" not in typed:
        yield Fault(here, 'is missing; a proxy needs it: upstream = "http://127.0.0.1:8080"')
    if vhost.runtime not in (None, Runtime.PROXY) and vhost.upstream is not None:
        yield Fault(here, f'only runtime = "proxy" has an upstream, and this is {vhost.runtime}; leave it out')


def _check_paths(place: Place, directory: PurePosixPath, vhost: RawVhost) -> Iterator[Fault]:
    for n, upload in enumerate(vhost.uploads):
        if directory not in (directory / upload).parents:
            yield Fault((*place, "uploads", n), f"{quoted(upload)} is not below {directory}; name a directory in there")
    outside = [((*place, "paths", n), PurePosixPath(path)) for n, path in enumerate(vhost.paths)]
    if vhost.root is not None:
        outside.append(((*place, "root"), PurePosixPath(vhost.root)))
    for here, path in outside:
        if VHOSTS in (path, *path.parents) and directory not in (path, *path.parents):
            yield Fault(here, f"{quoted(str(path))} belongs to another vhost; stay in {directory}, or outside {VHOSTS}")


def _check_zones(draft: Draft, place: Place, vhost: RawVhost) -> Iterator[Fault]:
    zones = draft.declared("zones")
    named = [(place, str(place[1])), *(((*place, "aliases", n), alias) for n, alias in enumerate(vhost.aliases))]
    for here, name in named:
        if not any(name == zone or name.endswith(f".{zone}") for zone in zones):
            remedy = f"[zones.{quoted('.'.join(name.split('.')[-2:]))}]"
            yield Fault(
                here, f"{quoted(name)} lies in no zone of the estate, so the DRP could not switch it; add {remedy}"
            )


def _check_unique(draft: Draft) -> Iterator[Fault]:
    vhosts = draft.raw.vhosts.items()
    yield from doubles([(("vhosts", domain, "user"), vhost.user) for domain, vhost in vhosts if vhost.user], "the user")
    names: list[tuple[Place, str]] = [(("vhosts", domain), domain) for domain, _ in vhosts]
    names += [(("vhosts", d, "aliases", n), alias) for d, vhost in vhosts for n, alias in enumerate(vhost.aliases)]
    yield from doubles(names, "a name")
