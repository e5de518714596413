"""A plan is data: what is in its seal, what is not, and what it refuses to promise."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saved_estate import T0, archive, everything, lab_estate

from backups.replicas.standby import Standby
from drp import observe
from drp.dns import Change
from drp.plan import PLAN, Observed, Plan, activation
from estate.model import Engine, Estate, Side
from estate.points import FILES, Archive, Tail
from estate.problem import BadEstate, Refused

CHANGE = Change("shop.example", "shop.example.", "A", ("10.84.1.10",), ("10.84.3.10",), 10)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def seen(archives: tuple[Archive, ...], **more: object) -> Observed:
    changes = {"shop.example": (CHANGE,), "ledger.example": (), "docs.example": ()}
    return replace(Observed(T0, 0, archives, {}, changes, frozenset(), ()), **more)  # type: ignore[arg-type]


def made(estate: Estate, what: Observed) -> Plan:
    return activation(estate, estate.hosts["web1"], estate.hosts["twin1"], what)


def test_the_most_valuable_comes_back_first(estate: Estate) -> None:
    assert [move.domain for move in made(estate, seen(everything())).moves] == [
        "shop.example",
        "ledger.example",
        "docs.example",
    ]
    turned = replace(estate, vhosts={d: replace(v, value=-v.value) for d, v in estate.vhosts.items()})
    assert made(turned, seen(everything())).moves[0].domain == "docs.example"


def test_each_vhost_gets_its_files_and_the_engines_it_uses(estate: Estate) -> None:
    kinds = {move.domain: [a.kind for a in move.archives] for move in made(estate, seen(everything())).moves}
    assert kinds == {
        "shop.example": [FILES, Engine.MARIADB],
        "ledger.example": [FILES, Engine.POSTGRESQL],
        "docs.example": [FILES],
    }


def test_the_newest_is_taken_whichever_side_has_it(estate: Estate) -> None:
    old, young = archive(FILES, 30, Side.ODD), archive(FILES, 2, Side.EVEN)
    plan = made(estate, seen((young, *everything(40), old)))
    assert {move.archives[0] for move in plan.moves} == {young}


@pytest.mark.parametrize(
    ("missing", "hopeless"),
    [
        (FILES, ("shop.example", "ledger.example", "docs.example")),
        (Engine.MARIADB, ("shop.example",)),
        (Engine.POSTGRESQL, ("ledger.example",)),
    ],
)
def test_what_cannot_come_back_is_known_before_and_not_halfway(
    estate: Estate, missing: object, hopeless: tuple[str, ...]
) -> None:
    there = tuple(a for a in everything() if a.kind != missing)
    with pytest.raises(Refused, match="vault-even does not answer") as fault:
        made(estate, seen(there, faults=("vault-even does not answer",)))
    assert [domain for domain in estate.vhosts if domain in fault.value.what] == list(hopeless)


def test_a_snapshot_that_two_vhosts_need_is_counted_once(estate: Estate) -> None:
    vhosts = {d: v for d, v in estate.vhosts.items() if d != "ledger.example"}
    databases = {name: replace(db, vhost=d, engine=Engine.MARIADB) for (name, db), d in
                 zip(estate.databases.items(), vhosts, strict=True)}  # fmt: skip
    shared = replace(estate, vhosts=vhosts, databases=databases)
    sizes = {a.id: (920_000_000, 0) for a in everything() if a.kind == Engine.MARIADB}
    first, second = made(shared, seen(everything(), sizes=sizes)).moves
    assert first.seconds - second.seconds == pytest.approx(15.0)  # ten seconds of bytes, five of a restart


def tail(
    of: Archive, minutes: float, chain: str = "20261122T010000Z-aaaaaa", position: str = "binlog.000001:4"
) -> Tail:
    return Tail(of.id, Engine(of.kind), chain, position, T0 - timedelta(minutes=minutes))


def test_a_stream_makes_the_loss_of_databases_seconds_and_moves_the_seal_by_its_chain_alone(estate: Estate) -> None:
    all_of_it = everything()
    base = next(archive for archive in all_of_it if archive.kind == Engine.MARIADB)

    def plan(**streams: Tail) -> Plan:
        return made(estate, seen(all_of_it, tails={one.archive: one for one in streams.values()}))

    short, longer, other = (
        plan(a=tail(base, 2)),
        plan(a=tail(base, 1, position="binlog.000009:9")),
        plan(a=tail(base, 2, chain="20261122T020000Z-bbbbbb")),
    )
    shop = next(move for move in short.moves if base in move.archives)
    assert T0 - shop.points()[Engine.MARIADB] == timedelta(minutes=2)
    assert T0 - shop.points()[FILES] == timedelta(hours=1)
    assert short.seal == longer.seal
    assert len({plan().seal, short.seal, other.seal}) == 3


def test_a_replica_makes_the_loss_smaller_only_where_it_has_more_than_the_stream_and_never_moves_the_seal(
    estate: Estate,
) -> None:
    base = next(archive for archive in everything() if archive.kind == Engine.MARIADB)

    def points(*replicas: Standby, streamed: bool = True) -> tuple[timedelta, str]:
        tails = {base.id: tail(base, 2)} if streamed else {}
        plan = made(estate, seen(everything(), tails=tails, replicas=replicas))
        (move,) = [move for move in plan.moves if base in move.archives]
        assert T0 - move.points()[FILES] == timedelta(hours=1)
        return T0 - move.points()[Engine.MARIADB], plan.seal

    _, seal = points()
    for minutes, loss in ((1, 1), (3, 2), (None, 2)):
        until = None if minutes is None else T0 - timedelta(minutes=minutes)
        one = Standby(Engine.MARIADB, "binlog.000001:9", "", until)
        assert points(one) == (timedelta(minutes=loss), seal)
        assert points(replace(one, engine=Engine.POSTGRESQL)) == points()
        assert points(one, streamed=False)[0] == timedelta(hours=1)  # no activation goes on from it then


def test_the_loss_is_the_age_of_the_oldest_part(estate: Estate) -> None:
    mixed = (archive(FILES, 20), archive(Engine.MARIADB, 1), archive(Engine.POSTGRESQL, 2))
    assert made(estate, seen(mixed)).moves[0].loss(T0) == timedelta(hours=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 10**6),
    st.dictionaries(
        st.sampled_from([a.id for a in everything()]), st.tuples(st.integers(0, 10**12), st.integers(0, 10**8))
    ),
    st.lists(st.text(max_size=20), max_size=3),
)
def test_time_estimates_and_complaints_do_not_change_the_seal(
    estate: Estate, later: int, sizes: dict[str, tuple[int, int]], faults: list[str]
) -> None:
    plan = made(estate, seen(everything()))
    other = made(estate, seen(everything(), at=T0 + timedelta(seconds=later), sizes=sizes, faults=tuple(faults)))
    assert other.seal == plan.seal


def _other_moves(plan: Plan) -> list[Plan]:
    """Every plan that would do something else, by one thing."""
    first, *rest = plan.moves
    files, *engines = first.archives
    with_archive = [
        replace(first, archives=(replace(files, id="f" * 64), *engines)),
        replace(first, archives=(replace(files, side=files.side.other), *engines)),
        replace(first, archives=(files,)),
        replace(first, changes=()),
        *(
            replace(first, changes=(replace(CHANGE, **{name: value}),))  # type: ignore[arg-type]
            for name, value in {
                "zone": "x.example",
                "name": "www.shop.example.",
                "rtype": "AAAA",
                "before": (),
                "after": ("10.84.3.11",),
                "ttl": 11,
            }.items()
        ),
    ]
    return [
        *(replace(plan, moves=(move, *rest)) for move in with_archive),
        replace(plan, moves=tuple(rest)),
        replace(plan, moves=(*rest, first)),
        replace(plan, source="web2"),
        replace(plan, target="twin2"),
        replace(plan, aim="return"),
        replace(plan, epoch=1),
    ]


def test_everything_that_would_be_done_differently_changes_the_seal(estate: Estate) -> None:
    plan = made(estate, seen(everything()))
    seals = [other.seal for other in _other_moves(plan)]
    assert len({plan.seal, *seals}) == len(seals) + 1


def test_a_plan_that_was_stored_is_the_same_plan(estate: Estate) -> None:
    plan = made(estate, seen(everything()))
    back = PLAN.validate_json(PLAN.dump_json(plan))
    assert back == plan
    assert back.seal == plan.seal


def test_only_the_seal_that_was_approved_is_carried_out(estate: Estate) -> None:
    plan = made(estate, seen(everything()))
    observe.require_seal(plan, plan.seal)
    observe.require_seal(plan, plan.seal[:12])
    for wrong in (plan.seal[1:], "0" * 64, plan.seal + "0"):
        with pytest.raises(Refused):
            observe.require_seal(plan, wrong)
    for short in ("", plan.seal[:11]):
        with pytest.raises(BadEstate, match="too short"):
            observe.require_seal(plan, short)


def test_a_plan_says_of_each_vhost_whether_its_recovery_point_was_proven_and_the_seal_does_not(estate: Estate) -> None:
    archives = everything()
    by_kind = {one.kind: one.id for one in archives}
    verdicts = {by_kind[FILES]: True, by_kind[Engine.MARIADB]: False}
    plan = made(estate, seen(archives, verdicts=verdicts))
    assert [move.proven for move in plan.moves] == [False, None, True]
    assert plan.seal == made(estate, seen(archives)).seal
    assert [move.proven for move in made(estate, seen(archives)).moves] == [None, None, None]
