"""Hosts find their pair of backup servers by themselves, evenly, and none of them ever moves unasked."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import host_key, lab_estate

from estate.model import Side
from estate.problem import BadEstate, Refused
from inventory import load, placement, slice_for
from seawall.cli import run

HOSTS = [f"web{n}" for n in range(1, 501)]
OWN = 'backup = { even = "vault-even", odd = "vault-odd" }\n'
FIRST = '\n[backup.pairs.first]\neven = "vault-even"\nodd = "vault-odd"\n'
SECOND = '\n[backup.pairs.second]\neven = "vault-third"\nodd = "vault-odd"\nweight = 1000\n'
THIRD = f"""
[hosts.vault-third]
role = "backup"
datacenter = "limburg"
ipv4 = "10.84.1.99"
host_key = "{host_key("vault-third")}"
"""


def test_five_hundred_hosts_are_spread_evenly() -> None:
    """Over 5 pairs within four standard deviations of the binomial: 100 and at most 36 more or less."""
    count = Counter(placement.chosen(host, dict.fromkeys("abcde", 1)) for host in HOSTS)
    print(sorted(count.items()))
    assert all(abs(count[pair] - 100) <= 4 * math.sqrt(500 * 0.2 * 0.8) for pair in "abcde")


def test_a_pair_of_twice_the_weight_takes_twice_the_hosts() -> None:
    count = Counter(placement.chosen(host, {"a": 1, "b": 2, "c": 1}) for host in HOSTS)
    assert abs(count["b"] - 250) <= 4 * math.sqrt(500 * 0.25)


def test_a_new_pair_takes_its_share_and_nobody_else_moves() -> None:
    before = {host: placement.chosen(host, dict.fromkeys("abcd", 1)) for host in HOSTS}
    after = {host: placement.chosen(host, dict.fromkeys("abcde", 1)) for host in HOSTS}
    moved = {host for host in HOSTS if before[host] != after[host]}
    assert {after[host] for host in moved} == {"e"}
    assert abs(len(moved) - 100) <= 4 * math.sqrt(500 * 0.2 * 0.8)


@given(st.integers(1, 100_000), st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 1000), min_size=1))
def test_only_hosts_of_a_pair_that_goes_move(number: int, weights: dict[str, int]) -> None:
    host = f"web{number}"
    taken = placement.chosen(host, weights)
    assert placement.chosen(host, dict(reversed(weights.items()))) == taken  # the order of the file says nothing
    for gone in set(weights) - {taken}:
        assert placement.chosen(host, {pair: weight for pair, weight in weights.items() if pair != gone}) == taken


def written(folder: Path, more: str, *, keep: str = "twin1") -> Path:
    """The lab's estate file, where all hosts but `keep` have lost their own choice."""
    lab_estate(folder)
    path = folder / "estate.toml"
    parts = path.read_text(encoding="utf-8").split("[hosts.")
    path.write_text("[hosts.".join(p if p.startswith(keep) else p.replace(OWN, "") for p in parts) + more, "utf-8")
    return path


def test_a_host_without_its_own_choice_gets_a_pair_and_explicit_choices_win(tmp_path: Path) -> None:
    path = written(tmp_path, THIRD + FIRST.replace('even = "vault-even"', 'even = "vault-third"'))
    estate = load(path)
    assert estate.hosts["web1"].backup == {Side.EVEN: "vault-third", Side.ODD: "vault-odd"}
    assert estate.hosts["twin1"].backup == {Side.EVEN: "vault-even", Side.ODD: "vault-odd"}
    assert estate.hosts["ns1"].backup == {}
    assert set(placement.placements(path)) == {"web1"}
    assert json.loads(slice_for(path, "web1"))["hosts"]["web1"]["backup"]["even"] == "vault-third"


def test_without_pairs_each_names_its_own(tmp_path: Path) -> None:
    with pytest.raises(BadEstate, match="name its backup servers"):
        load(written(tmp_path, ""))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (FIRST.replace('"vault-odd"', '"vault-od"'), 'backup.pairs.first.odd: no host "vault-od"; did you mean'),
        (FIRST.replace('"vault-odd"', '"ns1"'), 'backup.pairs.first.odd: "ns1" has the role dns, not backup'),
        (FIRST.replace('"vault-odd"', '"vault-even"'), 'backup.pairs.first: both sides are "vault-even"'),
        (THIRD + FIRST.replace('"vault-odd"', '"vault-third"'), 'backup.pairs.first: both sides are in "limburg"'),
        (FIRST.replace('odd = "vault-odd"\n', ""), "backup.pairs.first.odd: is missing"),
        (FIRST + "weight = 0\n", "backup.pairs.first.weight: must be at least 1"),
    ],
)
def test_faults_of_pairs_are_told_once(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(BadEstate) as fault:
        load(written(tmp_path, wrong))
    assert said in str(fault.value)
    assert "hosts.web1.backup" not in str(fault.value) or "is missing" in said


def test_a_host_that_was_placed_never_moves_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, FIRST)
    placement.remember(path)
    assert run(["estate", "check", "--estate", str(path)]) == 0
    path.write_text(path.read_text(encoding="utf-8") + THIRD + SECOND, encoding="utf-8")
    assert run(["estate", "check", "--estate", str(path)]) == 6
    said = capsys.readouterr().err
    assert "web1 saves to vault-even and vault-odd, and would move to vault-third and vault-odd" in said
    assert "seawall estate pin-backups" in said
    with pytest.raises(Refused, match="would move"):
        placement.require_still(path)
    before = path.read_text(encoding="utf-8")
    assert run(["estate", "pin-backups", "--dry-run", "--estate", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == before
    capsys.readouterr()
    assert run(["estate", "pin-backups", "--json", "--estate", str(path)]) == 0
    pinned = {"web1": {"even": "vault-even", "odd": "vault-odd"}}
    said = capsys.readouterr().out
    assert json.loads(said[said.index("{") :]) == {"pinned": pinned, "written": True}
    assert run(["estate", "check", "--estate", str(path)]) == 0
    assert load(path).hosts["web1"].backup[Side.EVEN] == "vault-even"
    assert "[hosts.web1]\n" + OWN in path.read_text(encoding="utf-8")
    assert run(["estate", "pin-backups", "--estate", str(path)]) == 0
    assert "0 hosts pinned" in capsys.readouterr().out


def test_an_inline_table_is_pinned_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path, FIRST)
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("[hosts.web1]\n")
    table, _, tail = rest.partition("\n\n")
    path.write_text(f"hosts.web1 = {{ {', '.join(table.splitlines())} }}\n{head}{tail}", encoding="utf-8")
    with pytest.raises(BadEstate, match=r"has no table \[hosts.web1\] of its own"):
        placement.pinned(path)
