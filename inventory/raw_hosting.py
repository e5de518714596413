"""[hosts.NAME.provider] as it is written."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from estate.hosting import Product
from inventory import words
from inventory.raw_secret import RawSecret
from inventory.table import Table

Service = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]


class RawHosting(Table):
    """hosts.NAME.provider"""

    needs: ClassVar[tuple[str, ...]] = (
        "kind", "product", "service", "application_key", "application_secret", "consumer_key",
    )  # fmt: skip
    kind: Literal["ovh"] | None = None
    endpoint: Literal["ovh-eu", "ovh-ca", "ovh-us"] = "ovh-eu"
    product: Annotated[Product, BeforeValidator(words.one_of(Product))] | None = None
    service: Service | None = None
    project: Service | None = None
    application_key: RawSecret | None = None
    application_secret: RawSecret | None = None
    consumer_key: RawSecret | None = None
