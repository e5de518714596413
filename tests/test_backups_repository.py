"""What borg says becomes what an operator can act on. With the real borg, in repositories on this disk."""

import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from local_borg import Local, use_local_borg
from saved_estate import T0, lab_estate, site

from backups import making, paths
from backups.repository import LOCKED, LOOKS, PATIENT, Repository, class_of
from backups.site import Site
from effects.run import Result, run
from estate.model import Engine, Side
from estate.points import FILES, archive_name
from estate.problem import Failed, Missing, Problem, Refused, Unreachable, Untrusted

NAME = archive_name("web1", FILES, T0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What there is to save."""
    (tmp_path / "live/docs").mkdir(parents=True)
    (tmp_path / "live/docs/a.txt").write_text("one\n", encoding="utf-8")
    (tmp_path / "live/ü b.txt").write_text("two\n", encoding="utf-8")
    return tmp_path / "live"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    kept = use_local_borg(monkeypatch, tmp_path)
    server = lab_estate(tmp_path).hosts["vault-odd"]
    (tmp_path / "borg/web1").mkdir(parents=True)
    made = Local("web1", "files", Side.ODD, server, kept, folder=tmp_path / "borg")
    assert made.init()
    return made


def reader(repository: Local) -> Local:
    return replace(repository, writing=False)


def test_it_is_made_once_encrypted_and_append_only(repository: Local) -> None:
    assert not repository.init()
    config = (Path(repository.url) / "config").read_text(encoding="utf-8")
    assert "append_only = 1" in config
    assert "key = " in config  # repokey: sealed by the passphrase, beside the data


def test_what_was_saved_comes_back_as_it_was(repository: Local, home: Path, tmp_path: Path) -> None:
    stats = repository.create(NAME, ["docs", "ü b.txt"], cwd=home)
    assert stats["stats"]["nfiles"] == 2
    (saved,) = reader(repository).archives()
    assert (saved.name, saved.side) == (NAME, Side.ODD)
    assert reader(repository).size(saved)[1] == 2
    (tmp_path / "back").mkdir()
    reader(repository).extract(saved, tmp_path / "back")
    assert run(["diff", "-r", str(home), str(tmp_path / "back")], timeout=20) == ""


def test_whoever_watches_hears_how_far_it_is_and_errors_stay_what_they_are(repository: Local, home: Path) -> None:
    heard: list[tuple[int, int]] = []
    for number in range(40):
        (home / f"docs/{number}").write_bytes(bytes((number * n) % 251 for n in range(20_000)))
    stats = repository.create(NAME, ["docs"], cwd=home, seen=lambda done, count: heard.append((done, count)))
    assert stats["stats"]["original_size"] >= 800_000
    assert heard == sorted(heard)
    assert heard
    repository.passphrase.write_text("another", encoding="utf-8")
    with pytest.raises(Untrusted, match="passphrase"):
        repository.create(NAME, ["docs"], cwd=home, seen=lambda _done, _count: None)


def test_only_the_named_members_come_back(repository: Local, home: Path, tmp_path: Path) -> None:
    repository.create(NAME, ["docs", "ü b.txt"], cwd=home)
    (tmp_path / "back").mkdir()
    repository.extract(repository.archives()[0], tmp_path / "back", ["docs"])
    assert [path.name for path in (tmp_path / "back").rglob("*")] == ["docs", "a.txt"]


def test_nothing_of_it_can_be_read_without_the_passphrase(repository: Local, home: Path) -> None:
    (home / "docs/a.txt").write_text("a line that stands nowhere else\n" * 40, encoding="utf-8")
    repository.create(NAME, ["docs"], cwd=home, options=["--compression=none"])
    content = b"".join(path.read_bytes() for path in Path(repository.url).rglob("*") if path.is_file())
    assert content
    assert b"stands nowhere else" not in content


def test_what_others_saved_there_is_passed_over(repository: Local, home: Path) -> None:
    for name in ("somebody-elses", NAME):
        repository.create(name, ["docs"], cwd=home)
    assert [archive.name for archive in repository.archives()] == [NAME]


def test_a_file_that_is_gone_by_the_time_it_is_read_costs_no_archive(repository: Local, home: Path) -> None:
    repository.create(NAME, ["docs", "never-there"], cwd=home)
    assert [archive.name for archive in repository.archives()] == [NAME]


@pytest.mark.parametrize("cache", [False, True])
def test_a_lock_that_a_writer_holds_does_not_stop_a_reader(
    repository: Local, home: Path, tmp_path: Path, cache: bool
) -> None:
    repository.create(NAME, ["docs"], cwd=home)
    (kept,) = (paths.BORG_HOME / ".cache/borg").glob("*/config")
    lock = (kept.parent if cache else Path(repository.url)) / "lock.exclusive"
    lock.mkdir()
    (lock / "some.other.host@1.2-3").touch()
    (archive,) = reader(repository).archives()
    assert [one["path"] for one in repository.items(archive, "{path}")] == ["docs", "docs/a.txt"]
    (tmp_path / "back").mkdir()
    reader(repository).extract(archive, tmp_path / "back")
    assert (tmp_path / "back/docs/a.txt").read_text(encoding="utf-8") == "one\n"


def test_a_wrong_passphrase_is_untrusted_and_named(repository: Local, home: Path) -> None:
    repository.passphrase.write_text("another", encoding="utf-8")
    with pytest.raises(Untrusted, match=r"vault-odd: the odd files repository of web1 .*passphrase") as fault:
        repository.create(NAME, ["docs"], cwd=home)
    assert "passphrase" in fault.value.hint
    assert "another" not in str(fault.value)


def test_a_repository_that_is_not_there_is_missing_with_the_command_that_makes_it(repository: Local) -> None:
    shutil.rmtree(repository.url)
    with pytest.raises(Missing, match="vault-odd") as fault:
        repository.archives()
    assert "seawall backup init" in fault.value.hint


def test_an_archive_that_is_not_there_is_missing(repository: Local, home: Path, tmp_path: Path) -> None:
    repository.create(NAME, ["docs"], cwd=home)
    (saved,) = repository.archives()
    other = replace(saved, taken=saved.taken.replace(hour=1))
    with pytest.raises(Missing, match="vault-odd"):
        repository.extract(other, tmp_path)


def test_a_repository_put_in_the_place_of_another_is_not_written_to(repository: Local, home: Path) -> None:
    repository.create(NAME, ["docs"], cwd=home)
    shutil.rmtree(repository.url)
    run([str(paths.BORG), "init", "--encryption=none", repository.url], timeout=60, env={"PATH": "/usr/bin"})
    with pytest.raises(Problem, match="vault-odd"):
        repository.create(NAME, ["docs"], cwd=home)


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (2, "OSError: [Errno 28] No space left on device", Failed),
        (2, "Insufficient free space to complete transaction", Failed),
        (81, "Host key verification failed.", Untrusted),
        (81, "borg-web1@10.84.2.20: Permission denied (publickey).", Untrusted),
        (81, "ssh: connect to host 10.84.2.20 port 2222: Connection timed out", Unreachable),
        (87, "Connection closed by remote host", Unreachable),
        (73, "Failed to create/acquire the lock", Refused),
        (2, "something new", Failed),
    ],
)
def test_each_ending_is_an_error_with_its_server_and_a_way_on(
    repository: Local, code: int, said: str, kind: type[Problem]
) -> None:
    with pytest.raises(kind, match="vault-odd") as fault:
        repository._judge(Result(("borg",), code, "", said), "create")
    assert type(fault.value) is kind
    assert fault.value.hint


def test_a_warning_is_fine_for_an_archive_and_for_nothing_else(repository: Local) -> None:
    changed = Result(("borg",), 100, "", "docs/a.txt: file changed while we backed it up")
    repository._judge(changed, "create")
    with pytest.raises(Failed):
        repository._judge(changed, "extract")


@pytest.mark.parametrize(("held", "error"), [(LOOKS - 1, None), (LOOKS, Refused)])
def test_a_lock_that_somebody_holds_is_looked_at_often_and_not_for_ever(
    repository: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, error: type[Problem] | None
) -> None:
    tries: list[Sequence[str]] = []

    def borg(_: Repository, argv: Sequence[str], **_more: object) -> Result:
        tries.append(argv)
        return Result(tuple(argv), LOCKED if len(tries) <= held else 0, '{"archive": {}}', "")

    monkeypatch.setattr(Repository, "_started", borg)
    with pytest.raises(error) if error else nullcontext():
        repository.create(NAME, ["docs"], cwd=tmp_path)
    assert len(tries) == LOOKS
    assert all(PATIENT in argv for argv in tries)


def test_databases_never_queue_behind_files() -> None:
    assert {class_of(engine) for engine in Engine} == {"databases"}
    assert class_of(FILES) == "files"


def test_a_writer_and_its_reader_are_two_accounts(tmp_path: Path) -> None:
    server = lab_estate(tmp_path).hosts["vault-odd"]
    made = Repository("web1", "files", Side.ODD, server, tmp_path / "passphrase")
    assert made.url == f"ssh://borg-web1@{server.ipv4}:2222/srv/borg/web1/files"
    assert replace(made, writing=False).user == "borg-web1-ro"


def test_both_sides_give_the_same_content_the_same_ids_and_have_keys_of_their_own(
    repository: Local, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other/web1").mkdir(parents=True)
    other = replace(repository, folder=tmp_path / "other")
    secrets = json.loads(repository.related_secrets())
    both = {Side.EVEN: repository, Side.ODD: other}
    monkeypatch.setattr(Site, "repository", lambda _site, _host, _kind, side: both[side])
    monkeypatch.setattr(making, "KINDS", (FILES,))
    found = making.make(site(tmp_path), lambda _: None)
    assert [created for _, created in found] == [False, True]
    assert json.loads(other.related_secrets()) == secrets
    keys = [(Path(one.url) / "config").read_text("utf-8").partition("key =")[2] for one in (repository, other)]
    assert keys[0] != keys[1]
    assert [created for _, created in making.make(site(tmp_path), lambda _: None)] == [False, False]
