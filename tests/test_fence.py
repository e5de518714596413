"""Who may serve: of two orders one wins, whatever order they come in; and a host that was fenced knows it for good."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from held import HOME, SINCE, TWIN
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, site

from backups import fencing, guarding
from backups.fencing import Word
from backups.guarding import Known, State
from backups.site import Site
from drp import epochs
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Plan
from effects.onhost import fence
from effects.onhost.fence import NOTHING, Held
from estate.model import Host, Unwitnessed
from estate.problem import Refused

EVENTS = st.sampled_from(range(1, 5)).flatmap(
    lambda epoch: st.builds(
        Held,
        st.just(epoch),
        st.sampled_from("abc"),
        st.just("twin1" if epoch % 2 else "web1"),
        st.just(SINCE),
    )
)


@given(st.lists(EVENTS, max_size=12))
def test_an_epoch_only_rises_and_of_one_epoch_the_first_order_stays(
    tmp_path_factory: pytest.TempPathFactory, orders: list[Held]
) -> None:
    root = tmp_path_factory.mktemp("witness")
    (root / "web1").mkdir()
    for order in orders:
        before = fence.held("web1", root)
        why = fence.take("web1", order, root)
        after = fence.held("web1", root)
        assert after == (order if why is None and order.epoch > before.epoch else before)
        assert (why is None) == (after == order)
        assert after.epoch >= before.epoch


@given(st.permutations(range(6)))
def test_two_orders_of_one_epoch_never_both_find_a_majority(turns: list[int]) -> None:
    orders = [TWIN, replace(TWIN, seal="c" * 64)]
    witnesses = [NOTHING, NOTHING, NOTHING]
    for turn in turns:
        order, place = orders[turn // 3], turn % 3
        if fence.refusal(witnesses[place], order) is None:
            witnesses[place] = order
    words = [Word(str(number), held) for number, held in enumerate(witnesses)]
    assert sum(fencing.agreed(words, order) for order in orders) == 1


@pytest.mark.parametrize(("witnesses", "wanted"), [(1, 1), (2, 2), (3, 2)])
def test_a_majority_has_a_witness_in_common_with_any_other(witnesses: int, wanted: int) -> None:
    assert fencing.quorum(witnesses) == wanted
    assert 2 * wanted > witnesses


@pytest.mark.parametrize("word", ["", "two words", "a/b", "x" * 65, "a\nb"])
def test_what_is_no_epoch_is_not_taken(tmp_path: Path, word: str) -> None:
    (tmp_path / "web1").mkdir()
    assert fence.take("web1", replace(TWIN, holder=word), tmp_path)
    assert fence.take("web1", replace(TWIN, epoch=0), tmp_path)
    assert fence.held("web1", tmp_path) == NOTHING


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(fencing, "STATE", tmp_path / "fence")
    return site(tmp_path, "twin1")


def answer(monkeypatch: pytest.MonkeyPatch, *words: Word) -> list[Held]:
    """The backup servers say this, whatever they are told; what that was."""
    told: list[Held] = []
    by_name = {word.witness: word for word in words}

    def one(server: Host, _client: Host, wanted: Held) -> Word:
        told.append(wanted)
        return by_name[server.name]

    monkeypatch.setattr(fencing, "_told", one)
    monkeypatch.setattr(fencing, "ask", lambda *_: words)
    return told


def test_nobody_waits_for_a_witness_that_can_change_nothing_any_more(
    twin: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = Event()

    def one(server: Host, _client: Host, wanted: Held) -> Word:
        if server.name == "vault-even":  # it would wait for ever if that waited for it
            assert raised.wait(60)
        return Word(server.name, wanted)

    monkeypatch.setattr(fencing, "_told", one)
    fencing.raise_to(twin, twin.partner, TWIN)
    raised.set()
    assert fencing.mine(twin.partner) == TWIN
    assert "vault-even was not waited for" in str(fencing.taken(twin.partner, TWIN))


def test_one_lost_backup_server_does_not_stop_an_order(twin: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, Word("vault-odd", TWIN), Word("vault-even", silent="timed out"))
    fencing.raise_to(twin, twin.partner, TWIN)
    assert fencing.mine(twin.partner) == TWIN
    assert "vault-odd: epoch 1" in str(fencing.taken(twin.partner, TWIN))
    fencing.raise_to(twin, twin.partner, TWIN)  # again, as after a kill


@pytest.mark.parametrize(
    ("odd", "even"),
    [
        (Word("vault-odd", silent="timed out"), Word("vault-even", silent="no route")),
        (Word("vault-odd", HOME, refused="it holds epoch 2"), Word("vault-even", silent="timed out")),
        (Word("vault-odd", HOME, refused="it holds epoch 2"), Word("vault-even", HOME, refused="it holds epoch 2")),
    ],
)
def test_without_a_majority_nothing_is_begun_here_and_who_is_missing_is_named(
    twin: Site, monkeypatch: pytest.MonkeyPatch, odd: Word, even: Word
) -> None:
    answer(monkeypatch, odd, even)
    with pytest.raises(Refused, match=r"vault-even .*vault-odd") as fault:
        fencing.raise_to(twin, twin.partner, TWIN)
    assert "seawall drp status" in fault.value.hint
    assert fencing.mine(twin.partner) == NOTHING
    assert fencing.taken(twin.partner, TWIN) is None


def test_an_order_that_came_second_tells_nobody(twin: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, Word("vault-odd", TWIN), Word("vault-even", TWIN))
    fencing.raise_to(twin, twin.partner, TWIN)
    told = answer(monkeypatch)
    with pytest.raises(Refused, match="a" * 12):
        fencing.raise_to(twin, twin.partner, replace(TWIN, seal="c" * 64))
    assert not told
    assert fencing.mine(twin.partner) == TWIN


def test_a_witness_that_was_away_is_told_and_none_that_knows_more(twin: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, Word("vault-odd", TWIN), Word("vault-even", silent="timed out"))
    fencing.raise_to(twin, twin.partner, TWIN)
    told = answer(monkeypatch, Word("vault-odd", TWIN), Word("vault-even"))
    fencing.spread(twin, twin.partner)
    assert set(told) == {TWIN}
    told = answer(monkeypatch, Word("vault-odd", HOME), Word("vault-even", TWIN))
    fencing.spread(twin, twin.partner)
    assert not told
    assert fencing.mine(twin.partner) == TWIN  # one server alone does not say who serves
    assert fencing.heard(twin.partner) == HOME.epoch


def job(kind: JobKind, epoch: int, minute: int) -> Job:
    plan = Plan("activate", "web1", "twin1", T0, epoch, ())
    return Job(kind, f"{kind}{epoch}{minute}", plan, T0 + timedelta(minutes=minute), Signed(""))


def test_each_order_of_a_life_has_a_higher_epoch_than_the_one_before() -> None:
    first, back = job(JobKind.ACTIVATE, 0, 1), job(JobKind.WITHDRAW, 1, 2)
    resumed = replace(first, ordered=T0 + timedelta(minutes=3))
    again, second = job(JobKind.WITHDRAW, 3, 4), job(JobKind.ACTIVATE, 4, 5)
    known = [resumed, back, again, second]
    found = [epochs.of_job(one, known) for one in (first, back, resumed, again, second)]
    assert found == sorted(set(found))
    assert [epoch % 2 for epoch in found] == [1, 0, 1, 0, 1]
    assert epochs.of_job(replace(back, kind=JobKind.RESTORE), ()) == epochs.of_job(back, known)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_twin_that_was_made_anew_begins_above_all_that_the_witnesses_know(returns: int, top: int) -> None:
    plan = epochs.above(returns, top, under_way=False)
    assert plan >= returns
    assert 2 * plan + 1 > top
    assert 2 * plan + 2 > top


def test_a_second_plan_does_not_pass_the_order_that_is_under_way_and_does_once_it_has_ended() -> None:
    assert 2 * epochs.above(0, TWIN.epoch, under_way=True) + 1 == TWIN.epoch
    assert 2 * epochs.above(0, TWIN.epoch, under_way=False) + 1 > TWIN.epoch
    assert 2 * epochs.above(0, TWIN.epoch, under_way=True) + 2 > TWIN.epoch  # a return may


def judged(it: Known, *held: Held | None, unwitnessed: Unwitnessed = Unwitnessed.SERVE) -> tuple[Known, State]:
    """What a look leaves, where each witness holds this; None: it is silent."""
    words = [Word("v", one) if one is not None else Word("v", silent="no route") for one in held]
    after = guarding.learned(it, "web1", words)
    silent = all(word.silent for word in words)
    return after, guarding.judge(after, silent=silent, unwitnessed=unwitnessed)[0]


def test_one_witness_that_knows_of_the_twin_is_enough_to_hold() -> None:
    known, state = judged(Known(), NOTHING, NOTHING)
    assert (state, known.given) == (State.SERVING, 0)
    for words in ((TWIN, NOTHING), (None, TWIN), (TWIN, TWIN)):
        assert judged(known, *words)[1] is State.HELD


@pytest.mark.parametrize("later", [(None, None), (NOTHING, None), (NOTHING, NOTHING), (TWIN, None)])
def test_what_was_fenced_stays_held_whoever_is_silent_or_behind(later: tuple[Held | None, ...]) -> None:
    known, _ = judged(Known(given=0), TWIN, None)
    for unwitnessed in Unwitnessed:
        assert judged(known, *later, unwitnessed=unwitnessed)[1] is State.HELD


def test_handed_back_is_not_restored() -> None:
    known, _ = judged(Known(given=0), TWIN, None)
    known, state = judged(known, HOME, HOME)
    assert state is State.HELD
    admitted = replace(known, admitted=HOME.epoch)
    for words in ((HOME, HOME), (None, None), (TWIN, None)):
        assert judged(admitted, *words)[1] is State.ADMITTED
    given = replace(admitted, given=HOME.epoch)
    for words in ((HOME, HOME), (None, None), (TWIN, None)):
        assert judged(given, *words)[1] is State.SERVING
    again = replace(TWIN, epoch=3)
    for known in (admitted, given):
        assert judged(known, again, HOME)[1] is State.HELD


def test_a_host_that_was_off_all_the_while_waits_for_its_restore_and_one_made_anew_does_not() -> None:
    assert judged(Known(given=0), HOME, HOME)[1] is State.HELD
    assert judged(Known(), HOME, HOME)[1] is State.SERVING
    assert judged(Known(), TWIN, TWIN)[1] is State.HELD


def test_with_nobody_to_ask_the_estate_decides() -> None:
    for known in (Known(), Known(given=0), Known(given=2)):
        assert judged(known, None, None)[1] is State.SERVING
        assert judged(known, None, None, unwitnessed=Unwitnessed.HOLD)[1] is State.HELD
        assert judged(known, NOTHING, None, unwitnessed=Unwitnessed.HOLD)[1] is State.SERVING
