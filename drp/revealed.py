"""Secrets of the estate, on a managed host."""

from backups import paths
from effects import secrets
from estate.secret import Secret


def revealed(secret: Secret) -> str:
    """What it is. Raises as `effects.secrets.resolve`."""
    return secrets.resolve(secret, base=paths.CONFIG)
