"""From a plain tree to typed tables. A faulty setting is reported and left out, so that all others are checked too."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from inventory.faults import Fault, Place, did_you_mean
from inventory.raw import RawEstate
from inventory.table import Table

_SAID = {
    "string_type": 'must be text in quotes, like "…"',
    "int_type": "must be a whole number, without quotes",
    "list_type": 'must be a list, like ["…"]',
    "dict_type": 'must be a table, like { key = "…" }',
    "model_type": "must be a table with settings of its own",
    "missing": "is missing; add it",
    "string_unicode": "has characters that are not UTF-8; type them again",
    "too_short": "must not be empty; name at least one",
}


def shape(tree: dict[str, Any]) -> tuple[RawEstate, list[Fault]]:
    """The tables without what is faulty, and all faults of form. `tree` stays as it is."""
    sound, faults = deepcopy(tree), list[Fault]()
    while True:
        try:
            raw = RawEstate.model_validate(sound)
        except ValidationError as errors:
            found = [(place_of(error["loc"], sound), error) for error in errors.errors(include_url=False)]
            faults += [Fault(place, _words(place, error)) for place, error in found]
            for place, _ in found:
                _leave_out(sound, place)
        else:
            return raw, faults + list(_missing(raw, ()))


def place_of(loc: tuple[int | str, ...], tree: dict[str, Any]) -> Place:
    """pydantic's location without its marks: "[key]" after a key that is itself the fault."""
    value: Any = tree
    for n, part in enumerate(loc):
        if part == "[key]" and not (isinstance(value, dict) and part in value):
            return loc[:n]
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):  # what is missing has a place, but no value
            value = None
    return loc


def _leave_out(tree: dict[str, Any], place: Place) -> None:
    """Remove the setting that holds `place`; of a list, all of it, and what is missing takes its table along."""
    table, key = tree, place[0]
    for part in place[1:]:
        inner = table.get(key) if isinstance(key, str) else None
        if not isinstance(inner, dict) or part not in inner:
            break
        table, key = inner, part
    table.pop(str(key), None)


def _words(place: Place, error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return f"there is no such setting; {did_you_mean(str(place[-1]), _settings(place[:-1]))}"
    if kind == "literal_error":
        return f"must be one of {context['expected']}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be {'at least' if 'ge' in context else 'at most'} {context.get('ge', context.get('le'))}"
    if kind == "string_pattern_mismatch":
        return "has characters that don't belong there; use a-z, 0-9, . and -"
    return _SAID.get(kind, error["msg"])


def _settings(place: Place) -> list[str]:
    """What may stand in the table at `place`."""
    model: type[BaseModel] = RawEstate
    for part in place:
        field = model.model_fields.get(str(part))
        inner = next(_models(field.annotation), None) if field else None
        model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _missing(table: Table, place: Place) -> Iterator[Fault]:
    for name in table.needs:
        if getattr(table, name) is None:
            yield Fault((*place, name), "is missing; add it")
    for name in type(table).model_fields:
        value = getattr(table, name)
        inner = value.items() if isinstance(value, dict) else ()
        if isinstance(value, Table):
            yield from _missing(value, (*place, name))
        for key, entry in inner:
            if isinstance(entry, Table):
                yield from _missing(entry, (*place, name, str(key)))
