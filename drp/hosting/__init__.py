"""Stopping production through the company that runs it: beside the fence, and never instead of it."""

from pathlib import Path

from backups import paths
from drp.hosting.cloud import Cloud
from drp.hosting.machine import Machine, Wait, once, patiently
from drp.hosting.server import Server
from drp.revealed import revealed
from effects.ovh import ENDPOINTS, Api, Keys
from effects.rest import Service
from estate.hosting import Hosting, Product
from estate.model import Host
from estate.problem import BadEstate

__all__ = ["Machine", "machine", "of_api", "once"]

STATE = paths.STATE / "hosting"  # what was asked of the company, by host


def machine(host: Host, *, wait: Wait = patiently) -> Machine:
    """The host, as its company sees it. Raises BadEstate where the estate names none, and as `secrets.resolve`."""
    it = host.provider
    if it is None:
        raise BadEstate(
            f"the estate does not say which company runs {host.name}",
            hint=f"add [hosts.{host.name}.provider] (docs/fencing.md), then: seawall install",
        )
    kept = (it.application_key, it.application_secret, it.consumer_key)
    found = [revealed(one) for one in kept]
    api = Api(Service(f"OVH ({host.name})", ENDPOINTS[it.endpoint], {}), Keys(*found))
    return of_api(api, it, STATE / f"{host.name}.json", wait=wait)


def of_api(api: Api, it: Hosting, kept: Path, *, wait: Wait = patiently) -> Machine:
    """What is rented there; `kept` is where it is remembered what was asked of it."""
    if it.product is Product.SERVER:
        return Server(api, it.service, kept, wait)
    if it.product is Product.VPS:
        return Cloud(api, f"/vps/{it.service}", "state", ("stopped",), "running", wait)
    where = f"/cloud/project/{it.project}/instance/{it.service}"
    return Cloud(api, where, "status", ("SHUTOFF", "STOPPED", "SHELVED", "SHELVED_OFFLOADED"), "ACTIVE", wait)
