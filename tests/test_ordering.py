"""What is typed about an order: whose signature counts, what is signed at all, and who need not order anything."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from begun import World, activate, made
from ordered import KEYS, drafted, signed
from pydantic import TypeAdapter

from backups.site import Site
from drp import notes
from drp.asked import remember
from drp.plan import Plan
from drp.scope import EVERYTHING
from drp.steps import for_job
from effects import clock
from estate.model import Estate, Role
from estate.orders import Order
from estate.problem import BadEstate, Refused
from lab import identity
from seawall import show
from seawall.cli import run
from seawall.commands import drp_orders
from seawall.commands.host import beginning
from seawall.ordering import beside_of, from_file


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


def written(world: World, folder: Path, *names: str) -> Path:
    """An order as a file, with the signatures of these beside it."""
    order = signed(drafted(world.site.estate, world.plan(), clock.now()), *names)
    path = folder / "order [1].json"  # a name that a pattern would take for something else
    path.write_text(order.text)
    for name, signature in order.signatures.items():
        beside_of(path, name).write_text(signature)
    return path


def test_signatures_beside_an_order_count_and_those_that_do_not_are_named(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(world, tmp_path, "alice", "bob")
    for name in ("order [1].json.sig", "order [1].json.mallory.sig"):
        path.with_name(name).write_text("x")
    assert set(from_file(world.site.estate, path).signatures) == {"alice", "bob"}
    said = capsys.readouterr().err
    assert said.count("does not count") == 2
    assert "order [1].json.mallory.sig" in said


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"{"])
def test_a_file_that_is_no_order_is_named(world: World, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "something.json"
    path.write_bytes(content)
    with pytest.raises(BadEstate, match=r"something\.json: "):
        from_file(world.site.estate, path)


def test_nobody_signs_what_is_over(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "alice"
    identity.write_secret(key, KEYS["alice"].private)
    path = written(world, tmp_path)
    typed = ["drp", "sign", str(path), "--by=alice", f"--key={key}", f"--estate={tmp_path / 'estate.toml'}"]
    assert run(typed) == 0
    beside_of(path, "alice").unlink()
    order = replace(from_file(world.site.estate, path).order, until=clock.now() - timedelta(seconds=1))
    path.write_text(TypeAdapter(Order).dump_json(order).decode())
    assert run(typed) == Refused.exit_code
    assert "the order is over" in capsys.readouterr().err
    assert not beside_of(path, "alice").exists()


def test_an_order_that_may_have_been_signed_is_not_written_over(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, text = written(world, tmp_path, "alice"), drafted(world.site.estate, world.plan(), clock.now()).text
    before = path.read_text()
    monkeypatch.setattr(drp_orders, "asked", lambda *_, **__: text)
    typed = [
        "drp",
        "order",
        "--by=bob",
        f"--seal={world.plan().seal}",
        f"--estate={tmp_path / 'estate.toml'}",
        "--file",
    ]
    assert run([*typed, str(path)]) == Refused.exit_code
    assert "may have been signed" in capsys.readouterr().err
    assert path.read_text() == before
    assert run([*typed, str(tmp_path / "another.json")]) == 0
    assert (tmp_path / "another.json").read_text() == text


def asked(world: World, monkeypatch: pytest.MonkeyPatch, **words: Any) -> dict[str, Any]:
    """What the twin answers to `seawall host order`."""
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(Site, "here", lambda: world.site)
    monkeypatch.setattr(beginning, "print_json", answers.append)
    monkeypatch.setattr(notes, "note", lambda *_: None)
    callback: Any = beginning.order.callback
    callback(**({"aim": "activate", "seal": "", "by": "", "hours": 4.0, "reason": ""} | words))
    return answers[0]


def test_what_was_begun_goes_on_and_nobody_has_to_order_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = world.plan().seal
    remember(seal, EVERYTHING)
    with pytest.raises(BadEstate, match="who orders it") as fault:
        asked(world, monkeypatch, seal=seal)
    assert "alice, bob" in fault.value.hint
    assert "order" in asked(world, monkeypatch, seal=seal, by="alice")
    job = activate(world, seal)
    assert asked(world, monkeypatch, seal=seal) == {"job": job.id}
    with pytest.raises(BadEstate, match="who orders it") as fault:
        asked(world, monkeypatch, seal="dead" * 4)
    assert f"goes on with: seawall drp activate --seal {seal[:12]}" in fault.value.hint


def test_a_mistyped_vhost_is_told_before_anybody_is_asked(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drp", "plan", "--vhost=shop.exmaple", f"--estate={tmp_path / 'estate.toml'}"]) == BadEstate.exit_code
    assert "no vhost is called shop.exmaple" in capsys.readouterr().err


def part(world: World, domain: str) -> Plan:
    plan = world.plan()
    left = tuple(move.domain for move in plan.moves if move.domain != domain)
    return replace(plan, moves=tuple(move for move in plan.moves if move.domain == domain), left=left)


def test_a_return_saves_what_its_vhosts_consist_of_and_no_more(world: World) -> None:
    estate: Estate = world.site.estate
    assert part(world, "docs.example").engines(estate) == ()
    assert world.plan().engines(estate) == estate.engines_on(world.site.host)
    job = activate(world, world.plan().seal)
    for domain, saved in (("docs.example", {"files"}), ("ledger.example", {"files", "postgresql"})):
        for kind in ("ahead", "withdraw"):
            one = replace(job, kind=kind, plan=part(world, domain))  # type: ignore[arg-type]
            acts = for_job(one, estate, estate.hosts_with(Role.DRP)[0])
            steps = [step for act in acts for step in (sum(act.ways, ()) if hasattr(act, "ways") else (act,))]
            assert {step.subject.split()[0] for step in steps if step.kind == "save"} == saved


def test_what_nobody_serves_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {"points": {}, "sides": {}, "losses": {}}
    seen = {
        "vhosts": [row | {"domain": "a.example", "dns": "twin1"}, row | {"domain": "b.example", "dns": "web1"}],
        "production": "web1", "twin": "twin1", "faults": [], "reverted": [], "untold": [], "jobs": [],
        "halfway": None, "fence": {"holder": "twin1", "epoch": 1, "agree": 3, "witnesses": 3, "said": []},
    }  # fmt: skip
    show.status(seen)
    assert "NOBODY serves b.example: web1 is fenced" in capsys.readouterr().err
    show.status(seen | {"fence": seen["fence"] | {"holder": "web1"}})  # type: ignore[operator]
    assert "NOBODY" not in capsys.readouterr().err


@pytest.mark.parametrize("unready", [None, "web1 does not answer ssh"])
def test_a_way_back_says_when_production_is_not_there(unready: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"source": "twin1", "target": "web1", "moves": [{"domain": "a.example"}]}
    ends = {"source": "twin1", "target": "web1", "unready": unready}
    show.homecoming({"plan": plan, "unready": unready, "halfway": None})
    show.cancellation(ends | {"job": "j", "done": [], "cancelled": False})
    said = capsys.readouterr()
    assert said.err.count("IT CAN'T BEGIN") == 2 * bool(unready)
    assert said.out.count("to carry it out, add") == 2 * (not unready)
