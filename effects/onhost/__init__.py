"""Programs that run on a managed host with Debian's own Python, and nothing of ours: sent over ssh, or put there.

Here, among the effects, because all they do is look at a machine and change it. `text` is how they leave this one.
"""

from pathlib import Path


def text(name: str) -> str:
    """The program `name`, to be sent or written."""
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
