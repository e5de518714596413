"""What is taken where, what is remembered of it, and when a run counts as safe."""

import errno
import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from local_borg import Local, use_local_borg
from saved_estate import T0, site

from backups import manifest, paths, take
from backups.memory import Taken, recall, remember
from backups.repository import Repository, class_of
from backups.sides import side_now
from backups.site import Site
from backups.take import require_safe
from effects import disk, limited
from effects.run import run
from estate.model import Engine, Host, Side
from estate.points import FILES, Kind
from estate.problem import Failed, Problem, Unreachable, Untrusted

FIRST = side_now(T0, ZoneInfo("Europe/Amsterdam"))


class LocalSite(Site):
    """A host whose backup servers are directories of this machine; without its directory, a server is down."""

    folder: Path

    def repository(self, client: Host, kind: Kind, side: Side) -> Repository:
        server = self.estate.hosts[client.backup[side]]
        kept = self.folder / "passphrase"
        return Local(client.name, class_of(kind), side, server, kept, folder=self.folder / str(side))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalSite:
    made = LocalSite(site(tmp_path).estate, site(tmp_path).host)
    object.__setattr__(made, "folder", tmp_path)
    use_local_borg(monkeypatch, tmp_path)
    live = tmp_path / "live"
    live.mkdir()
    (live / "file").write_text("one", encoding="utf-8")
    monkeypatch.setattr(take, "ALWAYS", (str(live),))
    monkeypatch.setattr(paths, "STATUS", tmp_path / "state/backup.json")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(manifest, "WHERE", tmp_path / "state/host")
    monkeypatch.setattr(manifest, "ASKED", {"kernel": ["uname", "--all"], "silent": ["false"]})
    for side in Side:
        (tmp_path / str(side) / "web1").mkdir(parents=True)
        made.repository(made.host, FILES, side).init()
    return made


def down(here: LocalSite, side: Side) -> Path:
    """The repository of a side is gone; where it was put."""
    repository = here.folder / str(side)
    return repository.rename(here.folder / f"{side}.down")


def sides(taken: list[Taken]) -> list[tuple[Side, bool]]:
    return [(one.side, one.error is None) for one in taken]


def files_at(here: LocalSite, hours: float = 0) -> list[Taken]:
    taken = take.files_archive(here, T0 + timedelta(hours=hours), lambda _: None)
    remember(taken)
    return taken


def test_the_first_archive_goes_to_both_sides_and_the_next_to_the_days_own(here: LocalSite) -> None:
    assert sides(files_at(here)) == [(FIRST, True), (FIRST.other, True)]
    assert sides(files_at(here, 1)) == [(FIRST, True)]
    assert sides(files_at(here, 24)) == [(FIRST.other, True)]


def test_a_side_that_is_down_never_costs_a_day(here: LocalSite) -> None:
    files_at(here)
    down(here, FIRST)
    taken = files_at(here, 1)
    assert sides(taken) == [(FIRST, False), (FIRST.other, True)]
    assert taken[0].server in (taken[0].error or "")
    require_safe(taken)


def owed_at(here: LocalSite, hours: float) -> list[tuple[Side, bool]]:
    """What the scheduler takes."""
    taken = take.files_archive(here, T0 + timedelta(hours=hours), lambda _: None, owed=True)
    remember(taken)
    return sides(taken)


def test_a_side_that_was_down_gets_what_it_lacks_with_one_archive_when_it_returns(here: LocalSite) -> None:
    files_at(here)
    was = down(here, FIRST.other)
    assert owed_at(here, 24) == [(FIRST.other, False), (FIRST, True)]  # its day, and the other took it
    assert owed_at(here, 25) == [(FIRST.other, False)]  # nobody else lacks anything
    assert set(owed_at(here, 48)) == {(FIRST.other, False), (FIRST, True)}
    was.rename(here.folder / str(FIRST.other))
    assert owed_at(here, 72.1) == [(FIRST.other, True)]
    assert owed_at(here, 72.2) == []
    assert owed_at(here, 96) == [(FIRST, True)]


