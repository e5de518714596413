"""[drp] of the estate file, as it is written."""

from datetime import time
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from estate.model import Unwitnessed
from inventory import words
from inventory.raw_channels import RawChannel
from inventory.raw_policy import Label, PublicKey
from inventory.raw_secret import Command
from inventory.table import Table

AbsolutePath = Annotated[str, AfterValidator(words.absolute)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]  # of a promise: a year is none
Name = Annotated[str, AfterValidator(words.person)]


class RawTickets(Table):
    """drp.tickets"""

    file: AbsolutePath | None = None
    command: Command | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> "RawTickets":
        """One place to look at."""
        if (self.file is None) is (self.command is None):
            raise ValueError("tickets have exactly one of file and command")
        return self


class RawContact(Table):
    """[drp.people.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("role", "phone")
    role: Annotated[str, AfterValidator(words.sentence)] | None = None
    phone: Annotated[str, AfterValidator(words.phone)] | None = None
    alternate: str | None = None


class RawDrp(Table):
    """[drp]"""

    needs: ClassVar[tuple[str, ...]] = ("approvers",)
    approvers: Annotated[dict[Name, Annotated[list[PublicKey], Field(min_length=1)]], Field(min_length=1)] | None = None
    approvals: Annotated[int, Field(ge=1, le=20)] = 1
    owner: str | None = None
    tickets: RawTickets | None = None
    channels: dict[Label, RawChannel] = {}
    people: dict[Name, RawContact] = {}
    trust: AbsolutePath | None = None
    unwitnessed: Annotated[Unwitnessed, BeforeValidator(words.one_of(Unwitnessed))] = Unwitnessed.SERVE
    rpo_minutes: Minutes | None = None
    rto_minutes: Minutes | None = None
    drill_at: Annotated[time, BeforeValidator(words.clock)] | None = None
    resolvers: Annotated[list[Annotated[str, BeforeValidator(words.address)]], Field(max_length=8)] = []
