"""What people and programs see of a run over many hosts: progress while it goes, one row a host at its end."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from playbooks.drive import Event, Outcome
from seawall.options import print_json


def report(outcomes: Mapping[str, Outcome], seconds: float, *, as_json: bool, dry_run: bool) -> None:
    """The result, for whoever asked."""
    if as_json:
        print_json(as_document(outcomes, seconds))
    else:
        summary(outcomes, seconds, dry_run=dry_run)


def as_document(outcomes: Mapping[str, Outcome], seconds: float) -> dict[str, object]:
    """What `--json` prints: {ok, hosts: {name: {ok, operations, changes, seconds, error, kind, notices}}, seconds}."""
    hosts = {
        name: {key: value for key, value in asdict(outcome).items() if key != "host"}
        for name, outcome in outcomes.items()
    }
    return {"ok": all(outcome.ok for outcome in outcomes.values()), "hosts": hosts, "seconds": seconds}


class Progress:
    """What each host is doing: a table that moves on a terminal, a line for each change elsewhere."""

    def __init__(self, names: Iterable[str]) -> None:
        self._doing = dict.fromkeys(names, Text("connecting", "dim"))
        self._changes = dict.fromkeys(self._doing, 0)
        self._console = Console(stderr=True)
        moves = self._console.is_terminal
        self._live = Live(console=self._console, refresh_per_second=8, transient=True) if moves else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def see(self, event: Event) -> None:
        """Take in one event of the runner."""
        name, text = event["host"], _in_words(event)
        self._changes[name] += event.get("result") == "changed"
        self._doing[name] = text
        if self._live is not None:
            self._live.update(self._table())
        elif event.get("result") != "unchanged":
            self._console.print(Text(f"{name}: ") + text, soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, text in self._doing.items():
            table.add_row(name, f"{self._changes[name]} changed", text)
        return table


def _in_words(event: Event) -> Text:
    match event["event"]:
        case "connected":
            return Text(f"connected to port {event['port']}", "dim")
        case "operation":
            style = {"changed": "yellow", "failed": "red"}.get(event["result"], "dim")
            return Text(f"{event['name']} ({event['result']}, {event['seconds']:.1f} s)", style)
        case _ if event["ok"]:
            return Text("done", "green")
        case _:
            return Text(event["error"], "red")


def summary(outcomes: Mapping[str, Outcome], seconds: float, *, dry_run: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("host", "operations", "would change" if dry_run else "changes", "seconds"):
        table.add_column(title, justify="left" if title == "host" else "right")
    table.add_column("ok")
    for outcome in outcomes.values():
        mark = Text("yes", "green") if outcome.ok else Text("no", "bold red")
        table.add_row(outcome.host, str(outcome.operations), str(outcome.changes), f"{outcome.seconds:.1f}", mark)
    console = Console(file=sys.stdout)
    console.print(table)
    for outcome in outcomes.values():
        for words in outcome.notices:
            console.print(Text(f"{outcome.host}: {words}", "yellow"), soft_wrap=True)
    done = sum(outcome.ok for outcome in outcomes.values())
    console.print(
        f"{done} of {len(outcomes)} hosts, {seconds:.1f} s" + (", nothing was changed: a dry run" if dry_run else "")
    )
