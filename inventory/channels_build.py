"""[drp.channels] as the channels everything else works with, and back; and what of them a host gets."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from estate.channels import KINDS, Channel, Security
from estate.secret import Secret
from inventory.draft import Draft
from inventory.faults import Fault, did_you_mean
from inventory.raw_channels import RawChannel
from inventory.raw_secret import RawSecret, plain_secret


def channel(raw: RawChannel) -> Channel:
    """Of a table in which no fault was found."""
    assert raw.kind is not None, "check_channels found it missing"
    told = {name: _built(getattr(raw, name)) for name in _settings(raw) - {"kind"}}
    return KINDS[raw.kind](**told)


def _settings(raw: RawChannel) -> set[str]:
    return {name for name in type(raw).model_fields if getattr(raw, name) is not None}


def _built(value: Any) -> Any:
    if isinstance(value, RawSecret):
        return value.secret()
    return tuple(value) if isinstance(value, list) else value


def plain_channel(made: Channel) -> dict[str, Any]:
    """In the words of the estate file, without what is as it is by itself."""
    kind = next(name for name, cls in KINDS.items() if isinstance(made, cls))
    told = {f.name: getattr(made, f.name) for f in fields(made) if getattr(made, f.name) != f.default}
    return {"kind": kind, **{name: _plain(value) for name, value in told.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return plain_secret(value)
    if isinstance(value, Security):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def secrets_of(channels: Mapping[str, Channel]) -> dict[str, Secret]:
    """By the name that each has among the secrets of a host."""
    return {f"channel.{name}.{part}": secret for name, made in channels.items() for part, secret in _secrets(made)}


def kept_at(folder: str, channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """The same, whose secrets lie in `folder` by those names."""
    return {name: _kept_at(folder, name, made) for name, made in channels.items()}


def _kept_at(folder: str, name: str, made: Channel) -> Channel:
    there: dict[str, Any] = {part: Secret(file=f"{folder}/channel.{name}.{part}") for part, _ in _secrets(made)}
    return replace(made, **there)


def _secrets(made: Channel) -> list[tuple[str, Secret]]:
    return [(f.name, value) for f in fields(made) if isinstance(value := getattr(made, f.name), Secret)]


def check_channels(draft: Draft) -> Iterator[Fault]:
    """Somebody is told; and each channel has what its kind needs, and nothing else."""
    drp = draft.raw.drp
    if drp is None:
        return
    if drp.tickets is None and not draft.tree.get("drp", {}).get("channels") and draft.raw.slice is None:
        yield Fault(("drp", "tickets"), "is missing; add it, or a channel: [drp.channels.NAME]")
    if drp.tickets is not None and "tickets" in drp.channels:
        yield Fault(("drp", "channels", "tickets"), "is what [drp] tickets is called by; choose another name")
    for name, raw in drp.channels.items():
        yield from _check(("drp", "channels", name), raw)


def _check(place: tuple[str, ...], raw: RawChannel) -> Iterator[Fault]:
    if raw.kind is None:
        yield Fault((*place, "kind"), "is missing; add it")
        return
    known = {f.name: f.default is MISSING for f in fields(KINDS[raw.kind])}
    for name in sorted(_settings(raw) - {"kind", *known}):
        yield Fault((*place, name), f"a channel of kind {raw.kind} has no such setting; {did_you_mean(name, known)}")
    for name in (name for name, needed in known.items() if needed and getattr(raw, name) is None):
        yield Fault((*place, name), "is missing; add it")
    if raw.kind == "email" and (raw.user is None) is not (raw.password is None):
        missing = "user" if raw.user is None else "password"
        yield Fault((*place, missing), "is missing; add it: one says who, the other proves it")
    if raw.kind == "email" and raw.password is not None and raw.security is Security.NONE:
        yield Fault((*place, "security"), 'would let others read the password; write "starttls" or "tls"')
