"""`seawall drp orphans`: what production wrote after the recovery point, which lies aside since the return."""

import json
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from drp import drive
from drp.notes import ORPHANS
from estate.problem import Problem
from inventory import load
from seawall.options import estate_option, json_option, print_json, say
from seawall.tables import folding

Row = dict[str, Any]


@click.command()
@estate_option
@click.option("--paths", "with_paths", is_flag=True, help="Also each path, and what became of it.")
@json_option
def orphans(path: Path, with_paths: bool, as_json: bool) -> None:
    """What production wrote after the recovery point: kept aside by the last return, listed here, never removed."""
    estate = load(path)
    with drive.Hand(estate, drive.production(estate)) as production:
        found = production.ask("orphans")
    if as_json:
        print_json(found)
        return
    table = folding("", "what", "from", "to", "size", "lies in")
    for row in (*found["vhosts"], *found["engines"]):
        kept = "\n".join(row.get("kept", ())) or "-"
        table.add_row(name(row), "\n".join(said(row)), *span(row), size(row.get("bytes")), kept)
    Console(soft_wrap=True).print(table)
    if with_paths:
        for row in found["vhosts"]:
            for one in row.get("paths", ()):
                click.echo(f"/{one['path']}: {one['what']}")
            if row.get("more"):
                click.echo(f"{row['vhost']}: and {row['more']} more")
    for line in by_hand(found):
        click.echo(line)


def hint(twin: drive.Hand, production: drive.Hand) -> None:
    """After a return: a line of what lies aside, noted for the report. All is over by then, and nothing of it fails for
    this."""
    say("all is served; looking for what production wrote alone")
    try:
        found = production.ask("orphans")
        line = summary(found)
        told = {"host": found["host"], "job": found["job"], "said": line}
        with suppress(Problem):
            twin.ask("note", ORPHANS, stdin=json.dumps(told))
    except (Problem, KeyError, TypeError, ValueError):
        line = "what production wrote after the recovery point could not be listed"
    say(f"{line}; look with: seawall drp orphans")


def summary(found: Row) -> str:
    """In a line, and what could not be looked at counts as unknown, never as nothing."""
    files = sum(row.get("added", 0) + row.get("changed", 0) + row.get("removed", 0) for row in found["vhosts"])
    commits = sum(row.get("transactions", 0) for row in found["engines"])
    unknown = [name(row) for row in (*found["vhosts"], *found["engines"]) if row["fault"]]
    more = f"; not all is known of {', '.join(unknown)}" if unknown else ""
    return f"{found['host']} wrote alone, kept aside: {files} paths, {commits} transactions{more}"


def name(row: Row) -> str:
    """Of the vhost or the engine."""
    return str(row.get("vhost") or row["engine"])


def said(row: Row) -> Iterator[str]:
    """What there is, then what is not known."""
    if "added" in row:
        yield f"{row['added']} added, {row['changed']} changed, {row['removed']} removed ({size(row['written_bytes'])})"
        if row["rights"]:
            yield f"{row['rights']} of another mode or owner alone"
    if "transactions" in row:
        yield f"{row['transactions']} transactions"
        for table, counts in row["tables"].items():
            yield f"  {table}: {', '.join(f'{many} {verb}' for verb, many in counts.items())}"
    if row["fault"]:
        yield f"UNKNOWN: {row['fault']}"


def span(row: Row) -> tuple[str, str]:
    """From when to when: of files from the archive on."""
    first, last = (row.get("taken"), row.get("newest")) if "vhost" in row else (row.get("first"), row.get("last"))
    return (first or "-")[:19], (last or "-")[:19]


def size(count: int | None) -> str:
    """In MB, to a tenth."""
    return "-" if count is None else f"{count / 1e6:.1f} MB"


def by_hand(found: Row) -> Iterator[str]:
    """How to take one thing out of it; and last how to remove it, which Seawall never does."""
    kept = [path for row in (*found["vhosts"], *found["engines"]) for path in row.get("kept", ())]
    if not kept:
        return
    yield f"take one file out of it, on {found['host']}: cp --archive --no-clobber KEPT/PATH PLACE"
    yield "one table: start a second server on a copy of the kept data, and dump the table from there"
    yield f"Seawall removes none of it. When nobody misses anything, on {found['host']}:"
    for path in sorted({str(Path(path).parent) for path in kept}):
        yield f"  rm --recursive --one-file-system {shlex.quote(path)}"