def test_with_both_sides_down_nothing_is_said_to_be_safe(here: LocalSite) -> None:
    for side in Side:
        down(here, side)
    taken = files_at(here)
    assert sides(taken) == [(FIRST, False), (FIRST.other, False)]
    with pytest.raises(Problem) as fault:
        require_safe(taken)
    assert all(f"vault-{side}" in fault.value.what for side in Side)


def test_a_first_archive_that_reached_one_side_is_brought_to_the_other_later(here: LocalSite) -> None:
    was = down(here, FIRST.other)
    assert sides(files_at(here)) == [(FIRST, True), (FIRST.other, False)]
    was.rename(here.folder / str(FIRST.other))
    assert sides(files_at(here, 1)) == [(FIRST, True), (FIRST.other, True)]
    assert sides(files_at(here, 2)) == [(FIRST, True)]


def test_what_the_host_is_goes_into_its_archive(here: LocalSite, tmp_path: Path) -> None:
    files_at(here)
    repository = here.repository(here.host, FILES, FIRST)
    (tmp_path / "back").mkdir()
    repository.extract(repository.archives()[0], tmp_path / "back")
    (saved,) = (tmp_path / "back").rglob("manifest.json")
    about = json.loads(saved.read_text(encoding="utf-8"))
    assert (about["host"], set(about["bytes"])) == ("web1", {"shop.example", "ledger.example", "docs.example"})
    assert (saved.parent / "kernel.txt").read_text(encoding="utf-8").startswith("Linux")
    assert not (saved.parent / "silent.txt").exists()


class Copied:
    """A database server that is copied when another one is being copied too: alone, its copy breaks."""

    data = Path("/nonexistent")
    together = Barrier(2, timeout=20)

    def copy(self, into: Path) -> None:
        into.mkdir(parents=True)
        self.together.wait()
        raise Failed("copied beside the other", hint="nothing")


def test_servers_are_copied_side_by_side_where_the_disk_has_room_for_all(
    here: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "SPOOL", tmp_path / "state/spool")
    monkeypatch.setattr(take, "server", lambda _: Copied())
    monkeypatch.setattr(take, "cores", lambda: 2)
    taken = take.snapshots(here, T0, lambda _: None, *Engine)
    assert {one.error for one in taken} == {"copied beside the other\n  hint: nothing"}
    assert {(one.kind, one.side) for one in taken} == {(engine, side) for engine in Engine for side in Side}
    monkeypatch.setattr(disk, "size", lambda _: 10**15)
    assert take._at_once(here, list(Engine)) == 1


class Full(Copied):
    """The disk is full when its copy is begun."""

    def copy(self, into: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(into))


def test_a_disk_that_is_full_for_one_server_is_said_and_stops_no_other(
    here: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "SPOOL", tmp_path / "spool")
    monkeypatch.setattr(take, "server", lambda _: Full())
    taken = take.snapshots(here, T0, lambda _: None, *Engine)
    assert {one.kind for one in taken} == set(Engine)
    for one in taken:
        assert one.error
        assert f"No space left on device: '{tmp_path}/spool/{one.kind}'" in one.error
        assert one.code == Failed.exit_code


