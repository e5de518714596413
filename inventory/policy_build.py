"""Tables of the policy, as the Policy everything else works with, and back."""

from dataclasses import asdict
from typing import Any

from estate.policy import Credential, Firewall, Limits, Origin, Patches, Person, Policy, Ssh
from inventory.raw_policy import RawCredential, RawLimits, RawOrigin, RawPerson


def limits(raw: RawLimits) -> Limits:
    """What a vhost may use."""
    return Limits(raw.memory_mb, raw.cpu_percent, raw.tasks, raw.disk_mb)


def person(name: str, raw: RawPerson) -> Person:
    """Of tables in which no fault was found."""
    assert raw.keys is not None, name
    assert raw.until is not None, name
    return Person(name, tuple(raw.keys), raw.until, tuple(raw.hosts), tuple(raw.sudo))


def credential(name: str, raw: RawCredential) -> Credential:
    """Of tables in which no fault was found."""
    assert raw.where is not None, name
    assert raw.owner is not None, name
    assert raw.changed is not None, name
    return Credential(name, raw.where, raw.owner, raw.hardware_key, raw.changed, raw.every_days)


def origin(name: str, raw: RawOrigin) -> Origin:
    """Of tables in which no fault was found."""
    assert raw.uri is not None, name
    assert raw.suites is not None, name
    assert raw.key is not None, name
    return Origin(name, raw.uri, tuple(raw.suites), tuple(raw.components), raw.key, tuple(raw.hosts))


def plain_policy(policy: Policy) -> dict[str, Any]:
    """Its tables, as the estate file has them; those that say nothing are left out."""
    begin, end = policy.patches.window
    tables: dict[str, Any] = {
        "ssh": _told(policy.ssh, Ssh()),
        "firewall": _told(policy.firewall, Firewall()),
        "patches": {**_told(policy.patches, Patches()), "window": f"{begin:%H:%M}-{end:%H:%M}"}
        if policy.patches != Patches()
        else {},
        "staff": {name: _plain(person) for name, person in policy.staff.items()},
        "credentials": {name: _plain(it) for name, it in policy.credentials.items()},
        "origins": {name: _plain(it) for name, it in policy.origins.items()},
    }
    return {name: table for name, table in tables.items() if table}


def _told(table: Any, default: Any) -> dict[str, Any]:
    return {} if table == default else _plain(table)


def _plain(table: Any) -> dict[str, Any]:
    fields = {key: value for key, value in asdict(table).items() if key != "name"}
    return {key: list(value) if isinstance(value, tuple) else _day(value) for key, value in fields.items()}


def _day(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
