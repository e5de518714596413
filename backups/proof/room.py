"""The proof room, seen from inside: `python -m backups.proof.room`. Its order comes on standard input, JSON goes out.

It is a transient unit with a network namespace of its own (loopback alone), so nothing that runs in it reaches anybody:
no mail, no visitor, no other server; no cron is started, and spools and live sockets are hidden. The twin's own
configuration runs in it, on what was hydrated. All of it ends with the unit.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backups import tables
from backups.proof.furnish import furnish, php, started
from backups.proof.orders import ANSWER as ANSWERING
from backups.proof.orders import ORDER, ROOM, SAID, START, TABLES, WEB, Closed, Order, Said, Shown, Started, timed
from effects import http
from effects.clock import wait_until
from effects.run import attempt, run
from estate.model import Engine
from estate.problem import Failed, Problem
from estate.web import WEB_SERVERS, Web

STARTING = 300.0  # seconds: a copy may have to recover first
ANSWER = 20.0  # seconds that a vhost may take to its first good answer


def look(order: Order) -> Said:
    """Bring it all up, ask all of it. What does not hold stops nothing else."""
    said = Said()
    with timed(said.moments, ROOM, ""):
        furnish(order)
    for engine in order.engines:
        _hold(said, engine.engine, partial(_database_server, engine, said))
    with timed(said.moments, WEB, ""):
        _web_server(order, said)
    for vhost in order.vhosts:
        with timed(said.moments, ANSWERING, vhost.domain):
            _hold(said, vhost.domain, partial(_answers, order, vhost, said))
    said.closed.append(_closed())
    return said


def _closed() -> Closed:
    """Of this network namespace, which nothing but the room is in."""
    rows = [line.split(":") for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]]
    sent = {name.strip(): int(figures.split()[8]) for name, figures in rows}
    refused = sum(map(_no_routes, ("/proc/net/snmp", "/proc/net/snmp6")))
    return Closed(tuple(sorted(sent)), sum(count for name, count in sent.items() if name != "lo"), refused)


def _no_routes(table: str) -> int:
    """`Ip:` lines come in pairs, of names and of figures; of IPv6 each has a line of its own."""
    if not Path(table).exists():
        return 0
    lines = [line.split() for line in Path(table).read_text(encoding="ascii").splitlines()]
    names, figures = [*(line for line in lines if line[0] == "Ip:"), (), ()][:2]
    found = dict(zip(names, figures, strict=True)) | {line[0]: line[-1] for line in lines if len(line) == 2}
    return sum(int(found.get(name, 0)) for name in ("OutNoRoutes", "Ip6OutNoRoutes"))


def _hold(said: Said, subject: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Problem as problem:
        said.faults.append((subject, " ".join(problem.what.split())[-400:]))


def _database_server(it: Started, said: Said) -> None:
    with timed(said.moments, START, it.engine):
        _start(it)
    with timed(said.moments, TABLES, it.engine):
        said.faults.extend((str(it.engine), line) for line in tables.checked(it.engine, list(it.databases)))
        for name, query in it.databases.items():
            subject = f"{it.engine}.{name}"
            _hold(said, subject, partial(_database, it.engine, name, query, said))


def _database(engine: Engine, name: str, query: str | None, said: Said) -> None:
    found = dict(tables.HOLDS[engine](name))
    if query is not None:
        found["newest row"] = tables.newest(engine, name, query)
    said.databases[f"{engine}.{name}"] = found


def _start(it: Started) -> None:
    """From its copy, writing no log for others, and doing nothing on its own."""
    late = Failed(f"{it.engine} does not start from its copy: {_end_of_log(it.engine)}", hint="look at the proof")
    if it.engine is Engine.MARIADB:
        quiet = ("--user=mysql", "--skip-log-bin", "--event-scheduler=OFF", "--bind-address=127.0.0.1")
        started(("/usr/sbin/mariadbd", *quiet))
        ready = ["mariadb-admin", "--silent", "ping"]
    else:
        version, cluster, *_ = run(["pg_lsclusters", "--no-header"], timeout=30).split()
        start = [
            "pg_ctlcluster",
            "--skip-systemctl-redirect",
            version,
            cluster,
            "start",
            "--",
            "-o",
            "-c archive_mode=off",
        ]
        run(start, timeout=STARTING)
        ready = tables.as_postgres("pg_isready", "--quiet")
    wait_until(lambda: attempt(ready, timeout=30).ok, timeout=STARTING, late=late)


def _end_of_log(engine: Engine) -> str:
    logs = sorted(Path("/var/log").glob("mysql/*.err" if engine is Engine.MARIADB else "postgresql/*.log"))
    return logs[-1].read_text(errors="replace")[-300:] if logs else ""


def _web_server(order: Order, said: Said) -> None:
    server = WEB_SERVERS[order.web]
    for vhost in order.vhosts:
        if vhost.php is not None:
            _hold(said, vhost.domain, partial(php, vhost.php))
    for shared in sorted(Path("/etc/php").glob("*/fpm/pool.d/*.conf")):
        version = shared.parts[3]
        (Path("/run/php")).mkdir(exist_ok=True)
        attempt([f"/usr/sbin/php-fpm{version}", "--daemonize"], timeout=60)
        break
    _hold(said, server.package, partial(_serve, order.web))


def _serve(web: Web) -> None:
    run([*WEB_SERVERS[web].judge], timeout=60)
    run(["nginx"] if web is Web.NGINX else ["apache2ctl", "-k", "start"], timeout=60)


def _answers(order: Order, vhost: Shown, said: Said) -> None:
    """As the estate says it must: its certificate, its status, its words."""
    if vhost.path is None:
        said.vhosts[vhost.domain] = {"answer": None}
        return
    last = ["nothing"]

    def right() -> bool:
        try:
            got = http.get(vhost.domain, str(vhost.path), address="127.0.0.1", timeout=10, trust=order.trust)
        except Problem as problem:
            last[0] = problem.what
            return False
        there = vhost.expect in got.body
        last[0] = f"{got.status} {'with' if there else 'without'} “{vhost.expect}”"
        return got.status == 200 and there

    late = Failed(f"{vhost.domain} does not answer as its check says", hint="look at the proof")
    try:
        wait_until(right, timeout=ANSWER, late=late)
    except Failed:
        raise Failed(f"it answers not as its check says: {last[0]}", hint=late.hint) from None
    said.vhosts[vhost.domain] = {"answer": last[0]}


def main() -> None:
    """One order, one answer."""
    order = ORDER.validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(SAID.dump_json(look(order)) + b"\n")


if __name__ == "__main__":
    main()
