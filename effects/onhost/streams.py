"""What a backup server does for streams: keep sealed frames, and never change what it keeps. Standard library only.

    streams.py write DIRECTORY MEGABYTES    for the client: append to files that it opens now, and no other
    streams.py read DIRECTORY               for its partner: names, sizes, bytes
    streams.py forget DIRECTORY             for root's timer: what is older than DAYS, of all clients, goes

The first two are forced commands of sshd. Requests are lines on standard input; bytes follow where one says how many:

    where ENGINE CHAIN            the last whole frame: {"file", "header" (hex), "digest"}, or {}
    open ENGINE CHAIN             + HEADER bytes: a new file, which from now on takes the frames of that engine
    frame ENGINE LENGTH           + a frame: on the disk (fdatasync) when it is answered
    list                          {"ENGINE/CHAIN/NUMBER": size}
    read PATH OFFSET LENGTH       a line with the number of bytes, then the bytes
    fence                         who serves in the client's name (effects/onhost/fence.py): both ask, neither sets it

Every answer is a line that begins with "ok" or "no". A file that a connection or a power cut left torn stays as it is:
its last frame was never acknowledged, and whoever comes next opens the next file. So nothing that may be asked for
truncates, overwrites, renames or removes, and a path is only ever made of an engine, a chain and a number of our own.
Of a client whose twin serves in its name nothing is taken.
"""

import hashlib
import json
import os
import re
import struct
import sys
import time
from pathlib import Path
from typing import IO

from effects.onhost import fence

MAGIC = b"SWF1"
FRAME = struct.Struct(">4sIIBQQI32s32s16s")  # as backups.streams.frames describes it
HEADER = 36  # bytes at the head of a file: magic and salt
LARGEST = 2 << 20
RESERVE = 16 << 20  # bytes of the disk that are left to others
FILES = 100_000  # a chain
DAYS = 15  # by this server's clock; no database goes back to an instant before that
NAMES = re.compile(r"^(mariadb|postgresql) (\d{8}T\d{6}Z-[0-9a-f]{6})$")
PATHS = re.compile(r"^(mariadb|postgresql)/\d{8}T\d{6}Z-[0-9a-f]{6}/\d{6}$")


class No(Exception):
    """A request that is not answered with what it asks for."""


