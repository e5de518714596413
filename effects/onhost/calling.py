"""How the programs on a host call others."""

import os
import subprocess


def call(*argv: str, limit: float = 300, loud: bool = False) -> "tuple[bool, str]":
    """Whether it exits 0, and what it says; with `loud`, that goes on at once instead."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=None if loud else subprocess.PIPE,
            stderr=None if loud else subprocess.STDOUT,
            timeout=limit,
            check=False,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return False, str(fault)
    return done.returncode == 0, (done.stdout or "").strip()
