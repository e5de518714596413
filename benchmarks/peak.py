"""The most memory that one process of a program took: `python -m benchmarks.peak FILE PROGRAM …`."""

import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage


def main(kept: str, *argv: str) -> int:
    """The program's exit code; the figure, in KiB, goes into the file."""
    code = subprocess.run(argv, check=False).returncode
    Path(kept).write_text(str(getrusage(RUSAGE_CHILDREN).ru_maxrss), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
