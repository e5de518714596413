"""After the return of the story before: what production wrote while nobody could hear it is listed."""

from pathlib import Path
from typing import Any

import pytest
from chain import fault, good, on, prepare, typed

from lab import Lab

pytestmark = pytest.mark.lab

ALONE = "srv/vhosts/docs.example/public/written-alone.txt"


@pytest.fixture(scope="module")
def told(lab: Lab) -> dict[str, Any]:
    prepare(lab)
    found: dict[str, Any] = good(typed(lab, "drp", "orphans", "--json"))
    return found


def test_a_file_that_production_wrote_alone_is_listed_by_its_path(told: dict[str, Any]) -> None:
    docs = next(row for row in told["vhosts"] if row["vhost"] == "docs.example")
    assert docs["fault"] is None
    assert {one["path"]: one["what"] for one in docs["paths"]}[ALONE] == "added, 6 B"
    assert 0 < docs["added"] < 20  # and not all 2,000 documents
    assert docs["changed"] < 20


def test_a_row_that_production_took_in_alone_is_listed_by_its_table(told: dict[str, Any]) -> None:
    ledger = next(row for row in told["engines"] if row["engine"] == "postgresql")
    assert ledger["fault"] is None
    assert 1 <= ledger["transactions"] < 100
    assert ledger["tables"]["ledger.public.entries"]["insert"] == 1
    assert ledger["first"] <= ledger["last"]


def test_what_lies_aside_is_where_it_says_and_is_still_there_afterwards(lab: Lab, told: dict[str, Any]) -> None:
    kept = [path for row in (*told["vhosts"], *told["engines"]) for path in row["kept"]]
    assert len(kept) >= 5  # three directories, two engines
    assert lab.run("web1", ["ls", "-d", *kept]).ok
    said = typed(lab, "drp", "orphans", "--paths")
    assert said.ok, said.err
    assert ALONE in said.out
    assert lab.run("web1", ["ls", "-d", *kept]).ok


def test_a_host_that_nothing_was_returned_to_says_so(lab: Lab) -> None:
    fault(on(lab, "twin1", "host", "orphans"), 3, "twin1")


def test_its_report_says_what_its_journals_and_the_backup_servers_say(lab: Lab, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert typed(lab, "drp", "report", f"--html={page}").ok
    assert "what web1 wrote alone was listed" in page.read_text(encoding="utf-8")
    holds = typed(lab, "drp", "report", f"--verify={page}", "--online")
    assert holds.ok, holds.out + holds.err
    assert typed(lab, "drp", "look").ok  # the twin's notes go on, and so do the heads of them
    assert lab.run("twin1", "systemctl start seawall-fence.service").ok
    holds = typed(lab, "drp", "report", f"--verify={page}", "--online")
    assert holds.ok, holds.out + holds.err
    lab.cut("gravelines")
    try:
        said = typed(lab, "drp", "report", f"--verify={page}", "--online")
    finally:
        lab.heal("gravelines")
    fault(said, 5, "does not hold")
    assert "heads kept by vault-odd: it could not be asked" in said.out
    page.write_text(page.read_text(encoding="utf-8").replace("alice", "mallory", 1), encoding="utf-8")
    said = typed(lab, "drp", "report", f"--verify={page}", "--online")
    assert not said.ok
    assert "Traceback" not in said.err
