"""A PostgreSQL standby: it takes WAL, from production and, for what production has no longer, out of the stream.

It keeps no slot that stays: a twin that is down holds back nothing on production's disk.
"""

import re
import shutil
from pathlib import Path

from backups.replicas.look import Look, of_postgresql
from backups.replicas.place import ACCOUNT, LOG, Replica
from backups.streams.frames import Position
from effects.run import run

AUTO = "postgresql.auto.conf"
# A standby must have room for what its primary may have at once (PostgreSQL 15, "26.4.3. Administrator's Overview").
LEAST = re.compile(r"^(max_connections|max_worker_processes|max_wal_senders|max_prepared_xacts|max_locks_per_xact)"
                   r" setting:\s+(\d+)$", re.MULTILINE)  # fmt: skip
NAMED = {"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction"}
ASK = """SELECT (SELECT timeline_id FROM pg_control_checkpoint()), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(),
    (SELECT status FROM pg_stat_wal_receiver),
    (SELECT extract(epoch FROM now() - last_msg_receipt_time) FROM pg_stat_wal_receiver),
    extract(epoch FROM now() - pg_last_xact_replay_timestamp()), (SELECT latest_end_lsn FROM pg_stat_wal_receiver)"""


def argv(replica: Replica) -> list[str]:
    """Nothing of the configuration in its data counts, and nothing in it is run."""
    room, data = replica.room, replica.data
    version = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    programs = Path("/usr/lib/postgresql", version, "bin")
    said = run([str(programs / "pg_controldata"), str(data)], timeout=60, env={"LC_ALL": "C"})
    files = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
    for name in files.values():
        (room / name).write_text("local all all peer\n" if name == "pg_hba.conf" else "", encoding="utf-8")
    settings = {
        **{word: str(room / name) for word, name in files.items()}, "data_directory": str(data),
        **{NAMED.get(name, name): value for name, value in LEAST.findall(said)},
        "unix_socket_directories": str(room), "listen_addresses": "", "hot_standby": "on", "archive_mode": "off",
        "shared_preload_libraries": "", "archive_cleanup_command": "", "recovery_end_command": "",
        "primary_conninfo": f"host=127.0.0.1 port=5432 user={ACCOUNT} application_name=seawall-replica sslmode=disable"
                            " gssencmode=disable connect_timeout=10",
        "wal_receiver_create_temp_slot": "on", "restore_command": f"cp {room / LOG}/%f %p",
        "recovery_target_timeline": "current", "wal_receiver_timeout": "8s", "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "1s", "shared_buffers": "32MB", "max_wal_size": "256MB",
        "logging_collector": "off", "log_destination": "stderr", "log_line_prefix": "",
    }  # fmt: skip
    return [str(programs / "postgres"), "-D", str(data),
            *(part for key, value in settings.items() for part in ("-c", f"{key}={value}"))]  # fmt: skip


def prepare(replica: Replica) -> None:
    """What an administrator set is kept for the day when it serves; nothing of it counts until then."""
    (replica.data / AUTO).replace(replica.room / AUTO)
    own(replica, AUTO)


def start(replica: Replica) -> None:
    """Let it go on where it was. Never but as a standby."""
    own(replica, "standby.signal")
    replica.start(argv(replica))


def own(replica: Replica, name: str) -> None:
    """A file in its data is there, and the server's."""
    (replica.data / name).touch(mode=0o600)
    shutil.chown(replica.data / name, replica.server.owner, replica.server.owner)


def look(replica: Replica) -> Look:
    """Raises Failed where it does not answer."""
    fields = replica.scratch.ask(ASK).rstrip("\n").split("|")
    found = of_postgresql(fields, "" if fields[3] == "streaming" else replica.said())
    if found.follows:
        shutil.rmtree(replica.room / LOG, ignore_errors=True)  # production has what comes next
    return found


def freeze(replica: Replica) -> Position | None:
    """Follow no more; how far it is in production's log."""
    replica.connect(on=False)
    return of_postgresql(replica.scratch.ask(ASK).rstrip("\n").split("|"), "").position


def clear(replica: Replica) -> None:
    """As production's was: the server that starts from it goes by what its administrator had set."""
    if (replica.room / AUTO).exists():
        (replica.room / AUTO).replace(replica.data / AUTO)
    (replica.data / "standby.signal").unlink(missing_ok=True)
