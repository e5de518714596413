"""Whom to call: everybody once for each role, whatever the alternates of alternates are; and where that is read."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drp import tickets
from drp.outbox.box import Outbox
from estate.people import Contact, call_tree
from estate.problem import BadEstate
from inventory import load, slice_for
from inventory.render import plain
from seawall.cli import run

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
PEOPLE = """
[drp.people]
alice = { role = "leads the incident", phone = "+31 20 555 0101", alternate = "bob" }
bob = { role = "network and DNS", phone = "+31 20 555 0102" }
carol = { role = "tells clients", phone = "020-5550103", alternate = "alice" }
"""


def written(folder: Path, people: str) -> Path:
    path = folder / "estate.toml"
    path.write_text(EXAMPLE + people, encoding="utf-8")
    return path


@given(st.lists(st.none() | st.integers(0, 5), min_size=6, max_size=6))
def test_whatever_alternates_they_have_a_call_ends_and_nobody_is_called_twice(alternates: list[int | None]) -> None:
    names = [f"p{n}" for n in range(6)]
    people = {
        name: Contact(name, "role", "112", None if to is None else names[to])
        for name, to in zip(names, alternates, strict=True)
    }
    tree = call_tree(people)
    assert [called[0] for called in tree] == list(people.values())
    assert all(len({one.name for one in called}) == len(called) for called in tree)


def test_it_stands_below_every_message_and_on_the_twin_alone(tmp_path: Path) -> None:
    path = written(tmp_path, PEOPLE)
    there = tmp_path / "twin1.json"
    there.write_text(slice_for(path, "twin1"), encoding="utf-8")
    box, estate = Outbox(tmp_path / "outbox"), load(there)
    tickets.send(box, estate, "twin1", "alarm", "a", host="twin1", what="gone", at="now")
    (said,) = box.waiting()
    assert said.text.endswith(
        "Seen at: now\n\nWho to call:\n"
        "  leads the incident: alice +31 20 555 0101; else bob +31 20 555 0102\n"
        "  network and DNS: bob +31 20 555 0102\n"
        "  tells clients: carol 020-5550103; else alice +31 20 555 0101; else bob +31 20 555 0102\n"
    )
    assert "555" not in slice_for(path, "web1")
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(load(path))), encoding="utf-8")
    assert load(again) == load(path)


def test_it_is_shown_from_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, PEOPLE))
    assert run(["drp", "people", "--estate", path]) == 0
    assert "+31 20 555 0101" in capsys.readouterr().out
    assert run(["drp", "people", "--json", "--estate", path]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)[2]] == ["carol", "alice", "bob"]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('alternate = "bob"', 'alternate = "bbo"', "alice.alternate: nobody else of that name is called; did you mean"),
        ('alternate = "bob"', 'alternate = "alice"', "alice.alternate: nobody else"),
        ('phone = "+31 20 555 0102"', 'phone = "call me"', 'bob.phone: "call me" is no telephone number'),
        ('role = "network and DNS", ', "", "bob.role: is missing"),
    ],
)
def test_each_fault_is_told(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert right in PEOPLE
    with pytest.raises(BadEstate) as fault:
        load(written(tmp_path, PEOPLE.replace(right, wrong, 1)))
    assert said in fault.value.what
