"""Local processes: argument lists only, always with a time limit, never a secret in `argv`."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from estate.problem import Failed, Missing


@dataclass(frozen=True, slots=True)
class Result:
    """How a process ended. Text is decoded as UTF-8; undecodable bytes are kept as surrogates."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it exited 0."""
        return self.code == 0

    @property
    def said(self) -> str:
        """The end of what it said, errors first, for a message."""
        return (self.err or self.out).strip()[-600:]


class Late(Failed):
    """A process was ended, for its time was up; `said` is the end of what it had said by then."""

    def __init__(self, what: str, *, hint: str, said: str) -> None:
        super().__init__(what, hint=hint)
        self.said = said


def attempt(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    loud: bool = False,
) -> Result:
    """Run to the end, whatever the exit code. `env` replaces the environment; `timeout` is in seconds.

    With `loud`, standard error is not kept but goes where ours goes: progress, for a person who waits.

    Raises Missing where the program is not installed, Late where the time is up.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=None if loud else subprocess.PIPE,
            timeout=timeout,
            env=env,
            cwd=cwd,
            encoding="utf-8",
            errors="surrogateescape",
            close_fds=False,  # Python opens files for itself alone; what was marked as inherited is (`files.locked`)
            check=False,
        )
    except FileNotFoundError:
        raise Missing(
            f"{argv[0]} is not installed here", hint=f"apt-get install the package that has {argv[0]}"
        ) from None
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode("utf-8", "surrogateescape").strip()[-600:]  # bytes, whatever was asked for
        what = f"{argv[0]} did not end within {timeout:g} s"
        raise Late(what, hint="look at the machine's load, then try again", said=said) from None
    return Result(tuple(argv), done.returncode, done.stdout, done.stderr or "")


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    loud: bool = False,
) -> str:
    """Standard output of a process that must exit 0; Failed carries the end of what it said otherwise."""
    result = attempt(argv, timeout=timeout, env=env, stdin=stdin, cwd=cwd, loud=loud)
    if not result.ok:
        raise Failed(
            f"{' '.join(argv[:3])} … ended with {result.code}: {result.said or 'nothing was said'}",
            hint="mend that, then run the same command again",
        )
    return result.out


def installed(program: str) -> bool:
    """Whether `program` is on PATH."""
    return shutil.which(program) is not None


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))
