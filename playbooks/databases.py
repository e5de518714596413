"""Database servers that can be brought to any instant: what they log, and how much of it they may keep.

MariaDB writes a binary log from now on, which takes one restart and is said. PostgreSQL writes its WAL already; it is
told how much a slot may hold back, so that a dead receiver never fills the disk.
Data: `engines`, `server_id` and `stream_keep_mb`.
"""

from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.operations import File, ask, files, held, notice
from templates import render

MARIADB = "/etc/mysql/mariadb.conf.d/70-seawall.cnf"
# Nothing but a restart gives a running server these.
MARIADB_WANTS = "SELECT @@log_bin, @@server_id"  # "1" for on; within CONCAT it would be "ON"
POSTGRESQL_HAS = "SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size';\n"  # megabytes


@deploy("Database servers keep a log that can be shipped")
def databases() -> None:
    """Configuration, then a restart or a reload, only where the running server has not read it."""
    data = host.data
    if "mariadb" in data.engines:
        content = render("mariadb.cnf.j2", server_id=data.server_id)
        files(name="MariaDB: binary log", wanted={MARIADB: File(content)})
        restarted_mariadb(name="MariaDB: logs", server_id=data.server_id)
    if "postgresql" in data.engines:
        bound = render("postgresql.conf.j2", keep_mb=data.stream_keep_mb)
        files(name="PostgreSQL: bound of its slots", wanted=lambda: _clusters(bound))
        reloaded_postgresql(name="PostgreSQL: goes by it", keep_mb=data.stream_keep_mb)


@operation()
def restarted_mariadb(server_id: int) -> Generator[StringCommand]:
    """Owed as long as the running server does not log under its own number."""
    if held():
        return
    if ask(f'mariadb --batch --skip-column-names --execute "{MARIADB_WANTS}"') != [f"1\t{server_id}"]:
        notice("MariaDB is restarted once, to begin its binary log")
        yield StringCommand("systemctl restart mariadb.service")


@operation()
def reloaded_postgresql(keep_mb: int) -> Generator[StringCommand]:
    """Owed as long as the running server goes by another bound."""
    if held():
        return
    if ask("runuser -u postgres -- psql -AtX", stdin=POSTGRESQL_HAS) != [str(keep_mb)]:
        yield StringCommand("systemctl reload postgresql.service")


def _clusters(content: str) -> Mapping[str, File]:
    """A file in each cluster's conf.d."""
    found = ask("ls -d /etc/postgresql/*/*/ 2>/dev/null || true")
    return {f"{directory}conf.d/seawall.conf": File(content) for directory in found if directory}
