"""Back by hand on real hosts: a table, a database, a vhost, a host; to the side, or in place with its cost counted."""

from collections.abc import Iterator
from typing import Any

import pytest
from beginnings import installed
from chain import THERE, fault, good, on
from hardening import own_lab
from streaming import DATABASES, asked, drop

from effects.clock import now, wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

SHOP, STYLE = "/srv/vhosts/shop.example", "/wp-content/themes/harbour/style.css"
CRONTAB = "/var/spool/cron/crontabs/anna"
MARIADB = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE dear (n int PRIMARY KEY, p int, word varchar(9), CONSTRAINT tie FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO parent VALUES (1); INSERT INTO dear VALUES (1, 1, 'a'), (2, 1, 'b');
CREATE TRIGGER loud BEFORE INSERT ON dear FOR EACH ROW SET NEW.word = UPPER(NEW.word);
CREATE VIEW seen AS SELECT n FROM dear; CREATE VIEW early AS SELECT n FROM seen;
CREATE FUNCTION answer() RETURNS int DETERMINISTIC RETURN 42;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM dear
"""
POSTGRESQL = """
CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);
CREATE TABLE dear (n serial PRIMARY KEY, p int REFERENCES parent, word text); CREATE INDEX by_word ON dear (word);
INSERT INTO dear (p, word) VALUES (1, 'a'), (1, 'b'); ALTER DATABASE ledger SET statement_timeout = 77777
"""
ONE = {"mariadb": "shop.dear", "postgresql": "ledger.public.dear"}
ASIDE = {"mariadb": "aside.dear_before", "postgresql": "aside.before.dear"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Both databases have a table that hangs together with others, and that is saved."""
    with own_lab(("web1", "vault-even", "vault-odd", "twin1"), above=installed()) as made:
        made.run("web1", "systemctl stop seawall-backup")
        asked(made, "web1", "mariadb", "shop", MARIADB)
        asked(made, "web1", "postgresql", "ledger", POSTGRESQL)
        late = Failed("nothing was saved", hint="look at web1")
        wait_until(lambda: on(made, "web1", "backup", "databases").ok, timeout=60, late=late)
        good(on(made, "web1", "backup", "files", "--json"))
        yield made


def restore(lab: Lab, host: str, *words: str) -> Any:
    return good(on(lab, host, "backup", "restore", *words, "--json"))


def dear(lab: Lab, engine: str, database: str, host: str = "web1") -> set[str]:
    return set(asked(lab, host, engine, database, "SELECT n FROM dear"))


@pytest.mark.parametrize("engine", DATABASES)
def test_a_table_comes_back_as_a_file_that_loads_by_itself_and_beside(lab: Lab, engine: str) -> None:
    file = f"/root/{engine}.sql"
    restore(lab, "twin1", f"--table={ONE[engine]}", "--latest", f"--dump={file}")
    load = {
        "mariadb": f"mariadb -e 'CREATE DATABASE aside' && mariadb aside < {file}",
        "postgresql": "cd / && runuser -u postgres -- createdb aside && "
        f"runuser -u postgres -- psql -qv ON_ERROR_STOP=1 -o /dev/null aside < {file}",
    }[engine]
    said = lab.run("twin1", load)
    assert said.ok, said.err
    assert dear(lab, engine, "aside", "twin1") == {"1", "2"}
    assert not lab.run("twin1", load.partition("&& ")[2]).ok  # it never takes the place of a table
    found = restore(lab, "twin1", f"--table={ONE[engine]}", f"--into={ASIDE[engine]}")
    assert any("foreign key" in tie for tie in found["left_behind"])
    beside = ASIDE[engine].partition(".")[2]
    assert asked(lab, "twin1", engine, "aside", f"SELECT count(*) FROM {beside}") == ["2"]  # noqa: S608
    again = on(lab, "twin1", "backup", "restore", f"--table={ONE[engine]}", f"--into={ASIDE[engine]}")
    fault(again, 6, "not touched" if engine == "mariadb" else "takes a new one")
    none = on(lab, "twin1", "backup", "restore", f"--table={ONE[engine]}s")
    fault(none, 3, "dears is not in it", "dear")
    drop(lab, engine, "aside")


