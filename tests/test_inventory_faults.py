"""Every fault is told at once, with line, place and remedy; and nothing but an Estate or a BadEstate ever comes out."""

import copy
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estate.model import Estate
from estate.problem import BadEstate
from inventory import load

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
TREE: dict[str, Any] = tomllib.loads(EXAMPLE)

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TOGETHER = [(fault["right"], fault["wrong"], fault["said"]) for fault in _TABLE["together"]]
ALONE = [(fault["right"], fault["wrong"], fault["said"]) for fault in _TABLE["alone"]]


def faulty(path: Path, text: str) -> str:
    """What an operator reads about that text."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadEstate) as caught:
        load(path)
    return str(caught.value)


def test_the_example_holds(tmp_path: Path) -> None:
    path = tmp_path / "estate.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    estate = load(path)
    assert estate.control.ssh_key == str(tmp_path / "ssh_key")
    assert str(estate.vhosts["shop.example"].uploads[0]) == "/srv/vhosts/shop.example/public/uploads"
    assert str(estate.vhosts["shop.example"].root) == "/srv/vhosts/shop.example/public"
    assert [host.name for host in estate.partners(estate.hosts["web1"])] == ["twin1"]


def test_twenty_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = EXAMPLE
    for right, wrong, _ in TOGETHER:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    told = faulty(tmp_path / "estate.toml", text)
    lines = [line for line in told.splitlines() if line.startswith("estate.toml:")]
    for _, wrong, said in TOGETHER:
        assert any(said in line for line in lines), f"{said}\n---\n{told}"
        key = wrong.splitlines()[-1] if said.startswith("zones") else wrong.splitlines()[0]
        at = next((n for n, line in enumerate(text.splitlines(), 1) if key in line), 0)
        line = next(line for line in lines if said in line)
        if not said.startswith(("hosts.vault-even.ipv4", "hosts.web1.backup")):  # told where the other one stands
            assert line.startswith(f"estate.toml:{at}:"), line
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert "correct horse" not in told
    assert "ssh-ed25519 AAAA" not in told
    followed = [
        "hosts.twin1.backup:",
        "hosts.twin1.datacenter: is missing",
        ".check.expect: is missing",
    ]  # from those above
    assert all(any(said in line for line in lines) for said in followed)
    assert len(lines) == len(TOGETHER) + len(followed)


@pytest.mark.parametrize(
    ("right", "wrong", "said"), [*TOGETHER, *ALONE], ids=[said for *_, said in [*TOGETHER, *ALONE]]
)
def test_what_would_not_survive_a_disaster_is_refused(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert right in EXAMPLE
    told = faulty(tmp_path / "estate.toml", EXAMPLE.replace(right, wrong, 1))
    assert said in told
    assert "correct horse" not in told


@pytest.mark.parametrize("bad", ["0", "65536", "80", "443", "true", '"2222"', "22.0"])
def test_a_port_that_ssh_can_not_have_is_refused(tmp_path: Path, bad: str) -> None:
    told = faulty(tmp_path / "estate.toml", EXAMPLE.replace("ssh_port = 2222", f"ssh_port = {bad}", 1))
    assert told.startswith("estate.toml:27: hosts.web1.ssh_port:")


def test_a_file_that_can_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.toml", "there is no such file"), (tmp_path, "is a directory")):
        with pytest.raises(BadEstate, match=said):
            load(path)
    (tmp_path / "latin.toml").write_bytes('[estate]\nname = "caf\u00e9"\n'.encode("latin-1"))
    with pytest.raises(BadEstate, match=r"latin\.toml:2: this is not UTF-8"):
        load(tmp_path / "latin.toml")
    for text in ("[]", "{", '{"a": 1, "a": 2}', "[" * 100_000, "1" * 5000):
        assert "this is not JSON" in faulty(tmp_path / "estate.json", text)
    assert "this is not TOML" in faulty(tmp_path / "estate.toml", "a = " + "[" * 100_000)


def places(tree: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something could be changed."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in inner for place in [(*above, key), *places(value, (*above, key))]]


PLACES = places(TREE)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["web1", "\ud800", "::1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=4,
)


def at(tree: Any, place: tuple[Any, ...]) -> Any:
    """What stands there; KeyError and the like where an earlier change took it away."""
    for key in place:
        tree = tree[key]
    return tree


def change(tree: Any, data: st.DataObject) -> None:
    """One thing that happens to a file: a setting lost, of another type, renamed, or another one's value."""
    place = data.draw(st.sampled_from(PLACES))
    try:
        table = at(tree, place[:-1])
        match data.draw(st.sampled_from(["lose", "replace", "swap", "rename"])):
            case "lose":
                del table[place[-1]]
            case "replace":
                table[place[-1]] = data.draw(anything)
            case "swap":
                table[place[-1]] = copy.deepcopy(at(tree, data.draw(st.sampled_from(PLACES))))
            case _ if isinstance(table, dict):
                table[data.draw(st.text(max_size=9))] = table.pop(place[-1])
    except (KeyError, IndexError, TypeError):
        pass


@settings(max_examples=400)
@given(data=st.data())
def test_whatever_happens_to_the_file_it_is_an_estate_or_a_list_of_faults(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tree = copy.deepcopy(TREE)
    for _ in range(data.draw(st.integers(1, 6))):
        change(tree, data)
    path = tmp_path_factory.mktemp("mutant") / "estate.json"
    path.write_text(json.dumps(tree, default=str), encoding="utf-8")
    try:
        assert isinstance(load(path), Estate)
    except BadEstate as fault:
        assert fault.what.startswith("estate.json: ")  # noqa: PT017 - either is right
        str(fault).encode()  # it can be printed
