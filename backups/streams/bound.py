"""Binary logs never fill production's disk: beyond their bound the oldest go, whether anybody has them or not.

PostgreSQL holds its own bound (`max_slot_wal_keep_size`). MariaDB 10.11 knows none in bytes (`max_binlog_total_size`
came with 11.4), so a timer asks here, apart from the shipper: it holds with the shipper dead.
"""

import shutil
from collections.abc import Sequence

from backups.engines import server
from backups.streams.sources import MariadbSource
from effects.run import run
from estate.model import Engine

FREE = 0.05  # of the disk


def first_kept(files: Sequence[tuple[str, int]], most: int, missing: int) -> str:
    """The name that purging stops at: of `files` (name, bytes; oldest first) not more than `most` bytes are kept,
    and at least `missing` bytes go, but never the newest, which is written to."""
    total, gone = sum(size for _, size in files), 0
    for name, size in files[:-1]:
        if total - gone <= most and gone >= missing:
            return name
        gone += size
    return files[-1][0]


def hold(keep_mb: int) -> list[str]:
    """Purge what is beyond the bound; the names that went."""
    mine = server(Engine.MARIADB)
    source = MariadbSource(mine)
    names = source.names()
    sizes = [(name, (mine.data / name).stat().st_size) for name in names if (mine.data / name).exists()]
    disk = shutil.disk_usage(mine.data)
    first = first_kept(sizes, keep_mb << 20, int(disk.total * FREE) - disk.free)
    if first != names[0]:
        run(["mariadb", "--execute", f"PURGE BINARY LOGS TO '{first}'"], timeout=300)
    left = source.names()
    return [name for name in names if name not in left]
