"""What must hold between the policy and the rest: nobody is locked out by it, and every name is known."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from inventory.draft import Draft, doubles
from inventory.faults import Fault, Place, quoted
from inventory.policy_words import HARDWARE_KEYS


def check_policy(draft: Draft) -> Iterator[Fault]:
    """Every fault in staff, keys and networks."""
    raw = draft.raw
    for name, person in raw.staff.items():
        for n, host in enumerate(person.hosts):
            yield from draft.refers(("staff", name, "hosts", n), "hosts", host)
    for name, origin in raw.origins.items():
        for n, host in enumerate(origin.hosts):
            yield from draft.refers(("origins", name, "hosts", n), "hosts", host)
    users: list[tuple[Place, str]] = [(("vhosts", d, "user"), v.user) for d, v in raw.vhosts.items() if v.user]
    yield from doubles([*users, *((("staff", name), name) for name in raw.staff)], "the user")
    yield from _check_keys(draft)
    yield from _check_blocked(draft)


def _check_keys(draft: Draft) -> Iterator[Fault]:
    """One key is one person's; and where hardware is asked for, all of them are hardware."""
    found: list[tuple[Place, str]] = [
        (("staff", name, "keys", n), key)
        for name, person in draft.raw.staff.items()
        for n, key in enumerate(person.keys or ())
    ]
    found += [
        (("vhosts", domain, "sftp", n), key)
        for domain, vhost in draft.raw.vhosts.items()
        for n, key in enumerate(vhost.sftp)
    ]
    owners: dict[str, Place] = {}
    for place, key in found:
        owner = owners.setdefault(key, place)
        if owner[:2] != place[:2]:
            yield Fault(place, f"is already a key of {quoted(str(owner[1]))}; each needs their own")
        if draft.raw.ssh.hardware_keys and key.split()[0] not in HARDWARE_KEYS:
            yield Fault(place, f"lives in no hardware, and ssh.hardware_keys is true; use {' or '.join(HARDWARE_KEYS)}")


def _check_blocked(draft: Draft) -> Iterator[Fault]:
    """Blocking ourselves, or a partner, would be a disaster of our own making."""
    hosts, control = draft.raw.hosts.items(), draft.raw.control
    ours = [(address, "the control machine") for address in (control.addresses or () if control else ())]
    ours += [(str(address), name) for name, host in hosts for address in (host.ipv4, host.ipv6) if address is not None]
    for n, blocked in enumerate(draft.raw.firewall.block):
        for address, whose in ours:
            if ip_address(address) in ip_network(blocked):
                yield Fault(("firewall", "block", n), f"{quoted(blocked)} would block {whose}, {address}; narrow it")
        if blocked in draft.raw.firewall.allow:
            yield Fault(("firewall", "block", n), f"{quoted(blocked)} is allowed as well; decide for one")
