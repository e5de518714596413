"""What the tests of the stream, and its benchmark, do to a lab: write steadily, count what comes back."""

import json
from typing import Any

from chain import good, on

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

# 100 numbered rows a second into both servers, each in a transaction of its own; what was committed
# is on the list with its time.
WRITER = r"""
import subprocess, sys, threading, time
def client(argv, sql, log):
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    begun, number = time.monotonic(), int(sys.argv[1])
    out = open(log, "w", buffering=1)
    while True:
        child.stdin.write(sql.format(n=number)); child.stdin.flush()
        if child.stdout.readline().strip() != str(number):
            return
        out.write(f"{number} {time.time():.6f}\n")
        number += 1
        time.sleep(max(0.0, begun + (number - int(sys.argv[1])) / 100 - time.monotonic()))
maria = (["mariadb", "-N", "-B", "-n", "shop"], "INSERT INTO w VALUES ({n}); SELECT {n};\n", "/run/written.mariadb")
postgres = (["runuser", "-u", "postgres", "--", "psql", "-AtXq", "ledger"], "INSERT INTO w VALUES ({n}) RETURNING n;\n",
            "/run/written.postgresql")
threads = [threading.Thread(target=client, args=each) for each in (maria, postgres)]
[each.start() for each in threads]
[each.join() for each in threads]
"""
TABLES = (
    'mariadb shop -e "CREATE TABLE IF NOT EXISTS w (n bigint PRIMARY KEY)";'
    'cd /; runuser -u postgres -- psql -qAtXc "CREATE TABLE IF NOT EXISTS w (n bigint PRIMARY KEY)" ledger'
)
UNIT = "seawall-test-writer.service"
DATABASES = {"mariadb": "shop", "postgresql": "ledger"}


def start_writer(lab: Lab, first: int) -> None:
    """Write from `first` on, as a unit of web1."""
    assert lab.run("web1", TABLES).ok
    assert lab.run("web1", "cat > /root/writer.py", stdin=WRITER).ok
    begin = f"systemd-run -q --collect --unit={UNIT} /usr/bin/python3 /root/writer.py {first}"
    said = lab.run("web1", f"rm -f /run/written.*; {begin}")
    assert said.ok, said.err
    for engine in DATABASES:
        late = Failed(f"nothing is written to {engine}", hint="look at web1")
        wait_until(lambda e=engine: len(written(lab, e)) > 100, timeout=30, late=late)  # type: ignore[misc]


def stop_writer(lab: Lab) -> None:
    lab.run("web1", f"systemctl stop {UNIT}")


def written(lab: Lab, engine: str) -> dict[int, float]:
    """Numbers that were committed, each with the Unix time at which the client knew."""
    lines = lab.run("web1", f"cat /run/written.{engine} 2> /dev/null").out.splitlines()
    return {int(number): float(at) for number, at in (line.split() for line in lines if line.count(" ") == 1)}


def status(lab: Lab, host: str = "web1") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(on(lab, host, "backup", "stream", "status", "--json").out or "[]")
    return rows


def flowing(lab: Lab, *sides: str, host: str = "web1") -> bool:
    """Every engine is sent to each of these sides, and is not late."""
    rows = [row for row in status(lab, host) if row["side"] in sides]
    return len(rows) == 2 * len(sides) and all(r["age_seconds"] is not None and r["age_seconds"] < 6 for r in rows)


def wait_flowing(lab: Lab, *sides: str, host: str = "web1") -> None:
    late = Failed(f"the stream does not reach {sides}: {status(lab, host)}", hint="journalctl -u seawall-stream")
    wait_until(lambda: flowing(lab, *sides, host=host), timeout=60, late=late)


def restored(lab: Lab, database: str, *words: str) -> dict[str, Any]:
    """What a restore on the twin says; the database is in `into`."""
    found: dict[str, Any] = good(on(lab, "twin1", "backup", "restore", f"--database={database}", *words, "--json"))
    return found


def asked(lab: Lab, host: str, engine: str, database: str, statement: str) -> list[str]:
    """Rows of an answer."""
    client = {
        "mariadb": ["mariadb", "--batch", "--skip-column-names", database, "--execute", statement],
        "postgresql": ["runuser", "-u", "postgres", "--", "psql", "-AtXc", statement, database],
    }[engine]
    said = lab.run(host, client)
    assert said.ok, said.err
    return said.out.split("\n")[:-1]


def drop(lab: Lab, engine: str, database: str) -> None:
    asked(lab, "twin1", engine, {"mariadb": "mysql", "postgresql": "postgres"}[engine], f"DROP DATABASE {database}")