@pytest.mark.parametrize("engine", DATABASES)
def test_a_database_takes_its_place_and_what_served_is_kept(lab: Lab, engine: str) -> None:
    database = DATABASES[engine]
    others = _others(lab, engine)
    if engine == "mariadb":
        asked(lab, "web1", engine, database, "DROP VIEW early; DROP FUNCTION answer")
    asked(lab, "web1", engine, database, "INSERT INTO dear VALUES (3, 1, 'c'); CREATE TABLE later (n int)")
    counted = restore(lab, "web1", f"--database={database}", "--swap")
    lost = {row["table"].split(".")[-1]: (row["rows_now"], row["rows_then"]) for row in counted["lost_rows"][database]}
    assert lost == {"dear": (3, 2), "later": (0, None)}
    assert dear(lab, engine, database) == {"1", "2", "3"}  # counted is not done
    assert _others(lab, engine) == others
    done = restore(lab, "web1", f"--database={database}", "--swap", f"--from={counted['into']}", "--yes")
    (kept,) = done["kept"]
    assert dear(lab, engine, database) == {"1", "2"}
    assert dear(lab, engine, kept) == {"1", "2", "3"}
    assert _others(lab, engine) == others | {kept}
    again = restore(lab, "web1", f"--database={database}", "--swap", f"--from={counted['into']}")
    assert again["lost_rows"][database] == []


def _others(lab: Lab, engine: str) -> set[str]:
    look = {"mariadb": "SHOW DATABASES", "postgresql": "SELECT datname FROM pg_database"}[engine]
    return set(asked(lab, "web1", engine, {"mariadb": "mysql", "postgresql": "postgres"}[engine], look))


def test_what_hangs_on_a_database_is_as_it_was(lab: Lab) -> None:

    def mariadb(text: str) -> list[str]:
        return asked(lab, "web1", "mariadb", "shop", text)

    assert mariadb("SELECT answer(), (SELECT COUNT(*) FROM early)") == ["42\t2"]
    events = (
        "SELECT event_schema = 'shop', status FROM information_schema.events WHERE event_name = 'nightly' ORDER BY 1"
    )
    assert mariadb(events) == ["0\tDISABLED", "1\tENABLED"]
    mariadb("INSERT INTO dear VALUES (9, 1, 'loud')")
    assert mariadb("SELECT word FROM dear WHERE n = 9") == ["LOUD"]
    assert asked(lab, "web1", "postgresql", "ledger", "SHOW statement_timeout") == ["77777ms"]
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ledger'"
    assert asked(lab, "web1", "postgresql", "ledger", owner) == ["ledger"]


def test_a_run_that_died_between_counting_and_the_end_is_finished(lab: Lab) -> None:
    """Killed when the triggers are gone and the tables are not yet renamed: the worst instant there is."""
    found = restore(lab, "twin1", "--database=shop", "--latest", "--dump=/root/shop.sql")
    assert found["into"] == "/root/shop.sql"
    lab.run("web1", "cat > /root/shop.sql", stdin=lab.run("twin1", "cat /root/shop.sql").out)
    asked(lab, "web1", "mariadb", "shop", "DELETE FROM dear WHERE n = 9")
    die = (
        "from backups.restoring import in_mariadb as it; real = it._do\n"
        "def do(text):\n    if 'RENAME TABLE' in text: raise SystemExit(9)\n    return real(text)\n"
        "it._do = do\nfrom seawall.cli import main; main()"
    )
    words = ["backup", "restore", "--database=shop", "--swap", "--from=/root/shop.sql", "--yes"]
    died = lab.run("web1", ["/opt/seawall/bin/python", "-c", die, *words], timeout=100)
    assert not died.ok
    assert not asked(lab, "web1", "mariadb", "shop", "SHOW TRIGGERS")  # so this test can fail
    fault(on(lab, "web1", "backup", "restore", "--database=shop", "--swap"), 6, "a run that died")
    good(on(lab, "web1", *words, "--json"))
    assert "9" in dear(lab, "mariadb", "shop")
    assert len(asked(lab, "web1", "mariadb", "shop", "SHOW TRIGGERS")) == 1


def answers(lab: Lab, domain: str, path: str = "/") -> Result:
    return lab.run("web1", f"curl -skf --max-time 20 --resolve {domain}:443:127.0.0.1 https://{domain}{path}")


