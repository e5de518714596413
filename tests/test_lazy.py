"""Commands that are imported when they are used: each name in a table finds its command, and its help is a screen."""

from collections.abc import Iterator

import click

from seawall.cli import cli
from seawall.lazy import Lazy

SCREEN = 40  # lines


def every(group: click.Group, path: str) -> Iterator[tuple[str, click.Command | None]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield f"{path} {name}", found
        if isinstance(found, click.Group):
            yield from every(found, f"{path} {name}")


def test_every_name_of_a_table_finds_the_command_of_that_name() -> None:
    found = dict(every(cli, "seawall"))
    assert {path for path, command in found.items() if command is None or command.name != path.split()[-1]} == set()
    assert "seawall backup keys put-back" in found


def test_help_fits_a_screen() -> None:
    for path, command in every(cli, "seawall"):
        assert command
        lines = command.get_help(click.Context(command, info_name=path)).splitlines()
        assert len(lines) <= SCREEN, path


def test_what_no_table_has_is_no_command() -> None:
    assert isinstance(cli, Lazy)
    assert cli.get_command(click.Context(cli), "nonsense") is None
