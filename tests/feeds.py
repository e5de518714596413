"""Advisories as their publishers write them, recorded and cut short, as a mirror of them serves."""

import shutil
import zlib
from pathlib import Path

RECORDED = Path(__file__).parent / "data/feeds"
SUITES = ("bookworm", "trixie")


def mirror(folder: Path) -> Path:
    """The recorded advisories below `folder`, with what debsecan reads for each suite."""
    shutil.copytree(RECORDED, folder, dirs_exist_ok=True)
    data = zlib.compress((folder / "debsecan/data.txt").read_bytes())
    for suite in SUITES:
        (folder / "debsecan" / suite).write_bytes(data)
    return folder
