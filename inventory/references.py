"""Every secret that an estate refers to, by its place in the file. Found wherever it stands: none can be forgotten."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from estate.model import Estate
from estate.secret import Secret


def references(estate: Estate) -> dict[str, Secret]:
    """Place in the file, as `hosts.web1.passphrase` or `zones."docs.example".tsig.secret`, and where it is kept."""
    return dict(_within(estate, ()))


def _within(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield ".".join(place), value
    elif is_dataclass(value):
        for field in fields(value):
            inner = place if field.name == "holder" else (*place, field.name)  # its settings stand in the zone's table
            yield from _within(getattr(value, field.name), inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _within(inner, (*place, f'"{key}"' if "." in str(key) else str(key)))
