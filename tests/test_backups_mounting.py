"""Which archive is shown where, before anything is mounted; what is mounted is tried in tests/lab/test_y_mount.py."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive

from backups import mounting
from effects.run import run
from estate.model import Engine, Side
from estate.points import FILES
from estate.problem import Missing, Refused

OLD, ODD = archive(FILES, 48, Side.ODD), archive(FILES, 2, Side.ODD)
EVEN, NEWEST = archive(FILES, 26, Side.EVEN), archive(FILES, 1, Side.EVEN)
ALL = (OLD, EVEN, ODD, NEWEST)


def test_the_other_side_has_the_next_best_unless_one_was_named() -> None:
    assert mounting.candidates(ALL, None, None, FILES) == (NEWEST, ODD)
    assert mounting.candidates(ALL, None, T0 - timedelta(hours=20), FILES) == (EVEN, OLD)
    assert mounting.candidates(ALL, NEWEST.name, None, FILES) == (NEWEST,)
    assert mounting.candidates((OLD, ODD), None, None, FILES) == (ODD,)


def test_a_sister_stands_in_for_the_one_that_was_named() -> None:
    sisters = tuple(archive(Engine.MARIADB, 2, side) for side in Side)
    first, other = mounting.candidates((*ALL, *sisters), sisters[0].name, None, FILES)
    assert (first.name, {first.side, other.side}) == (other.name, set(Side))
    by_id = mounting.candidates(sisters, sisters[0].id[:12], None, FILES)
    assert by_id == sisters
    with pytest.raises(Missing, match="no archive of postgresql"):
        mounting.candidates(sisters, None, None, Engine.POSTGRESQL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_only_an_empty_directory_of_roots_will_do(tmp_path: Path) -> None:
    mounting.require_place(tmp_path, ["/etc"])
    with pytest.raises(Refused, match="is saved"):
        mounting.require_place(tmp_path, [str(tmp_path.parent)])
    with pytest.raises(Refused, match="mounted at /proc already"):
        mounting.require_place(Path("/proc"), [])
    (tmp_path / "theirs").mkdir()
    with pytest.raises(Refused, match="no empty directory"):
        mounting.require_place(tmp_path, [])
    with pytest.raises(Refused, match="no empty directory"):
        mounting.require_place(tmp_path / "nothing", [])
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "theirs/mine").mkdir()
    with pytest.raises(Refused, match="somebody else's"):
        mounting.require_place(tmp_path / "theirs/mine", [])


def test_the_borg_that_mounts_is_ours() -> None:
    ours = run([str(Path(sys.executable).with_name("borg")), "--version"], timeout=60)
    assert (
        run([sys.executable, "-m", "backups.fuse", "--version"], timeout=60, cwd=Path(mounting.__file__).parents[1])
        == ours
    )
