"""[backup.pairs.NAME] of the estate file, as it is written."""

from typing import Annotated, ClassVar

from pydantic import Field

from inventory.table import Table


class RawPair(Table):
    """[backup.pairs.NAME]: two backup servers, and how many hosts they take in comparison."""

    needs: ClassVar[tuple[str, ...]] = ("even", "odd")
    even: str | None = None
    odd: str | None = None
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
