"""Signatures with ssh keys (`ssh-keygen -Y`, OpenSSH 8.2 and later): made where the key is, checked anywhere."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from effects.run import attempt
from estate.problem import Failed, Missing

PATIENCE = 120.0  # seconds for a passphrase, or for a finger on a token
CHECK = 20.0  # seconds


def sign(text: str, keys: Sequence[str], namespace: str, *, key: Path | None = None) -> str:
    """An armoured signature of `text` with the private half of one of `keys`, public keys as one line each.

    The private half is `key`, or lies in ~/.ssh beside its .pub file, or is in the ssh agent. A passphrase, or a touch
    of a token, is asked for on the terminal. Raises Missing where there is none, Failed where it does not sign.
    """
    with ExitStack() as stack:
        chosen = key or _at_home(keys) or _of_agent(keys, stack)
        said = attempt(
            ["ssh-keygen", "-Y", "sign", "-f", str(chosen), "-n", namespace], timeout=PATIENCE, stdin=text, loud=True
        )
    if not said.ok:
        raise Failed(f"{chosen} did not sign", hint="look at what ssh-keygen said above, then try again")
    return said.out


def valid(text: str, signature: str, keys: Sequence[str], namespace: str) -> bool:
    """Whether one of `keys` made that signature of exactly that text, for that namespace."""
    with TemporaryDirectory(prefix="seawall-") as folder:
        allowed, armour = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text("".join(f'signer namespaces="{namespace}" {key}\n' for key in keys), encoding="ascii")
        armour.write_text(signature, encoding="utf-8", errors="replace")
        words = ("-f", str(allowed), "-I", "signer", "-n", namespace, "-s", str(armour))
        return attempt(["ssh-keygen", "-Y", "verify", *words], timeout=CHECK, stdin=text).ok


def _at_home(keys: Sequence[str]) -> Path | None:
    """A private key in ~/.ssh whose public half is one of `keys`."""
    halves = (path for path in sorted(Path.home().glob(".ssh/*.pub")) if path.with_suffix("").is_file())
    return next((path.with_suffix("") for path in halves if _public(path) in keys), None)


def _public(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split()[:2])


def _of_agent(keys: Sequence[str], stack: ExitStack) -> Path:
    """A file with the public half: ssh-keygen asks the agent for the private one."""
    held = attempt(["ssh-add", "-L"], timeout=CHECK).out if "SSH_AUTH_SOCK" in os.environ else ""
    for key in keys:
        if key in held:
            path = Path(stack.enter_context(TemporaryDirectory(prefix="seawall-")), "key.pub")
            path.write_text(key + "\n", encoding="ascii")
            return path
    raise Missing(
        "none of the private keys is in ~/.ssh or in the ssh agent here",
        hint="name its file with --key FILE, or add it to the agent: ssh-add FILE",
    )
