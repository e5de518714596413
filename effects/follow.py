"""A local process whose words are read while it runs, and judged when it has ended."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer

from effects.run import Result
from estate.problem import Failed, Missing

Heard = Callable[[str], str | None]


def follow(
    argv: Sequence[str],
    *,
    timeout: float,
    heard: Heard,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Result:
    """As `effects.run.attempt`; each line of standard error goes through `heard`, and what that returns is kept.

    Raises Missing where the program is not installed, Failed where the time is up.
    """
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd,
            encoding="utf-8", errors="surrogateescape", close_fds=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise Missing(f"{argv[0]} is not installed here", hint=f"install the package that has {argv[0]}") from None
    late: list[bool] = []

    def give_up() -> None:
        late.append(True)
        child.kill()

    out: list[str] = []
    assert child.stdout is not None
    assert child.stderr is not None
    reader, timer = Thread(target=lambda pipe: out.append(pipe.read()), args=(child.stdout,)), Timer(timeout, give_up)
    reader.start()
    timer.start()
    try:
        with child:
            kept = [line for raw in child.stderr if (line := heard(raw.rstrip("\n"))) is not None]
            reader.join()
    finally:
        timer.cancel()
        with suppress(ProcessLookupError):
            child.kill()
    if late:
        raise Failed(f"{argv[0]} did not end within {timeout:g} s", hint="look at the machine's load, then try again")
    return Result(tuple(argv), child.returncode, "".join(out), "\n".join(kept))
