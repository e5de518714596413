"""`estate.toml` to an Estate, to a host's slice of it, and to pyinfra's inventory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inventory.loading import load
    from inventory.slices import secrets_for, slice_for

__all__ = ["load", "secrets_for", "slice_for"]
_WHERE = {"load": "inventory.loading", "secrets_for": "inventory.slices", "slice_for": "inventory.slices"}


def __getattr__(name: str) -> Any:
    """Read when it is asked for: who needs a host's data alone, as the runner, does without pydantic (80 of 370 ms)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
