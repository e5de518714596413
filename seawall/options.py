"""Options that several commands share, so that they mean the same everywhere."""

import getpass
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from estate.problem import BadEstate, Missing

F = TypeVar("F", bound=Callable[..., Any])
ON_A_HOST = Path("/etc/seawall/estate.json")


def find_estate(value: str | None) -> Path:
    """The estate file: as typed, from the environment, from here, from this managed host."""
    if value is not None:
        return Path(value)
    for path in (Path("estate.toml"), ON_A_HOST):
        if path.exists():
            return path
    raise Missing(
        "no estate file: neither --estate, $SEAWALL_ESTATE, ./estate.toml nor /etc/seawall/estate.json",
        hint="write one with: seawall estate init",
    )


def _find(ctx: click.Context, param: click.Parameter, value: str | None) -> Path:
    return find_estate(value)


def estate_option(function: F) -> F:
    """`--estate FILE`, found as the top-level help says; passed on as `path: Path`."""
    return click.option(
        "--estate", "path", envvar="SEAWALL_ESTATE", callback=_find, metavar="FILE", help="The estate file."
    )(function)


def json_option(function: F) -> F:
    """`--json`: the result as one JSON document on standard output; passed on as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="The result as JSON on standard output.")(function)


by_option = click.option("--by", default=getpass.getuser, show_default="your name here", help="Who decides.")


def print_json(value: object) -> None:
    """One document, sorted keys, for people who pipe."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))


def say(line: str) -> None:
    """Progress, for whoever watches: standard output is the result's."""
    click.echo(f"  {line}", err=True)


def instant_of(text: str, timezone: ZoneInfo) -> datetime:
    """Raises BadEstate where that is no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadEstate(f"{text!r} is no time", hint="as in: 2026-11-22 03:14:00+01:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone)
