"""Orders for tests: drafted from a plan and really signed, by people who live as long as the tests run."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from drp import orders
from drp.orders import NAMESPACE, Signed
from drp.plan import Plan
from effects import signatures
from estate.model import Estate
from lab import estate_file, identity
from lab.identity import KeyPair

KEYS = {name: identity.ssh_key() for name in (*estate_file.APPROVERS, "mallory")}
APPROVERS = {name: KEYS[name].public for name in estate_file.APPROVERS}


def drafted(estate: Estate, plan: Plan, at: datetime, by: str = "alice", *, reason: str = "") -> Signed:
    """An order that nobody has signed yet."""
    return Signed(orders.draft(estate, plan, by, at, valid=timedelta(hours=4), reason=reason))


def signed(wanted: Signed, *names: str, key: KeyPair | None = None) -> Signed:
    """With the signature of each of them; with `key` instead of their own."""
    with TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder, name)
            identity.write_secret(path, (key or KEYS[name]).private)
            wanted = wanted.with_signature(name, signatures.sign(wanted.text, (), NAMESPACE, key=path))
    return wanted


def ordered(estate: Estate, plan: Plan, at: datetime, *names: str) -> Signed:
    """An order by the first of them, alice where nobody is named, signed by all of them."""
    by = names or ("alice",)
    return signed(drafted(estate, plan, at, by[0]), *by)
