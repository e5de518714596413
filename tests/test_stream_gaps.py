"""A gap of the stream asks for a snapshot, until one was begun after it."""

import json
from datetime import timedelta
from pathlib import Path

from saved_estate import T0

from backups.debts import Due
from backups.scheduler import Turn
from backups.streams import gaps
from estate.model import Engine

HOUR = timedelta(hours=1)


def test_a_gap_is_open_until_a_snapshot_was_begun_after_it(tmp_path: Path) -> None:
    noted = tmp_path / "gaps.jsonl"
    assert gaps.open_since(Engine.MARIADB, [None, None], noted) is None
    rows = [{"at": (T0 + n * HOUR).isoformat(), "engine": "mariadb", "side": "odd", "what": "x"} for n in (1, 2)]
    noted.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"at": "torn', "utf-8")
    assert gaps.open_since(Engine.MARIADB, [None, None], noted) == T0 + 2 * HOUR
    assert gaps.open_since(Engine.MARIADB, [T0, None], noted) == T0 + 2 * HOUR
    assert gaps.open_since(Engine.MARIADB, [T0, T0 + 3 * HOUR], noted) is None
    assert gaps.open_since(Engine.POSTGRESQL, [None], noted) is None


def test_a_log_that_tears_all_the_time_costs_a_snapshot_every_quarter_of_an_hour_at_most() -> None:
    taken: list[int] = []
    turn = Turn(due=lambda _: Due.TURN, act=lambda: taken.append(1), ready=lambda: True)
    for second in range(0, 3600, 10):
        turn.look(T0 + timedelta(seconds=second), float(second))
    assert len(taken) == 4
