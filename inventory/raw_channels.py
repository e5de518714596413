"""[drp.channels.NAME] as it is written: settings of all kinds; `inventory.channels_build` says which belong to one."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from estate.channels import Security
from inventory import words
from inventory.raw_secret import RawSecret
from inventory.table import Table

Mailbox = Annotated[str, AfterValidator(words.mailbox)]
Words = Annotated[str, AfterValidator(words.sentence)]


class RawChannel(Table):
    """[drp.channels.NAME]"""

    kind: Literal["email", "glpi", "zammad", "gitlab", "webhook", "apprise"] | None = None
    server: Words | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    security: Annotated[Security, BeforeValidator(words.one_of(Security))] | None = None
    sender: Mailbox | None = None
    to: Annotated[list[Mailbox], Field(min_length=1)] | None = None
    user: Words | None = None
    password: RawSecret | None = None
    url: Annotated[str, AfterValidator(words.web_address)] | None = None
    token: RawSecret | None = None
    app_token: RawSecret | None = None
    group: Words | None = None
    customer: Words | None = None
    project: Words | None = None
    address: RawSecret | None = None
    key: RawSecret | None = None
