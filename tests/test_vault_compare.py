"""What a repository says against what it must have: each way to lie is named."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backups.vault.compare import Verdict, compare, dead, new
from backups.vault.model import Known, Listed, State, Stats
from backups.vault.poison import suspicion

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def listed(hours: float, kind: str = "files", host: str = "web1") -> Listed:
    name = f"{host}.{kind}.{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    return Listed(name, hashlib.sha256(name.encode()).hexdigest())


def known(one: Listed) -> Known:
    return Known(one.name, one.id, NOW - timedelta(hours=30))


THERE = tuple(listed(hours) for hours in (100, 76, 52, 28))
STATE = State({one.id: known(one) for one in THERE}, "the key", looked=NOW - timedelta(hours=2))


def verdicts(found: Sequence[Listed], state: State = STATE, key: str = "the key") -> list[tuple[str, str]]:
    said = compare(state, found, client="web1", files=True, key=key, now=NOW, most=4)
    assert all(str(one) for one in said)
    return [(one.kind, one.subject) for one in said]


def test_what_is_as_it_was_and_an_archive_of_tonight_are_fine() -> None:
    assert verdicts(THERE) == []
    tonight = listed(1)
    assert verdicts([*THERE, tonight]) == []
    assert new(STATE, [*THERE, tonight]) == (tonight,)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda there: there[1:], "vanished"),
        (lambda there: [replace(there[0], id="f" * 64), *there[1:]], "replaced"),
        (lambda there: [*there, replace(there[0], name="web1.files.2026-11-22T00:00:00Z")], "replaced"),
        (lambda there: [*there, listed(-1)], "future"),
        (lambda there: [*there, listed(24 * 9)], "backdated"),
        (lambda there: [*there, listed(1, host="web2")], "unknown"),
        (lambda there: [*there, listed(1, kind="mariadb")], "unknown"),
        (lambda there: [*there, Listed("README", "a" * 64)], "unknown"),
        (lambda there: [*there, *(listed(n / 100) for n in range(5))], "flood"),
    ],
)
def test_each_lie_has_a_name(change: object, kind: str) -> None:
    said = {found for found, _ in verdicts(change(list(THERE)))}  # type: ignore[operator]
    assert kind in said
    assert said <= {kind, "backdated"}


def test_another_key_is_seen() -> None:
    assert verdicts(THERE, key="another") == [("key", "")]
    assert verdicts(THERE, replace(STATE, key="")) == []  # the first look


def test_a_checkpoint_is_no_archive_yet() -> None:
    checkpoint = Listed(f"{listed(1).name}.checkpoint", "c" * 64)
    assert verdicts([*THERE, checkpoint]) == []
    assert new(STATE, [checkpoint]) == ()


@pytest.mark.parametrize(("hours", "gone"), [(1, False), (23, False), (25, True), (999, True), (-1, True)])
def test_a_checkpoint_that_no_run_goes_on_from_only_takes_room(hours: float, gone: bool) -> None:
    name = listed(hours).name
    begun = [Listed(f"{name}.checkpoint", "c" * 64), Listed(f"{name}.checkpoint.1", "d" * 64)]
    assert dead([*THERE, Listed(name, "e" * 64), *begun], NOW) == (tuple(begun) if gone else ())


def test_what_only_ends_like_a_checkpoint_is_unknown() -> None:
    assert ("unknown", "--hidden.checkpoint") in verdicts([*THERE, Listed("--hidden.checkpoint", "c" * 64)])


def test_what_we_delete_is_not_missed_and_must_not_come_back() -> None:
    first = THERE[0]
    begun = replace(STATE, archives={**STATE.archives, first.id: replace(known(first), deleting=True)})
    assert verdicts(THERE[1:], begun) == []
    gone = replace(STATE, archives={**STATE.archives, first.id: replace(known(first), gone=NOW)})
    assert verdicts(THERE[1:], gone) == []
    assert verdicts(THERE, gone) == [("returned", first.name)]


def test_a_long_silence_is_no_flood() -> None:
    quiet = replace(STATE, looked=NOW - timedelta(days=2))
    assert verdicts([*THERE, *(listed(n / 100) for n in range(5))], quiet) == []


def test_snapshots_that_waited_while_both_sides_were_down_are_no_lie() -> None:
    assert verdicts([*THERE, listed(60)]) == []


USUAL = [Stats(10_000_000, 4_000_000, 900 + n, 0.02) for n in range(5)]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Stats(10_100_000, 4_050_000, 905, 0.03), ""),
        (Stats(10_100_000, 10_050_000, 905, 0.98), "encrypted"),
        (Stats(10_100_000, 7_000_000, 905, 0.6), "encrypted"),  # half of it
        (Stats(10_100_000, 4_050_000, 905, 0.9), ""),  # all of it is new, and as readable as ever: a new chunker
        (Stats(10_100_000, 4_000_000, 300, 0.0), "files"),
        (Stats(1_000_000, 400_000, 890, 0.0), "MB"),
    ],
)
def test_what_looks_encrypted_or_gone_is_suspect(now: Stats, said: str) -> None:
    assert said in suspicion(USUAL, now)
    assert bool(suspicion(USUAL, now)) is bool(said)


def test_pictures_are_as_dense_as_noise_and_only_the_share_that_is_new_tells() -> None:
    pictures = [Stats(10_000_000, 9_900_000, 900, 0.01) for _ in range(5)]
    assert not suspicion(pictures, Stats(10_000_000, 9_900_000, 900, 0.02))
    assert suspicion(pictures, Stats(10_000_000, 10_000_000, 900, 0.99))


def test_the_first_archives_have_nothing_to_be_compared_with() -> None:
    assert not suspicion([], Stats(10_000_000, 10_000_000, 900, 1.0))
    assert not suspicion(USUAL[:1], Stats(10_000_000, 10_000_000, 900, 1.0))


def test_a_verdict_reads_as_a_sentence() -> None:
    assert str(Verdict("key", "", "its key is another one")) == "its key is another one"
