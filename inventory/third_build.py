"""[third_copy] as the ThirdCopy everything else works with, and back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from estate.model import Role
from estate.third import ThirdCopy
from inventory.draft import Draft, doubles
from inventory.faults import Fault
from inventory.raw_secret import plain_secret
from inventory.raw_third import RawThirdCopy


def third_copy(raw: RawThirdCopy) -> ThirdCopy:
    """Of a table in which no fault was found."""
    access_key, secret_key, seal = raw.access_key, raw.secret_key, raw.seal
    assert access_key is not None, "shape found it missing"
    assert secret_key is not None, "shape found it missing"
    assert seal is not None, "shape found it missing"
    return ThirdCopy(
        endpoint=str(raw.endpoint),
        bucket=str(raw.bucket),
        access_key=access_key.secret(),
        secret_key=secret_key.secret(),
        seal=seal.secret(),
        servers=tuple(raw.servers or ()),
        at=raw.at,
        locked=timedelta(days=raw.locked_days),
        region=raw.region,
        trust=raw.trust,
    )


def plain_third_copy(third: ThirdCopy) -> dict[str, Any]:
    """In the words of the estate file."""
    keys = {name: plain_secret(getattr(third, name)) for name in ("access_key", "secret_key", "seal")}
    rest = {"region": third.region, "trust": third.trust}
    return {
        "endpoint": third.endpoint,
        "bucket": third.bucket,
        **keys,
        "servers": list(third.servers),
        "at": third.at.strftime("%H:%M"),
        "locked_days": third.locked.days,
        **{name: value for name, value in rest.items() if value is not None},
    }


def check_third_copy(draft: Draft) -> Iterator[Fault]:
    """Only a backup server has repositories to copy."""
    servers = draft.raw.third_copy.servers if draft.raw.third_copy else None
    for n, name in enumerate(servers or ()):
        yield from draft.refers_to_host(("third_copy", "servers", n), name, Role.BACKUP)
    yield from doubles([(("third_copy", "servers", n), name) for n, name in enumerate(servers or ())], "the server")
