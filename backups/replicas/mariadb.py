"""A MariaDB replica: GTID replication, row by row. It writes no log of its own, fires no event and no trigger."""

from backups.replicas.look import NET_TIMEOUT, Look, of_mariadb
from backups.replicas.place import ACCOUNT, TMP, Replica
from backups.streams.frames import Position
from effects.clock import wait_until
from effects.run import run
from estate.problem import Failed

DRAIN = 900.0  # seconds, to apply what has come
READ_ALL = "Slave has read all relay log"
GTID = ("xtrabackup_binlog_info", "mariadb_backup_binlog_info")
FOLLOW = (
    f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 3306, MASTER_USER = '{ACCOUNT}', MASTER_PASSWORD = '',"
    " MASTER_USE_GTID = slave_pos, MASTER_SSL = 0, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 2"
)
LEFT = ("master.info", "relay-log.info", "relay.*", "multi-master.info")


def argv(replica: Replica) -> list[str]:
    """The server's own configuration, but for what would let it serve, act by itself, or be told more than rows."""
    room, scrap = replica.room, replica.room / TMP
    return ["/usr/sbin/mariadbd", f"--datadir={replica.data}", f"--socket={room}/socket", f"--pid-file={room}/pid",
            "--skip-networking", "--skip-log-bin", "--skip-slave-start", "--read-only=ON", "--event-scheduler=OFF",
            "--local-infile=OFF", f"--tmpdir={scrap}", f"--secure-file-priv={scrap}", "--performance-schema=OFF",
            "--relay-log=relay", "--relay-log-recovery=ON", f"--slave-net-timeout={NET_TIMEOUT}",
            "--master-retry-count=0", "--general-log=OFF", "--slow-query-log=OFF",
            "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"]  # fmt: skip


def start(replica: Replica) -> None:
    """Let it go on where it was."""
    replica.start(argv(replica))
    if _status(replica):  # else whoever seeded it was killed before it was told whom to follow
        replica.scratch.ask("START SLAVE")


def begin(replica: Replica) -> None:
    """From a snapshot: its own note says behind which transactions it stands."""
    gtid = _gtid(replica)
    replica.start(argv(replica))
    replica.scratch.ask(f"STOP SLAVE; RESET SLAVE ALL; SET GLOBAL gtid_slave_pos = '{gtid}'; {FOLLOW}; START SLAVE")


def look(replica: Replica) -> Look:
    """Raises Failed where it does not answer."""
    return of_mariadb(_status(replica))


def freeze(replica: Replica) -> Position | None:
    """Follow no more, finish what has come, stop; how far it is in production's log. None where nothing ever came."""
    replica.scratch.ask("STOP SLAVE IO_THREAD; START SLAVE SQL_THREAD")
    late = Failed("the replica does not come to the end of what it received", hint=f"journalctl -u {replica.unit}")
    wait_until(lambda: _drained(replica), timeout=DRAIN, late=late)
    replica.scratch.ask("STOP SLAVE")
    return of_mariadb(_status(replica)).position


def clear(replica: Replica) -> None:
    """Nothing in its data says whom to follow: the server that starts from it must not."""
    for pattern in LEFT:
        for path in replica.data.glob(pattern):
            path.unlink()


def _drained(replica: Replica) -> bool:
    row = _status(replica)
    if int(row["Last_SQL_Errno"]):
        raise Failed(f"what it received can't be applied: {row['Last_SQL_Error']}", hint="the stream may go on")
    return row["Slave_SQL_Running_State"].startswith(READ_ALL)


def _gtid(replica: Replica) -> str:
    for name in GTID:
        if (replica.data / name).exists():
            words = (replica.data / name).read_text(encoding="utf-8").split()
            position = words[2] if len(words) > 2 else ""
            if all(part.isdigit() for one in position.split(",") if one for part in one.split("-")):
                return position
    raise Failed(
        "the snapshot does not say behind which transactions it stands",
        hint="does production write a binary log? seawall install; then: seawall backup databases",
    )


def _status(replica: Replica) -> dict[str, str]:
    client = [*replica.scratch.client(), "--batch", "--execute", "SHOW SLAVE STATUS\\G"]
    lines = (line.strip().partition(": ") for line in run(client, timeout=30).splitlines())
    return {name.rstrip(":"): value for name, _, value in lines if not name.startswith("*")}
