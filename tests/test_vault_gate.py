"""Root on production holds the writer's key. Whatever he sends through the gate, what was saved stays and says so."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from borg.remote import RepositoryServer
from borg.repository import LoggedIO
from gated import MANIFEST, Gated, Session

from backups import paths
from backups.vault import gate, unfinished
from backups.vault.unfinished import COMMIT
from effects import files
from effects.run import attempt

Tree = dict[str, bytes]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Gated:
    folder = tmp_path_factory.mktemp("gated")
    (folder / "borg/web1").mkdir(parents=True)
    (folder / "live").mkdir()
    (folder / "live/a.txt").write_text("worth keeping\n", encoding="utf-8")
    found = Gated(folder)
    assert found.borg("init", "--encryption=repokey", "--append-only", "URL").ok
    assert found.borg("create", "URL::yesterday", str(folder / "live")).ok
    return found


@pytest.fixture(autouse=True)
def nothing_is_lost(gated: Gated) -> Iterator[None]:
    """Each file that holds data is there afterwards, with all that it held."""
    before = saved(gated)
    yield
    after = saved(gated)
    assert all(after[name].startswith(content) for name, content in before.items())


def saved(gated: Gated) -> Tree:
    data = gated.folder / "borg/web1/files"
    return {str(p): p.read_bytes() for p in [*data.glob("data/*/*"), data / "config"] if p.is_file()}


def refused(gated: Gated) -> list[str]:
    note = gated.folder / "borg/web1/.refused"
    lines = note.read_text(encoding="utf-8").splitlines() if note.exists() else []
    return [json.loads(line)["what"] for line in lines]


def an_object(session: Session) -> bytes:
    listed: list[bytes] = session.call("list", limit=10, marker=None)
    return next(each for each in listed if each != MANIFEST)


def test_a_failed_creation_leaves_nothing_that_could_be_destroyed(gated: Gated) -> None:
    with gated.session() as session:
        assert session.open(create=True)[0] == "AlreadyExists"
        assert session.call("destroy")[0] == "Denied"
    assert refused(gated)[-1] == "destroying a repository"


def test_what_was_saved_before_is_neither_deleted_nor_replaced(gated: Gated) -> None:
    with gated.session() as session:
        assert isinstance(session.open(), bytes)
        there = an_object(session)
        assert session.call("delete", id=there)[0] == "Denied"
        content = session.call("get", id=there)
        assert session.call("put", id=there, data=b"garbage") is None
        assert session.call("commit", compact=True, save_space=False) is None
        assert session.call("get", id=there) == content


def test_what_this_session_added_may_be_taken_back_by_it_and_by_no_other(gated: Gated) -> None:
    new = b"n" * 32
    with gated.session() as session:
        session.open()
        for _ in range(2):
            assert session.call("put", id=new, data=b"a checkpoint") is None
        session.call("commit")
        assert session.call("delete", id=new) is None
        assert session.call("put", id=new, data=b"another") is None
        session.call("commit")
    with gated.session() as session:
        session.open()
        assert session.call("delete", id=new)[0] == "Denied"


def test_the_key_is_set_once(gated: Gated) -> None:
    said = gated.borg("key", "change-passphrase", "URL")
    assert not said.ok
    assert "refused: changing the key" in said.err
    assert refused(gated)[-1] == "changing the key or its passphrase"


def test_borgs_own_ways_to_remove_are_refused_and_noted(gated: Gated) -> None:
    assert gated.borg("create", "URL::tomorrow", str(gated.folder / "live")).ok
    harms = (["delete", "URL::yesterday"], ["prune", "--keep-last=1", "URL"], ["break-lock", "URL"], ["delete", "URL"])
    for words in harms:
        assert not gated.borg(*words).ok, words
    assert {"deleting what was saved before", "breaking a lock", "destroying a repository"} <= set(refused(gated))
    assert "yesterday" in gated.borg("list", "--short", "URL").out


def test_only_its_two_repositories_open(gated: Gated) -> None:
    with gated.session() as session:
        for path in ("borg/web2/files", "borg/web1/another", "borg/web1", "borg/web1/files/data", ""):
            for create in (True, False):
                assert session.open(path=str(gated.folder / path), create=create)[0] == "Denied", path
        assert session.call("put", id=b"n" * 32, data=b"x")[0] == "Denied"
    assert not (gated.folder / "borg/web1/another").exists()


def test_one_repository_a_session(gated: Gated) -> None:
    with gated.session() as session:
        session.open()
        assert session.open("databases", create=True)[0] == "Denied"


def test_past_the_lock_one_only_reads(gated: Gated) -> None:
    with gated.session() as session:
        session.open(lock=False)
        there = an_object(session)
        assert isinstance(session.call("get", id=there), bytes)
        for method, words in (("put", {"id": MANIFEST, "data": b""}), ("put", {"id": b"n" * 32, "data": b""}),
            ("delete", {"id": there}), ("commit", {}), ("save_key", {"keydata": b"x"}),
            ("commit_nonce_reservation", {"next_unreserved": 1, "start_nonce": 0})):  # fmt: skip
            assert session.call(method, **words)[0] == "Denied", method


def test_a_quota_is_kept_whatever_the_client_asks_for(gated: Gated) -> None:
    (gated.folder / "live/b.bin").write_bytes(bytes(range(256)) * 2000)
    said = gated.borg("create", "--compression=none", "URL::large", str(gated.folder / "live"), quotas=("files=20000",))
    assert "storage quota" in said.err
    (gated.folder / "live/b.bin").unlink()


def test_writers_wait_while_the_keeper_works_and_the_keeper_while_they_do(gated: Gated) -> None:
    with gated.session("keeper", "hold files") as keeper:
        assert keeper.process.stdout
        assert keeper.process.stdout.readline() == b"held\n"
        with gated.session() as writer:
            assert writer.open(lock_wait=0.1)[0] == "LockTimeout"
    with gated.session() as writer:
        writer.open()
        with gated.session("keeper", "hold files") as keeper:
            assert keeper.process.stdout
            assert keeper.process.stdout.readline() == b"busy\n"


def test_the_keeper_deletes_and_compacts_and_can_destroy_nothing(gated: Gated) -> None:
    with gated.session("keeper") as session:
        session.open()
        assert session.call("destroy")[0] == "InvalidRPCMethod"
        assert session.call("inject_exception", kind=b"divide")[0] == "InvalidRPCMethod"


def test_the_gate_tells_the_keeper_what_was_refused(gated: Gated) -> None:
    with gated.session("keeper", "tell") as keeper:
        assert keeper.process.stdout
        told = json.loads(keeper.process.stdout.read())
    assert [one["what"] for one in told["refused"]] == refused(gated)
    assert 0 < told["free"] < told["bytes"]


def test_words_of_a_writer_are_no_command(gated: Gated) -> None:
    with gated.session("writer", "hold files") as session:
        assert isinstance(session.open(), bytes)


def test_a_borg_with_unknown_messages_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RepositoryServer, "rpc_methods", ("open", "something_new"))
    with pytest.raises(SystemExit, match="does not know"):
        gate.serve("writer", "web1", ())


def test_notes_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "REPOSITORIES", tmp_path)
    monkeypatch.setattr(gate.Writer, "client", "web1")
    (tmp_path / "web1").mkdir()
    files.write(gate.refusals("web1"), "x" * gate.NOTES)
    with pytest.raises(gate.Denied):
        gate.Writer([], [], False, None).destroy()
    assert gate.refusals("web1").stat().st_size == gate.NOTES


def a_new_one(folder: Path, dies_at: str) -> Gated:
    """A client whose first `init` ends when borg calls that method."""
    (folder / "borg/web1").mkdir(parents=True)
    code = f"import os; from borg import repository; repository.Repository.{dies_at} = lambda *_, **__: os._exit(9); "

    class Dies(Gated):
        def way_in(self, role: str, *quotas: str) -> list[str]:
            python, c, rest = super().way_in(role, *quotas)
            return [python, c, code + rest]

    assert not Dies(folder).borg("init", "--encryption=repokey", "--append-only", "URL").ok
    return Gated(folder)


@pytest.mark.parametrize("dies_at", ["save_config", "save_key", "commit"])
def test_a_creation_that_died_is_made_anew(tmp_path: Path, dies_at: str) -> None:
    new = a_new_one(tmp_path, dies_at)
    assert unfinished.unfinished(tmp_path / "borg/web1/files")
    assert not new.borg("list", "URL").ok  # so this test can fail
    assert new.borg("init", "--encryption=repokey", "--append-only", "URL").ok
    assert new.borg("list", "URL").ok
    assert new.borg("init", "--encryption=repokey", "--append-only", "URL").code == 10
    assert len(list((tmp_path / "borg/web1").glob(".unfinished-files.*"))) == 1  # whole, and out of the way


def test_who_is_still_making_one_is_left_alone(tmp_path: Path) -> None:
    new = a_new_one(tmp_path, "save_key")
    with files.locked(tmp_path / "borg/web1/.door-files", what="a writer", shared=True):
        assert new.borg("init", "--encryption=repokey", "--append-only", "URL").code == 10
    assert not list((tmp_path / "borg/web1").glob(".unfinished*"))


def test_what_was_ever_committed_is_finished_even_where_its_indexes_are_gone(gated: Gated, tmp_path: Path) -> None:
    copy = tmp_path / "files"
    shutil.copytree(gated.folder / "borg/web1/files", copy)
    assert not unfinished.unfinished(copy)
    for path in [*copy.glob("index.*"), *copy.glob("hints.*"), *copy.glob("integrity.*")]:
        path.unlink()
    assert unfinished.set_aside(copy) is None
    assert COMMIT == LoggedIO.COMMIT
    assert unfinished.set_aside(tmp_path / "none") is None


def test_heads_are_only_added_by_the_keeper_and_contradict_nothing(gated: Gated) -> None:
    def told(*lines: str, role: str = "keeper") -> tuple[list[str], str]:
        code = gated.way_in(role)
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SSH_ORIGINAL_COMMAND": "heads"}
        said = attempt(code, timeout=60, stdin="\n".join(lines) + "\n", env=env)
        kept = gated.folder / "borg/web1/.heads"
        text = kept.read_text(encoding="ascii") if kept.exists() else ""
        return (json.loads(said.out)["refused"] if role == "keeper" else [said.out]), text

    def line(entries: int, letter: str) -> str:
        return f"seawall-head twin1 activate-0123456789ab {entries} {letter * 64}"

    assert told(line(5, "a"), "rm -rf /", line(9, "b")) == ([], told()[1])
    _, before = told(line(5, "a"))  # once more adds nothing
    assert [one.partition(" ")[2] for one in before.splitlines()] == [line(5, "a"), line(9, "b")]
    refused, after = told(line(7, "c"), line(9, "d"))
    assert after == before
    assert ["cut off" in refused[0], "written anew" in refused[1]] == [True, True]
    assert told(line(12, "e"), role="writer")[1] == before  # production's key speaks with borg alone
