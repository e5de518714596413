"""Frames: what was sealed comes back, and nothing else does; and a backup server's program keeps what it has."""

import io
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.streams import frames, mirror
from backups.streams.frames import Chunk, Position, Scope, Sealer
from effects.onhost import streams
from estate.problem import Untrusted

T0 = datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
SCOPE = Scope("web1", "mariadb", "20261122T031400Z-1f2e3d")
SECRET = "a test's own"


def sealed(pieces: list[bytes], scope: Scope = SCOPE, salt: bytes = bytes(32)) -> list[bytes]:
    """A file's head, then a frame for each piece."""
    sealer, at, found = Sealer(scope, SECRET, salt, frames.NOTHING), 0, []
    for number, piece in enumerate(pieces):
        chunk = Chunk(Position("binlog.000001", at), piece, final=False, instant=T0 + timedelta(seconds=number))
        found.append(sealer.seal(chunk, piece[-frames.MARKED :]))
        at += len(piece)
    return [sealer.head, *found]


def come_back(content: bytes, scope: Scope = SCOPE, secret: str = SECRET) -> list[bytes | None]:
    return [data for _, data in frames.opened(content, scope, secret)]


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(min_value=0, max_value=200))
def test_whole_frames_come_back_and_a_torn_end_is_passed_over(pieces: list[bytes], cut: int) -> None:
    parts = sealed(pieces)
    whole = b"".join(parts)
    assert come_back(whole) == pieces
    torn = whole[: max(len(parts[0]), len(whole) - cut)]
    assert come_back(torn) == pieces[: len(come_back(torn))]
    assert cut == 0 or not pieces or len(come_back(torn)) < len(pieces)