class Writer:
    """One connection of the client."""

    def __init__(self, root: Path, quota: int) -> None:
        self.root, self.quota = root, quota
        self.used = sum(path.stat().st_size for path in root.glob("*/*/*"))
        self.files: dict[str, IO[bytes]] = {}
        self.next: dict[str, int] = {}

    def where(self, words: "list[str]") -> str:
        """The newest file with a whole frame in it tells it; files that were opened and never used are passed over."""
        for path in sorted(_chain(self.root, words).glob("*"), reverse=True):
            found = last_frame(path)
            if found is not None:
                return json.dumps({"file": path.name, "header": found[0].hex(), "digest": found[1]})
        return "{}"

    def open(self, words: "list[str]", head: bytes) -> str:
        """The next number of that chain, made now or not at all (O_EXCL)."""
        chain = _chain(self.root, words)
        if not head.startswith(b"SWS1"):
            raise No("this is no stream file's header")
        self._room(len(head))
        chain.mkdir(mode=0o750, parents=True, exist_ok=True)
        number = max((int(path.name) for path in chain.glob("*")), default=0) + 1
        if number > FILES:
            raise No("too many files in this chain")
        handle = os.open(chain / f"{number:06}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        stream = os.fdopen(handle, "wb", buffering=0)
        _whole(stream, head)
        os.fsync(handle)
        for directory in (chain, chain.parent, self.root):
            _sync(directory)
        if words[0] in self.files:
            self.files[words[0]].close()
        self.files[words[0]], self.next[words[0]] = stream, 0
        return f"{number:06}"

    def frame(self, engine: str, frame: bytes) -> str:
        """Append it to the file that this connection opened."""
        if engine not in self.files:
            raise No("open a file first")
        magic, number, size, *_ = FRAME.unpack_from(frame)
        if magic != MAGIC or number != self.next[engine] or size != len(frame) - FRAME.size:
            raise No("this is not the next frame")
        self._room(len(frame))
        stream = self.files[engine]
        try:
            _whole(stream, frame)
            os.fdatasync(stream.fileno())
        except OSError as fault:
            stream.close()
            del self.files[engine]  # it may be torn: the next file goes on
            raise No(f"{fault.strerror} on the backup server") from None
        self.next[engine] += 1
        self.used += len(frame)
        return str(number)

    def _room(self, more: int) -> None:
        if said := fence.fenced(self.root.name, fence.held(self.root.name, fence.ROOT)):
            raise No(said)
        if self.used + more > self.quota:
            raise No(f"the quota of {self.quota >> 20} MB is used up on the backup server")
        disk = os.statvfs(self.root)
        if disk.f_bavail * disk.f_frsize < RESERVE:  # said before a file is made that would stay empty
            raise No("No space left on the backup server's disk")


def last_frame(path: Path) -> "tuple[bytes, str] | None":
    """Header and SHA-256 of the last whole frame of a file; what is torn behind it does not count."""
    found = None
    with path.open("rb") as stream:
        stream.seek(HEADER)
        size = os.fstat(stream.fileno()).st_size
        while True:
            at = stream.tell()
            header = stream.read(FRAME.size)
            if len(header) < FRAME.size or header[:4] != MAGIC:
                break
            body = FRAME.unpack(header)[2]
            if at + FRAME.size + body > size:
                break
            found = (at, FRAME.size + body)
            stream.seek(body, os.SEEK_CUR)
        if found is None:
            return None
        stream.seek(found[0])
        whole = stream.read(found[1])
    return whole[: FRAME.size], hashlib.sha256(whole).hexdigest()


def _whole(stream: "IO[bytes]", data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _chain(root: Path, words: "list[str]") -> Path:
    found = NAMES.match(" ".join(words))
    if found is None:
        raise No("that is neither an engine nor a chain")
    return root / found[1] / found[2]


def write(root: Path, quota: int, source: "IO[bytes]", sink: "IO[bytes]") -> None:
    """Answer one connection of the client until it ends."""
    writer = Writer(root, quota)
    try:
        _answer(writer, source, sink)
    except EOFError:
        return
    finally:
        for stream in writer.files.values():
            stream.close()


def _answer(writer: Writer, source: "IO[bytes]", sink: "IO[bytes]") -> None:
    for line in iter(source.readline, b""):
        verb, *words = line.decode("ascii", "replace").split() or [""]
        try:
            if verb == "where":
                answer = writer.where(words)
            elif verb == "open":
                answer = writer.open(words, _exactly(source, HEADER))
            elif verb == "frame" and len(words) == 2 and words[1].isdigit() and FRAME.size <= int(words[1]) <= LARGEST:
                answer = writer.frame(words[0], _exactly(source, int(words[1])))
            elif verb == "fence":
                answer = fence.shown(fence.held(writer.root.name, fence.ROOT))
            else:
                _say(sink, "no: there is no such request here")
                return  # whoever speaks something else is not answered further
            _say(sink, f"ok {answer}")
        except No as no:
            _say(sink, f"no: {no}")
        except OSError as fault:
            _say(sink, f"no: {fault.strerror} on the backup server")


def read(root: Path, source: "IO[bytes]", sink: "IO[bytes]") -> None:
    """Answer one connection of the partner until it ends."""
    for line in iter(source.readline, b""):
        verb, *words = line.decode("ascii", "replace").split() or [""]
        if verb == "list":
            sizes = {str(path.relative_to(root)): path.stat().st_size for path in sorted(root.glob("*/*/*"))}
            _say(sink, f"ok {json.dumps(sizes)}")
        elif verb == "fence":
            _say(sink, f"ok {fence.shown(fence.held(root.name, fence.ROOT))}")
        elif verb == "read" and len(words) == 3 and PATHS.match(words[0]) and (words[1] + words[2]).isdigit():
            try:
                with (root / words[0]).open("rb") as stream:
                    stream.seek(int(words[1]))
                    data = stream.read(min(int(words[2]), 16 << 20))
            except OSError as fault:
                _say(sink, f"no: {fault.strerror} on the backup server")
                continue
            _say(sink, f"ok {len(data)}")
            sink.write(data)
            sink.flush()
        else:
            _say(sink, "no: there is no such request here")
            return


def forget(root: Path, now: float) -> "list[str]":
    """Remove stream files of all clients that were last written to DAYS ago; their names."""
    old = [path for path in sorted(root.glob("*/*/*/*")) if path.stat().st_mtime < now - DAYS * 86400]
    for path in old:
        path.unlink()
    return [str(path.relative_to(root)) for path in old]


def _exactly(source: "IO[bytes]", count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise EOFError  # the line broke in the middle of a frame: it was never here
    return data


def _say(sink: "IO[bytes]", line: str) -> None:
    sink.write(line.encode() + b"\n")
    sink.flush()


def main(argv: "list[str]") -> None:
    """As sshd calls it."""
    if argv[0] == "write":
        write(Path(argv[1]), int(argv[2]) << 20, sys.stdin.buffer, sys.stdout.buffer)
    elif argv[0] == "forget":
        print("\n".join(forget(Path(argv[1]), time.time())))
    else:
        read(Path(argv[1]), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1:])
