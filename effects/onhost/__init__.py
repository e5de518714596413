"""Programs that run on a managed host with Debian's own Python, and nothing of ours: sent over ssh, or put there.

Here, among the effects, because all they do is look at a machine and change it. `text` is how they leave this one.
"""

import re
from pathlib import Path

_OURS = re.compile(r"^from effects\.onhost\.(\w+) import .*\n", re.MULTILINE)


def text(name: str) -> str:
    """The program `name`, to be sent or written: in one piece, what it takes from its neighbours here included."""
    there: set[str] = set()

    def whole(part: str) -> str:
        if part in there:
            return ""
        there.add(part)
        source = (Path(__file__).parent / f"{part}.py").read_text(encoding="utf-8")
        return _OURS.sub(lambda match: whole(match[1]), source)

    return whole(name)
