"""[hosts.NAME.provider]: what must hold in it, the Hosting everything else works with, and back."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from estate.hosting import Hosting, Product
from estate.model import Role
from estate.secret import Secret
from inventory.draft import Draft
from inventory.faults import Fault
from inventory.raw_hosting import RawHosting
from inventory.raw_secret import plain_secret

KEYS = ("application_key", "application_secret", "consumer_key")


def hosting(raw: RawHosting) -> Hosting:
    """Of a table in which no fault was found."""
    application, secret, consumer = raw.application_key, raw.application_secret, raw.consumer_key
    assert raw.product is not None, "shape found it missing"
    assert application is not None, "shape found it missing"
    assert secret is not None, "shape found it missing"
    assert consumer is not None, "shape found it missing"
    return Hosting(
        product=raw.product,
        service=str(raw.service),
        application_key=application.secret(),
        application_secret=secret.secret(),
        consumer_key=consumer.secret(),
        endpoint=raw.endpoint,
        project=raw.project,
    )


def plain_hosting(it: Hosting) -> dict[str, Any]:
    """In the words of the estate file."""
    told = {field.name: getattr(it, field.name) for field in fields(it)}
    words = {name: plain_secret(value) if isinstance(value, Secret) else value for name, value in told.items()}
    return {"kind": "ovh", **{name: value for name, value in words.items() if value is not None}}


def secrets_of(host: str, it: Hosting | None) -> dict[str, Secret]:
    """By the name that each has among the secrets of the host's twin."""
    return {} if it is None else {f"provider.{host}.{key}": getattr(it, key) for key in KEYS}


def kept_at(folder: str, host: str, it: Hosting | None) -> Hosting | None:
    """The same, whose secrets lie in `folder` by those names."""
    if it is None:
        return None
    there: dict[str, Any] = {key: Secret(file=f"{folder}/provider.{host}.{key}") for key in KEYS}
    return replace(it, **there)


def check_hosting(draft: Draft) -> Iterator[Fault]:
    """Only what an activation takes over from is ever stopped; and what it is has to be clear."""
    for name, host in draft.raw.hosts.items():
        it, here = host.provider, ("hosts", name, "provider")
        if it is None:
            continue
        if host.role not in (None, Role.PRODUCTION):
            yield Fault(here, f"only a production host is ever stopped, and this is a {host.role} host; leave it out")
        if it.product is Product.INSTANCE and it.project is None:
            yield Fault((*here, "project"), "is missing; add it: the id of the public cloud project")
        if it.product not in (None, Product.INSTANCE) and it.project is not None:
            yield Fault((*here, "project"), f"a {it.product} belongs to no project; leave it out")