@given(st.data())
def test_a_flipped_bit_opens_nothing_wrong_and_takes_no_other_frame_with_it(data: st.DataObject) -> None:
    pieces = [b"one" * 9, b"two" * 9, b"three" * 9]
    parts = sealed(pieces)
    inside = sum(map(len, parts[:2]))  # the second frame
    whole = bytearray(b"".join(parts))
    place = data.draw(st.integers(inside, inside + len(parts[2]) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    found = come_back(bytes(whole))
    assert found[0] == pieces[0]
    assert pieces[1] not in found
    assert all(one is None or one in pieces for one in found)
    if len(found) == 3:  # its length still stands
        assert found[2] == pieces[2]


def test_what_is_of_another_host_engine_chain_or_passphrase_does_not_open() -> None:
    whole = b"".join(sealed([b"log"]))
    assert come_back(whole) == [b"log"]
    for scope in (Scope("web2", *("mariadb", SCOPE.chain)), Scope("web1", "postgresql", SCOPE.chain),
                  Scope("web1", "mariadb", "20261122T031400Z-ffffff")):  # fmt: skip
        assert come_back(whole, scope) == [None]
    assert come_back(whole, secret="another") == [None]


def test_frames_come_in_order_and_once() -> None:
    head, one, two, three = sealed([b"1", b"2", b"3"])
    assert come_back(head + one + three) == [b"1", b"3"]  # the hole is seen by what is missing
    assert come_back(head + two + one + three) == [b"2", None, b"3"]
    assert come_back(head + one + one) == [b"1", None]


class Counted(bytes):
    """How much of it was copied out."""

    copied = 0

    def __getitem__(self, where: slice) -> bytes:  # type: ignore[override]
        part = super().__getitem__(where)
        Counted.copied += len(part)
        return part


def test_a_file_of_many_frames_is_read_once() -> None:
    """What is left of it, copied for each frame, took 87 s for 48 MB in 4,000 frames."""
    content = Counted(b"".join(sealed([secrets.token_bytes(100)] * 200)))
    assert len(list(frames.stored(content))) == 200
    assert Counted.copied < 2 * len(content)


def test_two_files_never_share_a_key() -> None:
    first = sealed([b"log"], salt=secrets.token_bytes(32))
    second = sealed([b"log"], salt=secrets.token_bytes(32))
    assert first[1][streams.FRAME.size :] != second[1][streams.FRAME.size :]
    assert come_back(first[0] + second[1]) == [None]


def test_what_is_no_stream_file_is_said() -> None:
    with pytest.raises(Untrusted):
        list(frames.opened(b"something else that is long enough for a header", SCOPE, SECRET))


class Vault:
    """The backup server's program on a directory of this machine."""

    def __init__(self, root: Path, quota: int = 1) -> None:
        self.root, self.quota = root, quota
        root.mkdir(exist_ok=True)

    def asked(self, requests: bytes, *, verb: str = "write") -> list[str]:
        sink = io.BytesIO()
        if verb == "write":
            streams.write(self.root, self.quota << 20, io.BytesIO(requests), sink)
        else:
            streams.read(self.root, io.BytesIO(requests), sink)
        return sink.getvalue().decode("latin-1").splitlines()

    def content(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}


CHAIN = f"mariadb {SCOPE.chain}"


def session(parts: list[bytes]) -> bytes:
    head, *rest = parts
    sent = b"".join(f"frame mariadb {len(frame)}\n".encode() + frame for frame in rest)
    return f"open {CHAIN}\n".encode() + head + sent


def test_a_server_keeps_frames_and_says_how_far_it_is(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.asked(f"where {CHAIN}\n".encode()) == ["ok {}"]
    parts = sealed([b"one", b"two"])
    assert vault.asked(session(parts)) == ["ok 000001", "ok 0", "ok 1"]
    (line,) = vault.asked(f"where {CHAIN}\n".encode())
    known = json.loads(line[3:])
    assert frames.unpack(bytes.fromhex(known["header"])).end == Position("binlog.000001", 6)
    assert bytes.fromhex(known["digest"]) == list(frames.stored(b"".join(parts)))[-1].digest


def test_a_torn_frame_stays_and_the_next_file_goes_on(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    head, one, two = sealed([b"one", b"two"])
    assert vault.asked(session([head, one]) + f"frame mariadb {len(two)}\n".encode() + two[:20])[-1] == "ok 0"
    path = tmp_path / "mariadb" / SCOPE.chain / "000001"
    path.write_bytes(path.read_bytes() + two[:50])  # a power cut, in the middle of a write
    before = vault.content()
    known = json.loads(vault.asked(f"where {CHAIN}\n".encode())[0][3:])
    assert frames.unpack(bytes.fromhex(known["header"])).number == 0
    assert vault.asked(session(sealed([b"two"]))) == ["ok 000002", "ok 0"]
    assert before.items() <= vault.content().items()


HARM = [
    b"open mariadb ../../../etc/cron.d\n" + b"SWS1" + bytes(32),
    b"open mysql 20261122T031400Z-1f2e3d\n" + b"SWS1" + bytes(32),
    f"open {CHAIN}\n".encode() + bytes(36),
    b"truncate mariadb 0\n",
    b"read mariadb/20261122T031400Z-1f2e3d/000001 0 100\n",
    b"list\n",
    b"frame mariadb 99999999999\n",
    b"frame mariadb 3\nabc",
    b"\xff\xfe\n",
    b"",
]


@pytest.mark.parametrize("harm", HARM)
def test_whoever_is_root_on_production_can_only_append(tmp_path: Path, harm: bytes) -> None:
    vault = Vault(tmp_path / "web1")
    vault.asked(session(sealed([b"one", b"two"])))
    before = vault.content()
    for answer in vault.asked(harm + session(sealed([b"mine"]))):
        assert "one" not in answer
    assert before.items() <= vault.content().items()
    assert list(tmp_path.iterdir()) == [vault.root]


def test_a_frame_that_is_not_the_next_is_refused(tmp_path: Path) -> None:
    head, one, two = sealed([b"one", b"two"])
    vault = Vault(tmp_path)
    assert vault.asked(session([head, two]))[-1] == "no: this is not the next frame"
    assert vault.asked(session([head, one, one]))[-1] == "no: this is not the next frame"


def test_a_quota_stops_one_client_and_loses_nothing(tmp_path: Path) -> None:
    vault = Vault(tmp_path, quota=1)
    noise = [secrets.token_bytes(700_000), secrets.token_bytes(700_000)]
    assert vault.asked(session(sealed(noise)))[1:] == [
        "ok 0", "no: the quota of 1 MB is used up on the backup server",
    ]  # fmt: skip
    before = vault.content()
    assert vault.asked(session(sealed([b"more" * 200_000])))[0].startswith("ok")  # it deflates
    assert before.items() <= vault.content().items()


def test_what_is_old_by_the_servers_clock_goes_and_nothing_else(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "web1")
    for _ in range(2):
        vault.asked(session(sealed([b"one"])))
    first, second = sorted(vault.root.rglob("00000*"))
    os.utime(first, (0, 0))
    assert streams.forget(tmp_path, second.stat().st_mtime + 86400) == [str(first.relative_to(tmp_path))]
    assert list(vault.root.rglob("00000*")) == [second]
    assert vault.asked(session(sealed([b"two"])))[0] == "ok 000003"  # a number is never used again


def test_only_files_that_may_have_it_are_opened(tmp_path: Path) -> None:
    """Four files that begin at 0, 3, 6 and 9; the fifth was opened and never used."""
    for number in range(4):
        sealer = Sealer(SCOPE, SECRET, bytes(32), frames.NOTHING)
        chunk = Chunk(Position("binlog.000001", number * 3), b"log", final=False, instant=T0)
        (tmp_path / f"{number:06}").write_bytes(sealer.head + sealer.seal(chunk, b""))
    (tmp_path / "000004").write_bytes(sealer.head)
    for offset, names in ((0, "0123"), (2, "0123"), (3, "123"), (7, "23"), (99, "3")):
        found = mirror.since(tmp_path, Position("binlog.000001", offset))
        assert "".join(path.name[-1] for path in found) == names


def test_the_reader_reads_and_has_no_other_verb(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.asked(session(sealed([b"one"])))
    before = vault.content()
    ((name, content),) = before.items()
    assert json.loads(vault.asked(b"list\n", verb="read")[0][3:]) == {name: len(content)}
    sink = io.BytesIO()
    streams.read(tmp_path, io.BytesIO(f"read {name} 4 {len(content)}\n".encode()), sink)
    assert sink.getvalue() == f"ok {len(content) - 4}\n".encode() + content[4:]
    for harm in (b"read ../../etc/passwd 0 10\n", session(sealed([b"x"])), b"read /etc/passwd 0 10\n"):
        assert vault.asked(harm, verb="read")[0].startswith("no")
    assert vault.content() == before
