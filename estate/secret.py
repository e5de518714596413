"""Where secrets are kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is kept, never its value. Exactly one field is set; `effects.secrets` resolves it."""

    file: str | None = None  # a file of mode 0600; relative to the estate file
    env: str | None = None
    command: tuple[str, ...] | None = None
