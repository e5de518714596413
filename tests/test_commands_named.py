"""Every command that a hint, a page or the documentation tells somebody to type is there, with its options."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from seawall.cli import cli

ROOT = Path(__file__).parents[1]
FLOORS = ("backups", "drp", "effects", "estate", "inventory", "playbooks", "seawall", "supervision", "templates")
TYPED = re.compile(r"(?<![\w/.-])seawall((?: +(?:[a-z][a-z-]*|--[a-z][a-z-]*(?:=\S+)?|[A-Z{<'\"]\S*))+)")
WORD, OPTION = re.compile(r"[a-z][a-z-]*"), re.compile(r"--[a-z][a-z-]*")
# What follows where it is an account, a key, a chain, a label or the product itself.
A_NAME = ("again", "borg", "drop", "escrow", "key", "knows", "needs", "paper", "signer", "stream", "zonesub")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def typed(text: str) -> list[str]:
    return [said for said in TYPED.findall(text) if said.split()[0] not in A_NAME]


def documented() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for code in CODE.findall(path.read_text(encoding="utf-8")):
            yield from ((path.name, said) for said in typed(code))


def said_by_us() -> Iterator[tuple[str, str]]:
    for path in sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield from ((str(path.relative_to(ROOT)), said) for said in typed(ast.unparse(node)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((str(path.relative_to(ROOT)), said) for said in typed(node.value))


def fault(said: str) -> str | None:
    """What is wrong with it. What follows a command's own words are its arguments, or the rest of a sentence."""
    command: click.Command = cli
    context, words = click.Context(cli), said.split()
    while words and isinstance(command, click.Group) and WORD.fullmatch(words[0]):
        found = command.get_command(context, words[0])
        if found is None:
            return f"seawall{said}: there is no {words[0]}"
        command, words = found, words[1:]
    if isinstance(command, click.Group) and words and words[0].startswith("{"):  # which one is known at run time
        return None
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    unknown = [word for word in words if (match := OPTION.match(word)) and match[0] not in known]
    return f"seawall{said}: it has no {unknown[0]}" if unknown else None


@pytest.mark.parametrize(("where", "least"), [(documented, 200), (said_by_us, 300)])
def test_what_people_are_told_to_type_is_there(where: Callable[[], Iterator[tuple[str, str]]], least: int) -> None:
    found = list(where())
    assert len(found) >= least
    assert not [f"{place}: {wrong}" for place, said in found if (wrong := fault(said))]


@pytest.mark.parametrize("said", [" backup now", " drp drill --naw", " hardens web1"])
def test_what_is_not_there_is_found(said: str) -> None:
    assert fault(said)
