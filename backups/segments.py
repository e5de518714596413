"""What can be told of a borg 1.x repository by its files, without starting borg."""

from pathlib import Path


def transaction(repository: Path) -> int | None:
    """The number of its newest one, which is that of its last segment; None where there was none yet."""
    suffixes = (path.suffix[1:] for path in repository.glob("index.*"))
    return max((int(suffix) for suffix in suffixes if suffix.isdigit()), default=None)
