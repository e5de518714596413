"""A reference to a secret, as the estate file writes it."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from estate.secret import Secret
from inventory import words
from inventory.table import Table

Command = Annotated[list[str], Field(min_length=1)]


class RawSecret(Table):
    """Where a secret is kept. A literal value is refused, and never repeated."""

    file: str | None = None
    env: Annotated[str, AfterValidator(words.variable)] | None = None
    command: Command | None = None

    @model_validator(mode="before")
    @classmethod
    def refuse_a_value(cls, value: object) -> object:
        """A string here is most likely the secret itself."""
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 - pydantic reports no TypeError
                "a secret must not stand in this file; change it, keep the new one in a file of mode 0600, and write "
                '{ file = "secrets/NAME" }, or { env = "NAME" }, or { command = ["pass", "show", "NAME"] }'
            )
        return value

    @model_validator(mode="after")
    def exactly_one(self) -> "RawSecret":
        """Two places could disagree."""
        if sum(part is not None for part in (self.file, self.env, self.command)) != 1:
            raise ValueError("a secret has exactly one of file, env and command")
        if self.file is not None and (not self.file or not self.file.isprintable()):
            raise ValueError("the secret's file has no usable name")
        return self

    def secret(self) -> Secret:
        """As everything else works with it."""
        return Secret(self.file, self.env, None if self.command is None else tuple(self.command))


def plain_secret(secret: Secret) -> dict[str, Any]:
    """The reference, as it is written."""
    return {name: value for name, value in asdict(secret).items() if value is not None}
