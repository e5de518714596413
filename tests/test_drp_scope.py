"""A plan for some vhosts, or for how things were: what it brings, what it leaves, and that its seal finds it again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, archive, everything, site

from backups.engines import Server
from backups.mark import Beyond, Mark
from backups.site import Site
from backups.streams import tails
from backups.streams.frames import Position
from backups.streams.notes import Note
from drp import job as jobs
from drp import observe
from drp.asked import KEPT, recalled, remember
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Observed, Plan, activation
from drp.scope import EVERYTHING, Scope
from estate.model import Engine, Side
from estate.points import FILES, Archive
from estate.problem import BadEstate, Refused

SHOP, LEDGER = "shop.example", "ledger.example"


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "drp")
    monkeypatch.setattr("backups.mark.RESTORED", tmp_path / "restored")
    return site(tmp_path, "twin1")


def made(here: Site, scope: Scope, served: frozenset[str] = frozenset(), *, standing: frozenset[Engine] = frozenset(),
         shared: bool = False) -> Plan:  # fmt: skip
    estate = here.estate
    if shared:
        ledger = replace(estate.databases["ledger"], engine=Engine.MARIADB)
        estate = replace(estate, databases={**estate.databases, "ledger": ledger})
    changes = dict.fromkeys(estate.vhosts, ())
    seen = Observed(T0, 0, everything(), {}, changes, served, (), standing=frozenset(standing))
    return activation(estate, estate.hosts["web1"], here.host, seen, scope)


def test_only_what_was_asked_for_comes_back_and_the_rest_is_named(twin: Site) -> None:
    plan = made(twin, Scope((LEDGER,)))
    assert [move.domain for move in plan.moves] == [LEDGER]
    assert plan.left == (SHOP, "docs.example")
    assert len({plan.seal, made(twin, EVERYTHING).seal, made(twin, Scope((LEDGER,), at=T0)).seal}) == 3
    assert not made(twin, EVERYTHING).left


@pytest.mark.parametrize(("scope", "kind", "said"), [
    (Scope(("shop.exmaple",)), BadEstate, r"no vhost is called shop\.exmaple"),
    (Scope((SHOP,)), Refused, r"served already: shop\.example"),
])  # fmt: skip
def test_what_is_not_there_to_bring_back_is_said(twin: Site, scope: Scope, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        made(twin, scope, frozenset({SHOP}))


def test_the_rest_of_a_database_server_that_was_brought_joins_it_and_never_replaces_it(twin: Site) -> None:
    with pytest.raises(Refused, match="already, from a database server that would be replaced"):
        made(twin, EVERYTHING, frozenset({SHOP}), shared=True)
    plan = made(twin, EVERYTHING, frozenset({SHOP}), standing=frozenset({Engine.MARIADB}), shared=True)
    joining = next(move for move in plan.moves if move.domain == LEDGER)
    assert joining.standing == {Engine.MARIADB}
    assert not next(move for move in plan.moves if move.domain == "docs.example").standing


def brought(here: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Archive:
    """An earlier plan brought the shop up from a snapshot, and a stream up to a minute later."""
    plan = made(here, Scope((SHOP,)))
    Job(JobKind.ACTIVATE, plan.seal, plan, T0, Signed("{}")).save()
    data = tmp_path / "mysql"
    data.mkdir()
    monkeypatch.setattr(observe, "server", lambda engine: Server(engine, "mariadb.service", data, "mysql"))
    base = next(one for one in plan.moves[0].archives if one.kind == Engine.MARIADB)
    Mark(Engine.MARIADB).write(base, data, Beyond("and its stream", T0 + timedelta(minutes=1)))
    return base


def test_what_stands_is_taken_as_it_was_brought_and_nothing_newer(
    twin: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = brought(twin, monkeypatch, tmp_path)
    newer = archive(Engine.MARIADB, -1, Side.EVEN)
    rest, standing = observe._standing(frozenset({SHOP}), (*everything(), newer))
    assert standing == {Engine.MARIADB}
    assert [one for one in rest if one.kind == Engine.MARIADB] == [base]
    assert {one.kind for one in rest} == {FILES, *Engine}
    (tmp_path / "mysql").rename(tmp_path / "aside")  # somebody put something else there
    (tmp_path / "mysql").mkdir()
    assert observe._standing(frozenset({SHOP}), (newer,)) == ((newer,), frozenset())
    assert observe._standing(frozenset(), (newer,)) == ((newer,), frozenset())  # nobody is served yet


def test_a_snapshot_that_ended_after_the_instant_is_none_of_before_it(
    twin: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late, beyond = (archive(Engine.MARIADB, hours) for hours in (4, 2, 1))
    notes = {early.id: timedelta(minutes=1), late.id: timedelta(minutes=10)}
    monkeypatch.setattr(
        tails, "noted", lambda _site, _client, one: Note("c", Position("b.1", 4), one.taken + notes[one.id])
    )
    files = archive(FILES, 3)
    found = tails.reaching(twin, twin.partner, (beyond, late, early, files), late.taken + timedelta(minutes=5))
    assert found == (early, files)
    assert tails.reaching(twin, twin.partner, (late, early), late.taken + timedelta(minutes=10)) == (early, late)


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=130))
def test_what_was_looked_at_is_found_by_its_seal(
    tmp_path_factory: pytest.TempPathFactory, looked: list[tuple[int, bool]]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "DIRECTORY", tmp_path_factory.mktemp("scopes"))
        last: dict[str, Scope] = {}
        for number, proven in looked:
            seal = f"{number:064x}"
            last.pop(seal, None)
            last[seal] = Scope((f"v{number}",), proven=proven)
            remember(seal, last[seal])
        kept = dict(list(last.items())[-KEPT:])
        assert all(recalled(seal) == kept.get(seal, EVERYTHING) for seal in last)
        assert recalled("f" * 12) == EVERYTHING
