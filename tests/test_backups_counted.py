"""What production counts in its tables, on a PostgreSQL server of this test's own, and what the twin reads of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from backups import counted, tables
from backups.engines import Server
from backups.streams import written
from backups.tables import as_postgres
from effects.run import run
from estate.model import Engine
from estate.problem import Untrusted

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), Path("/nonexistent"))
needs_server = pytest.mark.skipif(
    os.geteuid() != 0 or not (PROGRAMS / "initdb").exists(), reason="needs root, and PostgreSQL"
)
# The database is a client's, so he may say where names are looked for, and how his rows become text.
CLIENT = """SET ROLE client; CREATE SCHEMA mine; CREATE TABLE mine.t (n int); INSERT INTO mine.t VALUES (1);
CREATE TABLE mine.ran (by text);
CREATE FUNCTION mine.text(mine.t) RETURNS text LANGUAGE sql
    AS 'INSERT INTO mine.ran VALUES (current_user) RETURNING by';
CREATE CAST (mine.t AS text) WITH FUNCTION mine.text(mine.t);
CREATE FUNCTION mine.hashtext(text) RETURNS int LANGUAGE sql AS 'INSERT INTO mine.ran VALUES ($1) RETURNING 1';
ALTER DATABASE shop SET search_path = mine, pg_catalog"""
TABLES = """DROP TABLE IF EXISTS public.still, public.wrote;
CREATE TABLE public.still AS SELECT 1 AS n; CREATE TABLE public.wrote AS SELECT 1 AS n, 2 AS x"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    top = Path(mkdtemp(prefix="seawall-test-", dir="/tmp"))
    shutil.chown(top, "postgres", "postgres")
    data, said = top / "data", f"-c unix_socket_directories={top} -c listen_addresses= -c fsync=off"
    os.environ["PGHOST"] = str(top)
    try:
        made = [str(PROGRAMS / "initdb"), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"--pgdata={data}"]
        run(as_postgres(*made), timeout=60, cwd=top)
        start = [str(PROGRAMS / "pg_ctl"), f"--pgdata={data}", f"--log={top}/log", f"--options={said}", "--wait"]
        run(as_postgres(*start, "start"), timeout=60, cwd=top)
        tables.in_postgresql("postgres", "CREATE ROLE client LOGIN")
        tables.in_postgresql("postgres", "CREATE DATABASE shop OWNER client")
        yield Server(Engine.POSTGRESQL, "none.service", data, "postgres")
    finally:
        del os.environ["PGHOST"]
        run(as_postgres(str(PROGRAMS / "pg_ctl"), f"--pgdata={data}", "--mode=immediate", "stop"), timeout=60, cwd=top)
        shutil.rmtree(top)


@pytest.fixture
def copy(server: Server) -> Iterator[Path]:
    tables.in_postgresql("shop", TABLES)
    copy = server.data.with_name("copy")
    run(as_postgres("pg_basebackup", f"--pgdata={copy}", "--checkpoint=fast", "--no-sync"), timeout=60, cwd=copy.parent)
    yield copy
    shutil.rmtree(copy)


@needs_server
@pytest.mark.usefixtures("server")
def test_nothing_of_a_client_runs_with_all_rights_when_his_tables_are_counted() -> None:
    tables.in_postgresql("shop", CLIENT)
    seen = tables.postgresql("shop", tables.Bound(60, serving=True))
    assert seen["rows of mine.t"] == 1
    assert tables.in_postgresql("shop", "SELECT count(*) FROM mine.ran") == "0\n"
    assert tables.newest(Engine.POSTGRESQL, "shop", "SELECT n FROM t") == "1"  # the estate's own question finds them


@needs_server
@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("SELECT 1", []),  # on an idle server, whose log ended with the copy
        ("UPDATE public.wrote SET n = 2", ["public.wrote"]),
        ("TRUNCATE public.wrote", ["public.still", "public.wrote"]),
        ("ALTER TABLE public.wrote DROP x", ["public.still", "public.wrote"]),
    ],
)
def test_what_was_changed_after_the_copy_is_left_out(
    server: Server, copy: Path, statement: str, changed: list[str]
) -> None:
    tables.in_postgresql("shop", statement)
    both = ["public.still", "public.wrote"]
    assert written.since(server, copy, {"shop": both}).tables("shop", both) == changed


@pytest.mark.parametrize("kind", ["a link", "a directory", "a pipe", "no text"])
def test_what_is_no_manifest_is_not_trusted(tmp_path: Path, kind: str) -> None:
    there = tmp_path / counted.NAME
    if kind == "a link":
        there.symlink_to("/etc/passwd")
    elif kind == "a directory":
        there.mkdir()
    elif kind == "a pipe":
        os.mkfifo(there)
    else:
        there.write_bytes(b"\xff")
    with pytest.raises(Untrusted):
        counted.read(tmp_path)
