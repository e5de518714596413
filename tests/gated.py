"""Real borg through the real gate, without ssh: a program of this machine stands where ssh would be."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from borg.helpers import msgpack

from effects.run import Result, attempt

MANIFEST = b"\0" * 32
RUN = "import sys; from pathlib import Path; from backups import paths; from backups.vault import gate; "


@dataclass(frozen=True, slots=True)
class Gated:
    """The repositories of web1 below `folder`, and the two ways in."""

    folder: Path

    def way_in(self, role: str, *quotas: str) -> list[str]:
        """What the forced command would run."""
        there = self.folder / "borg"
        code = f"{RUN}paths.REPOSITORIES = Path({str(there)!r}); gate.main({role!r}, 'web1', *{quotas!r})"
        return [sys.executable, "-c", code]

    def borg(self, *words: str, role: str = "writer", quotas: tuple[str, ...] = ()) -> Result:
        """borg on the other end; `URL` in words is the files repository."""
        rsh = self.folder / f"rsh-{role}"
        rsh.write_text(f"#!/bin/sh\nexec {shlex.join(self.way_in(role, *quotas))}\n", encoding="utf-8")
        rsh.chmod(0o700)
        url = f"ssh://web1@nowhere{self.folder}/borg/web1/files"
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "LANG": "C.UTF-8",
            "BORG_BASE_DIR": str(self.folder / role),
            "BORG_RSH": str(rsh),
            "BORG_PASSPHRASE": "a test's own",
            **({"BORG_NEW_PASSPHRASE": "another"} if words[0] == "key" else {}),
            "BORG_EXIT_CODES": "modern",
            "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "YES",
        }
        argv = [str(Path(sys.executable).with_name("borg")), *(word.replace("URL", url) for word in words)]
        return attempt(argv, timeout=60, env=env)

    @contextmanager
    def session(self, role: str = "writer", command: str = "") -> Iterator["Session"]:
        """Somebody who speaks borg's protocol himself."""
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SSH_ORIGINAL_COMMAND": command}
        with Popen(self.way_in(role), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env) as process:
            yield Session(process, self.folder)
            assert process.stdin
            process.stdin.close()
            process.wait(timeout=20)


@dataclass(slots=True)
class Session:
    """One connection to a gate."""

    process: "Popen[bytes]"
    folder: Path
    _number: int = 0

    def call(self, method: str, **words: Any) -> Any:
        """The answer, or the name of the error and its text."""
        assert self.process.stdin
        assert self.process.stdout
        self._number += 1
        self.process.stdin.write(msgpack.packb({b"i": self._number, b"m": method, b"a": words}))
        self.process.stdin.flush()
        unpacker = msgpack.Unpacker()
        while part := os.read(self.process.stdout.fileno(), 65536):
            unpacker.feed(part)
            for answer in unpacker:
                if b"exception_class" in answer:
                    return answer[b"exception_class"].decode(), " ".join(
                        line.decode() for line in answer[b"exception_short"]
                    )
                return answer[b"r"]
        return "closed", ""

    def open(self, kind: str = "files", **words: Any) -> Any:
        """Begin as borg does."""
        self.call("negotiate", client_data={b"client_version": (1, 4, 5)})
        usual = {"path": f"{self.folder}/borg/web1/{kind}", "create": False, "lock_wait": 1, "lock": True}
        return self.call("open", **usual | {"exclusive": True} | words)
