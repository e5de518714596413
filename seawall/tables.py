"""Tables as all of `seawall drp` prints them."""

from typing import Any

from rich.table import Column, Table


def folding(*heads: str, **looks: Any) -> Table:
    """Without lines, unless `looks` says otherwise. Nothing is cut: what can't be read can't be told or typed."""
    columns = (Column(head, overflow="fold") for head in heads)
    return Table(*columns, **({"box": None, "pad_edge": False} | looks))
