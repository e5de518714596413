"""Exports: numbered, delivered where they are lacking, never over anything; an attacker's key is in none of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from escrowed import PEOPLE, Yard, wrapped, yard
from saved_estate import host_key

from backups.escrow import export, holders, memory
from backups.escrow.contents import Contents, directory, from_document, inside
from backups.escrow.memory import Memory
from backups.escrow.sealing import parse
from effects import files
from estate.problem import Missing, Problem
from inventory import load

HOLDERS = ("vault-even", "vault-odd", "twin1")
OTHER = f"""
[hosts.web9]
role = "production"
datacenter = "limburg"
ipv4 = "10.84.1.99"
host_key = "{host_key("web9")}"
backup = {{ even = "vault-even", odd = "vault-odd" }}

"""
PASS = "the content of secrets/web1.passphrase"


@pytest.fixture
def down() -> set[str]:
    return set()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, down: set[str]) -> Yard:
    return yard(monkeypatch, tmp_path, down)


def exported(here: Yard, *accepted: str) -> export.State:
    return export.export(load(here.estate_file), here.estate_file, lambda _: None, frozenset(accepted))


def opened(content: str) -> Contents:
    sealed = parse(content)
    two = [sealed.share_of(PEOPLE[name]) for name in ("alice", "carol")]
    return from_document(sealed.open_with({number: share for _, number, share in two}))


def newest(here: Yard) -> Contents:
    kept = Memory(here.base).sealed()
    return opened(kept[max(kept, key=memory.number_of)])


def test_everything_is_sealed_and_every_holder_has_it(here: Yard) -> None:
    state = exported(here)
    assert (state.faults, state.made, len(state.judged)) == ([], True, 8)
    (content,) = Memory(here.base).sealed().values()
    assert all(list(here.sealed(host).values()) == [content] for host in HOLDERS)
    found = directory(opened(content), "today")
    for name in ("estate.toml", "ssh_key", "secrets/web1.passphrase", "secrets/tsig", "escrow/known.json"):
        assert found[name] == (here.base / name).read_text("utf-8"), name
    assert found["repository-keys/web1.files.odd.key"].startswith("BORG_KEY " + "00" * 32)
    assert "vault-odd: 10.84.2.20 port 2222, in gravelines" in found["READ-ME-FIRST.txt"]


def test_again_nothing_is_made_and_any_change_is_sealed_beside_what_was_there(here: Yard) -> None:
    first = exported(here)
    assert not exported(here).made
    (here.base / "secrets/tsig").write_text("another\n", "utf-8")
    assert export.state(load(here.estate_file), here.estate_file, lambda _: None).faults == [
        "the estate has changed since the newest sealed file"
    ]
    second = exported(here)
    assert (second.made, second.head and second.head.number) == (True, 2)
    assert all(set(here.sealed(host)) == {first.name, second.name} for host in HOLDERS)
    assert newest(here).secrets['zones."docs.example".tsig.secret'].value == "another"


def test_who_is_down_gets_it_later_and_what_is_there_is_never_overwritten(here: Yard, down: set[str]) -> None:
    down.add("twin1")
    assert exported(here).faults == ["twin1: twin1 does not answer"]
    down.clear()
    (changed,) = (here.base / "hosts/vault-even").glob("*.sealed")
    changed.write_text("changed", "utf-8")
    assert exported(here).faults == [f"vault-even: {changed.name} is not what was sealed"]
    assert changed.read_text("utf-8") == "changed"
    assert here.sealed("twin1") == here.sealed("vault-odd")
    changed.unlink()
    assert exported(here).faults == []


def test_a_key_that_somebody_changed_is_in_no_export(here: Yard) -> None:
    exported(here)
    good = newest(here).keys["web1/files@odd"]
    here.config("web1/files", wrapped(b"files", "mallory's"))
    (here.base / "secrets/tsig").write_text("a reason for another export\n", "utf-8")
    state = exported(here)
    assert state.faults == [f"web1/files@{side}: our passphrase does not open its key" for side in ("even", "odd")]
    assert state.made
    assert newest(here).keys["web1/files@odd"] == good
    here.config("web1/files", wrapped(b"another repository", PASS))
    assert exported(here).faults == [
        f"web1/files@{side}: it is another repository, or has another key" for side in ("even", "odd")
    ]
    assert newest(here).keys["web1/files@odd"] == good
    assert len(exported(here, "web1/files@odd").faults) == 1
    assert newest(here).keys["web1/files@odd"] != good


def test_a_new_passphrase_of_ours_is_no_attack(here: Yard) -> None:
    exported(here)
    (here.base / "secrets/web1.passphrase").write_text("the new one\n", "utf-8")
    for kind in holders.KINDS:
        here.config(f"web1/{kind}", wrapped(kind.encode(), "the new one"))
    assert exported(here).faults == []
    assert newest(here).keys["web1/files@odd"].key.material("the new one")


def test_a_repository_that_is_gone_keeps_its_key_and_a_server_that_is_down_too(here: Yard, down: set[str]) -> None:
    exported(here)
    config = here.base / "borg/web1/files/config"
    config.rename(here.base / "elsewhere")
    config.symlink_to(here.base / "elsewhere")  # what is shown by a link is not looked at
    assert exported(here).faults == [
        f"web1/files@{side}: the repository is gone, or has no key" for side in ("even", "odd")
    ]
    down.add("vault-odd")
    assert "web1/databases@odd: its backup server does not answer" in exported(here).faults
    assert len(newest(here).keys) == 8


@pytest.mark.parametrize("after", range(5))
def test_a_run_that_dies_anywhere_is_completed_by_the_next(
    here: Yard, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Before the n-th thing that lasts: the sealed file, what is known, three deliveries."""
    left = [after]

    def dying(act: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return act(*given, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", dying(files.write))
        patch.setattr(holders, "deliver", dying(holders.deliver))
        with pytest.raises(KeyboardInterrupt):
            exported(here)
    assert exported(here).faults == []
    assert all(here.sealed(host) == Memory(here.base).sealed() for host in HOLDERS)
    assert [memory.number_of(name) for name in here.sealed("twin1")] == [1]
    assert len(newest(here).keys) == 8


def test_numbers_go_on_where_another_control_machine_left_them(here: Yard) -> None:
    exported(here)
    for path in (here.base / "escrow").iterdir():
        path.unlink()
    state = exported(here)
    assert state.head is not None
    assert state.head.number == 2
    assert len(here.sealed("vault-odd")) == 2


def test_a_passphrase_of_the_seal_is_another_way_in_and_a_new_one_seals_anew(here: Yard) -> None:
    own = 'needed = 1\npassphrase = { file = "secrets/seal" }'
    here.estate_file.write_text(here.estate_file.read_text("utf-8").replace("needed = 2", own), "utf-8")
    kept = here.base / "secrets/seal"
    kept.touch(mode=0o600)
    for number, passphrase in enumerate(("the first one", "the second one"), 1):
        kept.write_text(f"{passphrase}\n", "utf-8")
        state = exported(here)
        assert (state.faults, state.head and state.head.number) == ([], number)
        sealed = Memory(here.base).newest()
        inside = from_document(sealed.open_by(passphrase))
        assert len(inside.keys) == 8
        assert "escrow.passphrase" not in inside.secrets


def test_a_host_that_can_not_save_has_no_key_to_seal(here: Yard) -> None:
    text = here.estate_file.read_text("utf-8")
    here.estate_file.write_text(text.replace("[vhosts.", OTHER + "[vhosts.", 1), "utf-8")
    assert len(exported(here).judged) == 8


def test_without_anybody_to_seal_to_it_is_said(here: Yard) -> None:
    text = here.estate_file.read_text("utf-8")
    here.estate_file.write_text(text[: text.index("[escrow]")], "utf-8")
    with pytest.raises(Missing, match="nobody is named in"):
        exported(here)


def test_what_is_known_and_what_was_sealed_are_no_guess(here: Yard) -> None:
    exported(here)
    (here.base / "escrow/known.json").write_text('{"web1/files@odd": 1}', "utf-8")
    with pytest.raises(Problem, match="not as it was written"):
        exported(here)


def test_what_lies_elsewhere_stays_within_the_new_directory() -> None:
    assert inside("/root/.ssh/id_ed25519") == "elsewhere/root/.ssh/id_ed25519"
    assert inside("../../etc/shadow") == "elsewhere/etc/shadow"
    assert inside("secrets/web1.passphrase") == "secrets/web1.passphrase"


def test_the_answer_of_a_holder_is_read_whatever_stands_there() -> None:
    said = (
        "== /srv/borg/web1/files/config\n[repository]\nid = ab\nkey = cd\n\tef\n\n== /srv/borg/x/files/config\n\x00\n\n"
    )
    seen = holders.seen(said + f"== sealed\n{'0' * 64}  lab-0001-00000000.sealed\n{'1' * 64}  other.sealed\n")
    assert {name: (key.id, key.blob) for name, key in seen.keys.items()} == {"web1/files": ("ab", "cdef")}
    assert seen.sealed == {"lab-0001-00000000.sealed": "0" * 64}
    assert json.dumps(dict(holders.seen("== sealed").sealed)) == "{}"
