"""What every table of the estate file is: no unknown settings, no guessing of types."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """`needs` must be there; `inventory.shape` reports what is not, so that one fault never hides another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    needs: ClassVar[tuple[str, ...]] = ()