def test_packages_and_units_are_asked_again_where_they_changed(
    here: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (asked := tmp_path / "asked").touch()
    (status := tmp_path / "dpkg-status").write_text("one", encoding="utf-8")
    monkeypatch.setattr(manifest, "ASKED", {"versions": ["sh", "-c", f"echo >> {asked}; cat {status}"]})
    monkeypatch.setattr(manifest, "OF", {"versions": (str(status), str(tmp_path / "*.wants/"))})
    for content, times in (("one", 1), ("one", 1), ("two", 2), ("two", 2)):
        if status.read_text(encoding="utf-8") != content:
            status.write_text(content, encoding="utf-8")
        manifest.write(here)
        assert (tmp_path / "state/host/versions.txt").read_text(encoding="utf-8") == content
        assert asked.read_text(encoding="utf-8").count("\n") == times
    (wants := tmp_path / "multi-user.target.wants").mkdir()
    manifest.write(here)
    manifest.write(here)
    (wants / "a.service").symlink_to("/nowhere")
    manifest.write(here)
    assert asked.read_text(encoding="utf-8").count("\n") == 4
    status.unlink()
    wants.joinpath("a.service").unlink()
    wants.rmdir()
    manifest.write(here)
    assert asked.read_text(encoding="utf-8").count("\n") == 5


def test_all_uploads_of_a_host_go_through_one_limit(here: LocalSite) -> None:
    policy = replace(here.estate.backup, upload_limit_kib=300)
    slow = Site(replace(here.estate, backup=policy), here.host)
    ways = {
        slow.repository(here.host, kind, side)._environment()["BORG_RSH"]
        for kind in (FILES, Engine.MARIADB)
        for side in Side
    }
    (way,) = ways
    before, _, after = way.partition(" ssh ")
    assert before.split()[1:] == ["-I", str(limited.__file__), "300", str(paths.UPLOAD)]
    assert "StrictHostKeyChecking=yes" in after
    free = Site(here.estate, here.host).repository(here.host, FILES, Side.ODD)
    assert free._environment()["BORG_RSH"].startswith("ssh ")


def test_the_hosts_own_secrets_and_what_was_set_aside_are_not_in_the_archive() -> None:
    left_out = take._relative(take.NEVER)
    assert {"etc/seawall/secrets", "etc/seawall/ssh"} <= set(left_out)
    assert any(pattern.startswith("sh:srv/vhosts/.seawall") for pattern in left_out)


def one(kind: Kind, side: Side, error: Problem | None = None) -> Taken:
    said = None if error is None else str(error)
    return Taken("name", side, f"vault-{side}", kind, T0, 1.0, 1, said, error.exit_code if error else 0)


UNREACHABLE = Unreachable("does not answer", hint="look")
UNTRUSTED = Untrusted("does not open", hint="look")


@pytest.mark.parametrize(
    ("taken", "code"),
    [
        ([one(FILES, Side.ODD)], 0),
        ([one(FILES, Side.ODD, UNREACHABLE), one(FILES, Side.EVEN)], 0),
        ([one(FILES, Side.ODD, UNREACHABLE), one(FILES, Side.EVEN, UNREACHABLE)], 4),
        ([one(FILES, Side.ODD, UNREACHABLE), one(FILES, Side.EVEN, UNTRUSTED)], 7),
        ([one(Engine.MARIADB, Side.ODD), one(Engine.MARIADB, Side.EVEN)], 0),
        ([one(Engine.MARIADB, Side.ODD), one(Engine.MARIADB, Side.EVEN, UNREACHABLE)], 4),
        ([one(Engine.MARIADB, Side.ODD, UNTRUSTED), one(Engine.MARIADB, Side.EVEN, UNTRUSTED)], 5),
        ([one(Engine.MARIADB, Side.ODD, UNTRUSTED), one(Engine.POSTGRESQL, Side.EVEN, UNREACHABLE)], 7),
    ],
)
def test_the_exit_code_says_what_kind_of_trouble_it_is(taken: list[Taken], code: int) -> None:
    if code == 0:
        require_safe(taken)
        return
    with pytest.raises(Problem) as fault:
        require_safe(taken)
    assert fault.value.exit_code == code
    assert isinstance(fault.value, Failed) is (code == 7)
    assert fault.value.hint


def test_a_failure_does_not_make_the_last_success_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "state/backup.json")
    assert recall() == {}
    remember([one(FILES, Side.ODD)])
    remember([one(FILES, Side.ODD, UNREACHABLE)])
    known = recall()
    assert known["files.odd.good"]["error"] is None
    assert "does not answer" in known["files.odd.last"]["error"]
    assert paths.STATUS.stat().st_mode & 0o777 == 0o600


def test_a_torn_memory_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")
    paths.STATUS.write_text('{"files.odd.good"', encoding="utf-8")
    assert recall() == {}


def test_a_managed_host_needs_nothing_that_only_the_control_machine_has() -> None:
    program = """
import sys
class Absent:
    def find_spec(self, name, *more):
        if name.partition(".")[0] in ("fabric", "hatchling", "invoke", "paramiko", "pyinfra"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from seawall.commands import backup, host
for group, names in ((host, host.TABLE), (backup, ("schedule", "keep", "stream", "replica", "prove", "restore"))):
    for name in names:
        group.command.get_command(None, name)
print("started")
"""
    assert run([sys.executable, "-c", program], timeout=60) == "started\n"
