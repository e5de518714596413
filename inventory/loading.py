"""`load`: from a file to an Estate, or to one error with every fault in it."""

from collections.abc import Iterator
from pathlib import Path

from estate.model import Estate
from inventory.build import build
from inventory.channels_build import check_channels
from inventory.draft import Draft
from inventory.drp_build import check_drp
from inventory.escrow_build import check_escrow
from inventory.faults import Fault, without_repeats
from inventory.hosting_build import check_hosting
from inventory.hosts_check import check_hosts
from inventory.placement import check_pairs, placed
from inventory.policy_check import check_policy
from inventory.shape import shape
from inventory.source import Source, read
from inventory.third_build import check_third_copy
from inventory.vhosts_check import check_vhosts


def load(path: Path) -> Estate:
    """The estate in a TOML file, or a host's slice of it in a `.json` file. Raises BadEstate with every fault."""
    source = read(path)
    raw, faults = shape(source.tree)
    raw, _ = placed(raw)
    draft = Draft(raw, source.tree)
    checks = (check_hosts, check_hosting, check_pairs, check_vhosts, check_policy, check_escrow, check_third_copy,
              check_drp, check_channels)  # fmt: skip
    found = [fault for check in checks for fault in check(draft)]
    faults = without_repeats([*faults, *_check_slice(source, draft), *found])
    if faults:
        raise source.refuse(faults)
    return build(raw, path.parent)


def _check_slice(source: Source, draft: Draft) -> Iterator[Fault]:
    part, control = draft.raw.slice, draft.raw.control
    if part is None:
        if control is not None and control.ssh_key is None:
            yield Fault(("control", "ssh_key"), 'is missing; name the private key: ssh_key = "ssh_key"')
        return
    if not source.is_json:
        yield Fault(("slice",), "only the JSON that a managed host gets has this; leave it out")
    yield from draft.refers(("slice", "host"), "hosts", part.host)
