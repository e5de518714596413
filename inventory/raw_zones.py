"""[zones.NAME] as it is written: settings of all providers; `inventory.zones_build` says which belong to one."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator

from estate.zones import Setting
from inventory import zones_words
from inventory.raw_secret import RawSecret
from inventory.table import Table

Algorithm = Literal["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
KeyName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


Argument = Annotated[str, AfterValidator(zones_words.argument)]


class RawTsig(Table):
    """zones.NAME.tsig"""

    name: KeyName
    algorithm: Algorithm = "hmac-sha256"
    secret: RawSecret


class RawZone(Table):
    """[zones.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("servers",)
    servers: Annotated[list[str], Field(min_length=1)] | None = None
    ttl: Annotated[int, Field(ge=1, le=86_400)] = 60
    provider: Literal["rfc2136", "ovh", "octodns"] = "rfc2136"
    tsig: RawTsig | None = None
    endpoint: Literal["ovh-eu", "ovh-ca", "ovh-us"] | None = None
    application_key: RawSecret | None = None
    application_secret: RawSecret | None = None
    consumer_key: RawSecret | None = None
    class_path: Annotated[str, AfterValidator(zones_words.class_path)] | None = Field(default=None, alias="class")
    package: Annotated[str, AfterValidator(zones_words.package)] | None = None
    settings: dict[Argument, Annotated[Setting, PlainValidator(zones_words.setting)]] = {}
    secrets: dict[Argument, RawSecret] = {}
