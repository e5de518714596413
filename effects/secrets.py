"""Secrets are looked up at the moment of use, from where the estate says they are kept."""

import os
import stat
from pathlib import Path

from effects.run import run
from estate.problem import Missing, Untrusted
from estate.secret import Secret


def resolve(secret: Secret, *, base: Path) -> str:
    """The value, without its last newline. `base` is the directory of the estate file.

    Raises Missing where it is not there, Untrusted where others may read its file.
    """
    if secret.file is not None:
        return _from_file(base / secret.file)
    if secret.env is not None:
        if value := os.environ.get(secret.env):
            return value
        raise Missing(
            f"the environment variable {secret.env} is not set",
            hint=f"export {secret.env}=…, then run the same command again",
        )
    return run(secret.command or (), timeout=30, cwd=base).rstrip("\n")


def _from_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        value = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as fault:
        raise Missing(
            f"the secret {path} can't be read: {fault.strerror}",
            hint=f"put it there with mode 0600: install -m 600 /dev/stdin {path}",
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise Untrusted(
            f"the secret {path} may be read by others (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path}, and change the secret",
        )
    if not value:
        raise Missing(f"the secret {path} is empty", hint=f"write it with: install -m 600 /dev/stdin {path}")
    return value
