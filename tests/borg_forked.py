"""borg as it is, in a process of its own, but one that needs not start: a copy of this one, where it is imported.

To start Python and to import borg takes it half a second each time, which is most of what these tests would take.
"""

import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import borg.helpers.errors
import borg.logger
import borg.platform
from borg.archiver import main

from backups import paths
from effects.run import Result, attempt


def forked(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    loud: bool = False,
) -> Result:
    """As `effects.run.attempt`, which others than borg are left to."""
    if argv[0] != str(paths.BORG) or stdin is not None or env is None:
        return attempt(argv, timeout=timeout, env=env, stdin=stdin, cwd=cwd, loud=loud)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _be_borg(argv, env, cwd, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return Result(tuple(argv), code, out.read(), err.read())


def _be_borg(argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, out: IO[str], err: IO[str]) -> NoReturn:
    code: int = 127
    held: Sequence[IO[str]] = ()
    try:
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd or ".")
        with Path(os.devnull).open(encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        # Held, as Python holds its own: borg puts wrappers around what is below these and lets go of them.
        held = sys.stdout, sys.stderr = [os.fdopen(end, "w", errors="surrogateescape") for end in (1, 2)]
        sys.argv = list(argv)
        _forget_the_test(env)
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        try:
            for stream in (sys.stdout, sys.stderr, *held):
                if not stream.closed:
                    stream.flush()
        finally:
            os._exit(code)


def _forget_the_test(env: Mapping[str, str]) -> None:
    """What borg learns when it is imported, and what pytest set for who runs below it."""
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    logging.root.handlers.clear()
    borg.logger.configured = False
    borg.helpers.errors.modern_ec = env.get("BORG_EXIT_CODES") == "modern"
    if "BORG_HOST_ID" in env:
        borg.platform.hostid = borg.platform.base.hostid = env["BORG_HOST_ID"]
