"""What a copy of a database server costs that is ready to be started from, and to bring it back, against `cp`.

    PYTHONPATH=.:tests python -m benchmarks.databases LAB FOLDER [MB [ROUNDS]]

LAB is a lab that is up, with web1, and not hardened or hardened (docs/lab.md). Rows of MB megabytes (1000) go into each
server; the engine's own copy (mariadb-backup and its --prepare, pg_basebackup and its verification) and `cp --archive`
of the data that the server runs on are taken in turn, and synced. Time is web1's: of the wall, and of processors. Then
the copy is saved in a repository below FOLDER and brought back from there, against `cp --archive` of the copy; and how
long it takes to count the tables for the proof.
"""

import json
import shutil
import sys
from pathlib import Path
from shlex import quote

import lab as labs
from backups.proof.hydrate import Target, hydrate
from backups.take import DATABASE_OPTIONS
from benchmarks.figures import Figures
from benchmarks.many_vhosts import spent
from benchmarks.restore import repository_in
from effects.clock import Stopwatch
from effects.run import run
from estate.model import Engine
from lab import Lab

GOAL = 3.0
LIMIT = 1800.0
ROOM = "/var/lib/seawall-benchmark"
FILL = {  # a client, and what it is told
    Engine.MARIADB: ("mariadb", """
CREATE DATABASE IF NOT EXISTS bench; USE bench; DROP TABLE IF EXISTS filled;
CREATE TABLE filled (n INT PRIMARY KEY, held TEXT) AS
SELECT seq AS n, REPEAT(MD5(seq), 30) AS held FROM seq_1_to_{rows};
"""),
    Engine.POSTGRESQL: ("runuser -u postgres -- psql --quiet --no-psqlrc -v ON_ERROR_STOP=1", """
DROP TABLE IF EXISTS filled; CREATE TABLE filled AS
SELECT n, (SELECT string_agg(md5((n * k)::text), '') FROM generate_series(1, 30) AS k) AS held
FROM generate_series(1, {rows}) AS n; CHECKPOINT;
"""),
}  # fmt: skip
SERVER = """
import sys
sys.path.insert(0, "{room}")
from pathlib import Path
from backups.engines import server
from estate.model import Engine
mine = server(Engine("{engine}"))
"""
COUNT = (
    SERVER
    + """
from backups.tables import HOLDS, Bound
print(HOLDS[mine.engine]("{database}", Bound(600, serving=True))["rows"])"""
)
PLACE = SERVER + "print(mine.data)"
COPY = SERVER + 'mine.copy(Path("{room}/copy"))'


def carried(lab: Lab) -> None:
    """What the engine needs of this toolkit, as it is here."""
    top = Path(__file__).parents[1]
    lab.run("web1", f"rm -rf {ROOM} && mkdir -p {ROOM}")
    there = lab.guest("web1").root / ROOM.lstrip("/")
    for folder in ("estate", "effects", "backups"):
        for source in (top / folder).rglob("*.py"):
            target = there / source.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def timed(lab: Lab, script: str) -> tuple[float, float]:
    """Seconds, on the disk at the end."""
    lab.run("web1", f"rm -rf {ROOM}/copy; sync -f {ROOM}", timeout=LIMIT)
    before, watch = spent(lab), Stopwatch()
    said = lab.run("web1", f"{script} && sync -f {ROOM}", timeout=LIMIT)
    assert said.ok, said.said
    return watch.seconds, spent(lab) - before


def compare(lab: Lab, engine: Engine, megabytes: int, rounds: int, folder: Path) -> None:
    """One server."""
    client, told = FILL[engine]
    filled = lab.run("web1", f"cd /; {client}", timeout=LIMIT, stdin=told.format(rows=megabytes * 1000))
    assert filled.ok, filled.said
    data = lab.run("web1", ["python3", "-c", PLACE.format(room=ROOM, engine=engine)], timeout=60).out.strip()
    copy = COPY.format(room=ROOM, engine=engine)
    acts = {"copy": f"cd /; python3 -c {quote(copy)}", "cp": f"cp --archive {data} {ROOM}/copy"}
    found: dict[str, list[tuple[float, float]]] = {who: [] for who in acts}
    for _ in range(rounds):
        for who, script in acts.items():
            found[who].append(timed(lab, script))
            print(json.dumps({"engine": engine, "who": who, "seconds": found[who][-1]}), flush=True)
    (wall, cpu), (cp_wall, cp_cpu) = (tuple(min(values) for values in zip(*found[who], strict=True)) for who in acts)
    ratio, verdict = wall / cp_wall, "reached" if wall / cp_wall <= GOAL else "missed"
    print(f"{engine}: copy / cp: {ratio:.2f} on the wall, goal {GOAL:.0f} {verdict}; {cpu / cp_cpu:.2f} of processors")
    assert lab.run("web1", f"rm -rf {ROOM}/copy; {acts['copy']}", timeout=LIMIT).ok
    bring_back(engine, lab.guest("web1").root / f"{ROOM}/copy".lstrip("/"), folder, rounds)
    database = "bench" if engine is Engine.MARIADB else "postgres"
    counting = COUNT.format(room=ROOM, engine=engine, database=database)
    print(f"{engine}: counted in {timed(lab, f'cd /; python3 -c {quote(counting)}')[0]:.2f} s")


def bring_back(engine: Engine, copy: Path, folder: Path, rounds: int) -> None:
    """From a repository, every file made anew each time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        repository, figures = repository_in(folder, "databases"), Figures(folder)
        repository.create(f"web1.{engine}.2026-11-22T01:00:00Z", ["."], cwd=copy, options=DATABASE_OPTIONS)
        (archive,) = repository.archives()
        for _ in range(rounds):
            back = Target("bench", folder / "back")
            figures.time("restore", "seawall", lambda back=back: hydrate(repository, archive, back))  # type: ignore[misc]
            back.remove()
            argv = ["cp", "--archive", str(copy), str(folder / "copied")]
            figures.time("restore", "cp", lambda argv=argv: run(argv, timeout=LIMIT))  # type: ignore[misc]
            shutil.rmtree(folder / "copied")
        figures.compare("restore", "seawall", "cp")
        ours, theirs = figures.best("restore", "seawall")[0], figures.best("restore", "cp")[0]
        verdict = "reached" if ours / theirs <= GOAL else "missed"
        print(f"{engine}: restore / cp: {ours / theirs:.2f} on the wall, goal {GOAL:.0f} {verdict}")
    finally:
        shutil.rmtree(folder)


def main(name: str, folder: str, megabytes: str = "1000", rounds: str = "3") -> None:
    """Both servers, one after the other."""
    lab = labs.load(name)
    carried(lab)
    for engine in Engine:
        compare(lab, engine, int(megabytes), int(rounds), Path(folder) / "databases-benchmark")
    lab.run("web1", f"rm -rf {ROOM}")


if __name__ == "__main__":
    main(*sys.argv[1:])
