"""borg with Debian's own FUSE module: `python -I -m backups.fuse mount …`.

borg mounts with llfuse or pyfuse3, and neither has wheels. Debian's are made for the Python that our environment is
made from. They are looked for last: whatever else Debian has for it never takes the place of what we brought.
"""

import runpy
import sys

DEBIAN = "/usr/lib/python3/dist-packages"

if __name__ == "__main__":
    sys.path.append(DEBIAN)
    sys.argv[0] = "borg"
    runpy.run_module("borg", run_name="__main__")