def test_a_vhost_comes_to_the_side_at_one_instant_and_into_its_place(lab: Lab) -> None:
    side = restore(lab, "twin1", "--vhost=ledger.example")
    assert side["databases"]["ledger"].removesuffix("+00:00") + "Z" == side["archive"].rpartition(".")[2]
    fault(on(lab, "twin1", "backup", "restore", "--vhost=ledger.example", "--swap"), 6, "does not serve ledger")
    assert lab.run("web1", f"echo defaced > {SHOP}{STYLE} && echo 1 > {SHOP}/wp-content/uploads/late").ok
    asked(lab, "web1", "mariadb", "shop", "INSERT INTO dear VALUES (10, 1, 'x')")
    assert answers(lab, "shop.example", STYLE).out == "defaced\n"
    counted = restore(lab, "web1", "--vhost=shop.example", "--swap")
    directory = counted["lost_files"][0]
    assert (directory["changed"], directory["only_here"]) == (1, 1)
    assert "dear" in [row["table"] for row in counted["lost_rows"]["shop"]]
    assert answers(lab, "shop.example", STYLE).out == "defaced\n"
    done = restore(lab, "web1", "--vhost=shop.example", "--swap", f"--from={counted['into']}", "--yes")
    database, kept = done["kept"]
    assert "10" in dear(lab, "mariadb", database)
    assert "10" not in dear(lab, "mariadb", "shop")
    assert lab.run("web1", f"cat {kept}/shop.example.*{STYLE} {kept}/*/wp-content/uploads/late").out == "defaced\n1\n"
    assert "Seawall shop" in answers(lab, "shop.example").out  # PHP runs on what is there now, and nobody gets 503
    assert "defaced" not in answers(lab, "shop.example", STYLE).out
    assert lab.run("web1", f"findmnt -no OPTIONS {SHOP}/wp-content/uploads | grep -q noexec").ok


def test_a_whole_host_comes_back_on_an_empty_machine_by_what_is_written(lab: Lab) -> None:
    assert lab.run("web1", "adduser --disabled-password --gecos '' anna && echo 'tell me' > /etc/motd").ok
    assert lab.run("web1", f"echo '5 4 * * * true' > {CRONTAB} && chown anna:crontab {CRONTAB}").ok
    good(on(lab, "web1", "backup", "files", "--json"))
    good(on(lab, "web1", "backup", "databases", "--json"))
    before = {engine: dear(lab, engine, DATABASES[engine]) for engine in DATABASES}
    assert lab.run("web1", f"rm {CRONTAB}; deluser -q --remove-home anna; rm -rf /srv/vhosts/ledger.example/*").ok
    for engine, database in DATABASES.items():
        asked(lab, "web1", engine, database, "DROP TABLE dear CASCADE")
    found = restore(lab, "web1", "--host=web1", "--to=/srv/restored")
    steps = lab.run("web1", f"cat {found['next']}").out
    assert "seawall harden web1 && seawall install" in steps
    done = lab.run("web1", ["bash", "-ec", f"PATH=/opt/seawall/bin:$PATH; . {found['next']}"], timeout=300)
    assert done.ok, done.err[-3000:]
    assert {engine: dear(lab, engine, DATABASES[engine]) for engine in DATABASES} == before
    assert lab.run("web1", f"cat {CRONTAB}").out == "5 4 * * * true\n"
    assert answers(lab, "ledger.example").ok
    assert lab.run("web1", "ls /srv/vhosts/ledger.example").out
    assert lab.run("web1", "cat /srv/restored/files/etc/motd").out == "tell me\n"


def test_what_makes_no_sense_is_said_before_anything_is_done(lab: Lab) -> None:
    for words, said in (
        (("--database=shop", "--swap", "--dump=/root/x"), "nowhere else"),
        (("--table=shop.dear", "--swap"), "--swap says nothing with --table"),
        (("--vhost=shop.example", "/etc/hosts"), "in one way"),
        (("--database=shop", "--archive=x", "--latest"), "in one way"),
    ):
        fault(on(lab, "web1", "backup", "restore", *words), 2, said)
    fault(
        on(lab, "web1", "backup", "restore", "--database=shop", f"--at={now().isoformat()}", "--host=web1"), 6, "--from"
    )
    assert lab.run("web1", [THERE, "backup", "restore", "--help"]).ok
