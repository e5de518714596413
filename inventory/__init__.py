"""`estate.toml` to an Estate, to a host's slice of it, and to pyinfra's inventory."""

from inventory.loading import load
from inventory.slices import secrets_for, slice_for

__all__ = ["load", "secrets_for", "slice_for"]
