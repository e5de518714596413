"""An audit of a hardened host: its figures are those of the scanners' own files, and what is loosened is found."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beginnings import hardened
from hardening import SEAWALL, harden, own_lab

from effects.run import Result, attempt
from estate.problem import BadEstate, Unmet, Unreachable
from lab import Lab
from supervision import content

pytestmark = pytest.mark.lab
FOLDER = "/var/lib/seawall/audit"
GOALS = "[goals]\ncis = {{ raw = {goal} }}\n[limits]\nexposure = 10\n"
WEAK = "/etc/cron.daily"  # CIS 2.4.1.4: nobody but root reads what root runs
RULE = "file_permissions_cron_daily"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    content.fetch()
    with own_lab(("web1", "probe"), above=hardened()) as made:
        result = harden(made, "web1")
        assert result.ok, result.err
        yield made


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audits")


@pytest.fixture(scope="module")
def whole(lab: Lab, state: Path) -> Result:
    """One audit of a host that is up and one that is down."""
    return audit(lab, "web1", "twin1", "--state", str(state))


def audit(lab: Lab, *arguments: str) -> Result:
    return attempt([SEAWALL, "audit", "--json", "--estate", str(lab.estate_file), *arguments], timeout=600)


def scans(result: Result, host: str = "web1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.out)["hosts"][host]["scans"]
    return found


def test_its_figures_are_those_of_the_scanners_own_files(lab: Lab, whole: Result) -> None:
    found = scans(whole)
    assert {name: scan["error"] for name, scan in found.items() if scan["error"]} == {}
    report = lab.run("web1", f"cat {FOLDER}/lynis.dat").out
    index = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    assert index
    assert abs(found["lynis"]["raw"]["percent"] - int(index[1])) < 1  # 3.0 rounds down, 3.1 to the nearest
    for name in ("cis", "anssi"):
        said = re.findall(
            r"^Result\r?\n?\t?\s*(\w+)$", lab.run("web1", f"tr -d '\\r' < {FOLDER}/{name}.txt").out, re.MULTILINE
        )
        counts = Counter(said)
        raw = found[name]["raw"]
        assert (raw["points"], raw["of"]) == (counts["pass"], counts["pass"] + counts["fail"] + counts["error"])
    overview = json.loads(lab.run("web1", "systemd-analyze security --json=short --no-pager").out)
    exposed = {row["unit"]: row["exposure"] for row in overview}
    assert found["units"]["raw"]["of"] >= 4
    for each in found["units"]["remaining"]:
        assert each["title"].startswith(f"exposure {exposed[each['id']]}")


def test_a_host_that_is_down_is_unknown_and_never_clean(whole: Result) -> None:
    assert whole.code == Unreachable.exit_code
    assert "1 of 2 hosts are unknown" in whole.err
    document = json.loads(whole.out)["hosts"]["twin1"]
    assert (document["known"], document["met"]) == (False, False)
    assert all("neither port" in scan["error"] and not scan["met"] for scan in document["scans"].values())


def test_it_is_kept_and_shown_on_a_page_that_needs_nothing_else(whole: Result, state: Path) -> None:
    document = json.loads(whole.out)
    page = Path(document["page"])
    assert page.is_relative_to(state)
    text = page.read_text()
    assert "unknown:" in text
    assert all(each["id"] in text for each in document["hosts"]["web1"]["scans"]["cis"]["remaining"])
    assert not re.search(r'(src|href)="', text)
    (kept,) = (page.parent / "web1").glob("*.json")
    assert json.loads(kept.read_text()) == document["hosts"]["web1"]
    assert kept.stat().st_mode & 0o077 == 0


def test_a_loosened_setting_lowers_the_score_and_remains(lab: Lab, whole: Result) -> None:
    before = lab.run("web1", f"stat -c %a {WEAK}").out.strip()
    assert lab.run("web1", f"chmod 700 {WEAK}").ok
    fine = scans(audit(lab, "web1", "--only", "cis"))["cis"]
    assert lab.run("web1", f"chmod 777 {WEAK}").ok
    loose = scans(audit(lab, "web1", "--only", "cis"))["cis"]
    lab.run("web1", f"chmod {before} {WEAK}")
    assert RULE not in [each["id"] for each in fine["remaining"]]
    (found,) = (each for each in loose["remaining"] if each["id"] == RULE)
    assert "CIS" in found["advice"]
    assert loose["raw"] == {**fine["raw"], "points": fine["raw"]["points"] - 1, "percent": loose["raw"]["percent"]}
    assert loose["raw"]["percent"] < fine["raw"]["percent"]


@pytest.mark.parametrize(("goal", "code"), [(0, 0), (100, Unmet.exit_code)])
def test_the_exit_code_says_whether_the_goals_are_reached(lab: Lab, tmp_path: Path, goal: int, code: int) -> None:
    (tmp_path / "goals.toml").write_text(GOALS.format(goal=goal))
    result = audit(lab, "web1", "--only", "cis", "--exclusions", str(tmp_path / "goals.toml"))
    assert result.code == code, result.err
    assert ("goals are not reached" in result.err) is (code != 0)


def test_an_exclusion_without_a_reason_is_refused_before_any_host_is_asked(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "lax.toml").write_text(
        GOALS.format(goal=1) + '[[exclusion]]\nscanner = "cis"\nids = ["x"]\nreason = ""\n'
    )
    result = audit(lab, "web1", "--exclusions", str(tmp_path / "lax.toml"))
    assert result.code == BadEstate.exit_code
    assert "exclusion.0.reason" in result.err
    assert "connected" not in result.err
