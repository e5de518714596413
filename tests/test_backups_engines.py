"""A copy of a database server that could not be made: why, in words that say what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backups import engines
from effects.run import Result
from estate.model import Engine
from estate.problem import Failed, Refused

# As mariadb-backup of 10.11 ends; the page's bytes as digits come in between, and are left out here.
TORN = """[00] Database page corruption detected at page 40, retrying...
[00] Error: failed to read page after 10 retries. File ./shop/wp_posts.ibd seems to be corrupted.
[00] FATAL ERROR: mariabackup: Error: failed to copy datafile."""
ARIA = """mariadb-backup: Error 176 reading data file `shop`.`log`  block 24
[00] error: aria_read data from ./shop/log.MAD failed with error 176
[00] Aria data files backup process is finished with error"""


def says(err: str) -> Callable[..., Result]:
    return lambda argv, **_: Result(tuple(argv), 1, "", err)


@pytest.mark.parametrize(("err", "file"), [(TORN, "./shop/wp_posts.ibd"), (ARIA, "./shop/log.MAD")])
def test_a_damaged_table_is_named(err: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "attempt", says(err))
    with pytest.raises(Failed, match=f"file {file} is damaged") as fault:
        engines._copy_mariadb(Path("/nonexistent"))
    assert "--latest" in fault.value.hint


def test_a_host_that_is_fenced_is_not_told_to_start_its_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = engines.Server(Engine.MARIADB, "mariadb.service", tmp_path, "mysql")
    monkeypatch.setattr(engines, "attempt", says("inactive"))
    monkeypatch.setattr(engines, "HELD", str(tmp_path / "held"))
    with pytest.raises(Failed, match="is not running"):
        stopped.copy(tmp_path / "copy")
    (tmp_path / "held").touch()
    with pytest.raises(Refused, match="another serves in its place"):
        stopped.copy(tmp_path / "copy")


def test_whatever_else_goes_wrong_is_said_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "attempt", says("Access denied"))
    with pytest.raises(Failed, match="--backup ended with 1: Access denied"):
        engines._copy_mariadb(Path("/nonexistent"))
