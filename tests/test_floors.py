"""The house stands: imports run down only, effects have one door, files stay short enough to read."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {  # a folder: those that it may import, beside itself
    "estate": set[str](),
    "effects": {"estate"},
    "inventory": {"estate", "effects"},
    "templates": {"estate"},
    "backups": {"estate", "effects", "inventory"},
    "playbooks": {"estate", "effects", "inventory", "templates"},
    "supervision": {"estate", "effects", "inventory", "templates"},
    "drp": {"estate", "effects", "inventory", "templates", "backups", "playbooks", "supervision"},
    "lab": {"estate", "effects", "inventory", "templates", "backups", "playbooks", "supervision", "drp"},
    "seawall": {"estate", "effects", "inventory", "templates", "backups", "playbooks", "supervision", "drp", "lab"},
}
DOORS = {"subprocess", "socket", "multiprocessing", "asyncio"}
CALLS = {("os", "fsync"), ("os", "system"), ("os", "fork"), ("datetime", "now"), ("time", "time")}
LONGEST = 300


def modules(root: Path) -> dict[str, Path]:
    """Every module of the project's folders by its dotted name."""
    found: dict[str, Path] = {}
    for folder in BELOW:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> Iterator[tuple[str, int]]:
    """What a file imports, as modules where that is known, and on which line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides which floor it is on"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in known else str(node.module)), node.lineno


def outward(path: Path) -> Iterator[str]:
    """Effects that a file has on its own, past the one door."""
    for name, line in imports(path, set()):
        if name.split(".")[0] in DOORS:
            yield f"{path}:{line}: imports {name}; only effects may"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CALLS:
            yield f"{path}:{node.lineno}: uses {node.value.id}.{node.attr}; only effects may"


def violations(root: Path) -> list[str]:
    """Everything in which the house does not stand."""
    named = modules(root)
    known, found, graph = set(named), list[str](), dict[str, set[str]]()
    for name, path in named.items():
        folder = name.split(".", maxsplit=1)[0]
        inner = graph.setdefault(name, set())
        for target, line in imports(path, known):
            floor = target.split(".", maxsplit=1)[0]
            if floor in BELOW and floor != folder and floor not in BELOW[folder]:
                found.append(f"{path}:{line}: {folder} must not import {target}")
            if target in known and target != name:
                inner.add(target)
        if folder not in ("effects", "lab"):
            found += outward(path)
        if (length := len(path.read_text(encoding="utf-8").splitlines())) >= LONGEST:
            found.append(f"{path}: {length} lines; split it by what it is about")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        found.append(f"a circle of imports: {' → '.join(circle.args[1])}")
    return found


def test_the_house_stands() -> None:
    assert len(modules(ROOT)) > 10  # so that an empty search is no success
    assert violations(ROOT) == []


def test_every_folder_with_code_has_a_floor() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "benchmarks"} <= set(BELOW)


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("estate/model.py", "from effects import run", "estate must not import effects"),
        ("drp/plan.py", "import lab.lab", "drp must not import lab.lab"),
        ("lab/lab.py", "def late() -> None:\n    from seawall.cli import cli", "lab must not import seawall.cli"),
        ("backups/one.py", "from subprocess import run", "imports subprocess; only effects may"),
        ("backups/one.py", "import os\nos.fsync(1)", "uses os.fsync; only effects may"),
        ("backups/one.py", "from datetime import datetime\ndatetime.now()", "uses datetime.now; only effects may"),
        ("backups/one.py", "import backups.two", "a circle of imports"),
        ("backups/one.py", "from backups import two", "a circle of imports"),
        ("drp/long.py", "x = 1\n" * LONGEST, "300 lines"),
    ],
)
def test_the_checker_sees_each_kind_of_violation(tmp_path: Path, file: str, code: str, said: str) -> None:
    clean = {"effects/run.py": "import subprocess", "backups/two.py": "import backups.one", "backups/one.py": ""}
    for name, text in clean.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert violations(tmp_path) == []
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(code)
    found = violations(tmp_path)
    assert len(found) == 1
    assert said in found[0]
