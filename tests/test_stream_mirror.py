"""What both sides keep, put together again on the twin: holes, changed bytes, and files that end in the middle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from saved_estate import archive, site

from backups.streams import frames, mirror, tails
from backups.streams.coverage import Run
from backups.streams.frames import Chunk, Position, Scope, Sealer
from backups.streams.mirror import Mirror
from backups.streams.notes import Note
from estate.model import Engine, Side
from estate.problem import Unreachable

T0 = datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
CHAIN = "20261122T031400Z-1f2e3d"
LOG = {"binlog.000001": b"first file of the log", "binlog.000002": b"second file, still written to"}
START = Position("binlog.000001", 0)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    monkeypatch.setattr(mirror, "MIRROR", tmp_path / "mirror")
    (tmp_path / "passphrase").write_text("a test's own\n", encoding="utf-8")
    return Mirror(site(tmp_path).host, tmp_path / "passphrase")


def ship(here: Mirror, side: Side, cuts: int, number: int = 1, *, leave_out: tuple[int, ...] = ()) -> Path:
    """The whole log in frames of `cuts` bytes, as a file of one side; without some of the frames."""
    sealer = Sealer(Scope("web1", "mariadb", CHAIN), "a test's own", bytes([number]) * 32, frames.NOTHING)
    parts, count = [sealer.head], 0
    for name, content in LOG.items():
        for at in range(0, len(content), cuts):
            data = content[at : at + cuts]
            final = name == "binlog.000001" and at + cuts >= len(content)
            frame = sealer.seal(Chunk(Position(name, at), data, final, T0 + timedelta(seconds=count)), data)
            parts += [] if count in leave_out else [frame]
            count += 1
    path = mirror.MIRROR / "web1" / side / "mariadb" / CHAIN / f"{number:06}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts))
    return path


def unsealed(here: Mirror, into: Path) -> tuple[dict[str, bytes], Run, list[str]]:
    into.mkdir()
    run, faults = here.unseal(Engine.MARIADB, CHAIN, START, into)
    return {path.name: path.read_bytes() for path in into.iterdir()}, run, faults


def test_a_log_comes_back_byte_for_byte_from_either_side(here: Mirror, tmp_path: Path) -> None:
    for side, cuts in zip(Side, (3, 7), strict=True):
        path = ship(here, side, cuts)
        content, run, faults = unsealed(here, tmp_path / side)
        assert (content, faults, run.gap) == (LOG, [], False)
        path.unlink()


def test_what_is_changed_on_one_side_comes_from_the_other_and_is_said(here: Mirror, tmp_path: Path) -> None:
    ship(here, Side.EVEN, 7)
    path = ship(here, Side.ODD, 5)
    spoiled = bytearray(path.read_bytes())
    spoiled[200] ^= 1
    path.write_bytes(spoiled)
    content, run, faults = unsealed(here, tmp_path / "out")
    assert (content, run.gap) == (LOG, False)
    assert "vault-odd (odd)" in faults[0]


def test_two_torn_sides_are_whole_together(here: Mirror, tmp_path: Path) -> None:
    """A session ends torn, the next goes on in another file; on the other side it is torn elsewhere."""
    first = ship(here, Side.EVEN, 7)
    first.write_bytes(first.read_bytes()[:400])
    alone, run, _ = unsealed(here, tmp_path / "alone")
    assert len(alone["binlog.000001"]) < len(LOG["binlog.000001"])
    assert not run.gap  # it ends there, and nothing is known of more
    ship(here, Side.ODD, 5, leave_out=(0,))
    content, run, _ = unsealed(here, tmp_path / "both")
    assert (content, run.gap) == (LOG, False)


def test_a_hole_on_both_sides_ends_it_there_and_nothing_after_it_is_used(here: Mirror, tmp_path: Path) -> None:
    ship(here, Side.EVEN, 7, leave_out=(1,))
    ship(here, Side.ODD, 7, number=2, leave_out=(1,))
    content, run, _ = unsealed(here, tmp_path / "out")
    assert run.gap
    assert run.end == Position("binlog.000001", 7)
    assert content == {"binlog.000001": LOG["binlog.000001"][:7]}
    assert run.instant == T0


def test_a_side_that_has_less_than_it_had_takes_nothing_away(here: Mirror) -> None:
    path = ship(here, Side.EVEN, 7)
    before = path.read_bytes()
    name = f"mariadb/{CHAIN}/000001"
    fault = here._file(None, site(path.parents[5]).host, Side.EVEN, name, 10)  # type: ignore[arg-type]
    assert "10 bytes" in str(fault)
    assert path.read_bytes() == before
    escape = here._file(None, site(path.parents[5]).host, Side.EVEN, "../../../x", 10)  # type: ignore[arg-type]
    assert "look at who was on" in str(escape)


def test_each_side_alone_says_how_far_it_brings_its_newest_snapshot(
    here: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "of", lambda _: here)
    monkeypatch.setattr(Mirror, "fetch", lambda *_: (Unreachable("vault-odd does not answer", hint="look"),))
    monkeypatch.setattr(tails, "noted", lambda *_: Note(CHAIN, Position("binlog.000001", 4), T0))
    monkeypatch.setattr(tails, "WITHOUT", tmp_path / "without-stream")
    twin = site(tmp_path, "twin1")
    snapshots = [archive(Engine.MARIADB, age, side) for age, side in ((3, Side.EVEN), (1, Side.EVEN), (5, Side.ODD))]
    ship(here, Side.EVEN, 7)
    ship(here, Side.ODD, 7, leave_out=(1,))  # the other side has it: together they are whole
    found, said = tails.ends(twin, twin.partner, snapshots)
    assert {side: at - T0 for (_, side), at in found.items()} == {
        Side.EVEN: timedelta(seconds=7),
        Side.ODD: timedelta(seconds=0),
    }
    assert said == ("vault-odd does not answer",)
    pooled, _ = tails.tails(twin, twin.partner, snapshots)
    assert [tail.until - T0 for tail in pooled.values()] == [timedelta(seconds=7)]
    (tmp_path / "without-stream").touch()
    assert tails.ends(twin, twin.partner, snapshots)[0] == {}
