"""A group of commands that imports a command's file when it is used: fast, and no host needs what it never calls."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Lazy(click.Group):
    """`table` has each command's help. A command is `command` in the file of its name in `package`, or where
    `places` (FILE:NAME) says."""

    def __init__(
        self, *args: Any, table: Mapping[str, str], package: str, places: Mapping[str, str] = {}, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._table, self._package, self._places = table, package, places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, without importing any."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        if cmd_name not in self._table:
            return None
        module, _, name = self._places.get(cmd_name, f"{cmd_name.replace('-', '_')}:command").partition(":")
        command: click.Command = getattr(importlib.import_module(f"{self._package}.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help from the table: it costs no import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._table.items()))
