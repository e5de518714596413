"""Which tables a log changes, and when it can't be told: PostgreSQL's in pg_waldump's words, MariaDB's in bytes."""

import struct

import pytest

from backups.streams.binlog import ENCRYPTION, EVENT, GTID, QUERY, TABLE_MAP, XID, encrypted
from backups.streams.binlog import touched as in_binlog
from backups.streams.touched import touched

BEGUN = """rmgr: Standby     len (rec/tot):     50/    50, tx:          0, lsn: 0/2000028, prev 0/1FFFFF8, \
desc: RUNNING_XACTS nextXid 740 latestCompletedXid 739 oldestRunningXid 740
rmgr: Heap        len (rec/tot):     59/    59, tx:        741, lsn: 0/2000060, prev 0/2000028, \
desc: INSERT off 2 flags 0x00, blkref #0: rel 1663/16384/16385 blk 0
"""
READ = """rmgr: XLOG        len (rec/tot):     49/  8189, tx:          0, lsn: 0/2000100, prev 0/20000C0, \
desc: FPI_FOR_HINT , blkref #0: rel 1663/16384/16390 blk 0 FPW
"""
TRUNCATED = """rmgr: Storage     len (rec/tot):     42/    42, tx:        743, lsn: 0/2000200, prev 0/2000100, \
desc: CREATE base/16384/24600
"""
ALTERED = """rmgr: Heap        len (rec/tot):     70/    70, tx:        744, lsn: 0/2000300, prev 0/2000200, \
desc: HOT_UPDATE off 7 xmax 744 flags 0x10 ; new off 8 xmax 0, blkref #0: rel 1663/16384/1259 blk 1
"""


def commit(xid: int, word: str = "COMMIT") -> str:
    return f"""rmgr: Transaction len (rec/tot):     34/    34, tx:  {xid}, lsn: 0/2000400, prev 0/2000300, \
desc: {word} 2026-11-22 03:00:00.123456 UTC
"""


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("", {"16384/16385"}),  # written while it was copied: the commit may come at any time
        (READ, {"16384/16385"}),
        (TRUNCATED + commit(743), {"16384/16385", "16384/24600"}),
        (ALTERED + commit(744), {"16384/16385", "16384/1259", "16384/*"}),
        (ALTERED.replace("/1259", "/1249") + commit(744), {"16384/16385", "16384/1249", "16384/*"}),  # a column is gone
        (commit(741), {"16384/16385"}),
        (commit(739), None),  # it may have written anything before the copy began
        (commit(741, "COMMIT_PREPARED"), None),
    ],
)
def test_what_postgresql_has_changed(since: str, found: set[str] | None) -> None:
    assert touched(BEGUN, since) == found


def test_a_log_that_does_not_say_who_was_there_before_says_nothing() -> None:
    assert touched("", commit(741)) is None


def test_xids_come_again() -> None:
    begun = BEGUN.replace("nextXid 740", "nextXid 5")
    assert touched(begun, commit(2**32 - 3)) is None
    assert touched(begun, commit(6)) is not None


def event(kind: int, body: bytes) -> bytes:
    return EVENT.pack(0, kind, 1, EVENT.size + len(body) + 4, 0, 0) + body + b"\0" * 4


def changes(schema: bytes, table: bytes) -> bytes:
    return event(TABLE_MAP, bytes(8) + bytes([len(schema)]) + schema + b"\0" + bytes([len(table)]) + table + b"\0\0")


def says(schema: bytes, statement: bytes) -> bytes:
    return event(QUERY, struct.pack("<IIBHH", 1, 0, len(schema), 0, 0) + schema + b"\0" + statement)


BEGIN, END = event(GTID, struct.pack("<QIB", 7, 0, 0) + bytes(6)), event(XID, bytes(8))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", set()),
        (BEGIN + changes(b"shop", b"orders") + changes(b"shop", b"stock") + END, {"shop.orders", "shop.stock"}),
        (BEGIN + says(b"", b"SAVEPOINT `a`") + changes(b"shop", b"orders") + END, {"shop.orders"}),
        (changes(b"shop", b"orders") + says(b"shop", b"ALTER TABLE orders ADD x INT"), None),
        (event(26, b"\1\0"), None),  # the server lost what it should have written
        (changes(b"shop", b"orders")[:-1], set()),  # torn: it is not committed
    ],
)
def test_what_mariadb_has_changed(content: bytes, found: set[str] | None) -> None:
    assert in_binlog(content) == found


def test_a_binary_log_that_is_encrypted_is_known_by_its_head() -> None:
    described = event(15, bytes(80))
    assert encrypted(described + event(ENCRYPTION, bytes(17)) + b"\7" * 99)
    assert not encrypted(described + BEGIN)
