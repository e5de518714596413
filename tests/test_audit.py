"""What scanners say is read right, excused only with a reason, and scored so that nothing is reached before it is."""

import json
from pathlib import Path
from sys import executable
from typing import Any

import pytest

from effects.run import run
from estate.problem import BadEstate, Missing, Unmet, Untrusted
from supervision import content, exclusions, exposure, lynis, scap
from supervision.findings import Exclusion, Finding, Goal, Scan, Scanner, Score, judge
from supervision.page import html

REPORT = """\
lynis_version=3.0.8
warning[]=NETW-2705|Couldn't find 2 responsive nameservers|-|-|
suggestion[]=SSH-7408|Consider hardening SSH configuration|MaxSessions (set 10 to 2)|-|
suggestion[]=BOOT-5264|Consider hardening system services|Run it for each service|-|
hardening_index=55
"""
LOG = """\
Performing test ID BOOT-5264 (Run systemd-analyze security)
Performing test ID NETW-2705 (Check availability two nameservers)
Hardening: assigned partial number of hardening points (1 of 2). Currently having 1 points (out of 2)
Performing test ID SSH-7408 (Check SSH specific defined options)
Result: Option MaxSessions found
Hardening: assigned partial number of hardening points (0 of 3). Currently having 1 points (out of 5)
Result: Option UseDNS found
Hardening: assigned maximum number of hardening points for this item (3). Currently having 4 points (out of 8)
Performing test ID KRNL-6000 (Check sysctl key pairs in scan profile)
Result: sysctl key kernel.sysrq contains equal expected and current value (0)
Hardening: assigned maximum number of hardening points for this item (1). Currently having 5 points (out of 9)
"""
XCCDF = """\
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2">
 <Rule id="xccdf_org.ssgproject.content_rule_a"><title>Do  a</title><description>Because <b>so</b>.</description>
  <reference href="https://www.cisecurity.org/benchmark/debian_linux/">5.1.2</reference>
  <reference href="https://cyber.gouv.fr/document/linux_configuration-en-v2.pdf">R30</reference>
 </Rule>
 <Rule id="xccdf_org.ssgproject.content_rule_b"><title>Do b</title></Rule>
 <Rule id="xccdf_org.ssgproject.content_rule_c"><title>Do c</title></Rule>
 <Rule id="xccdf_org.ssgproject.content_rule_d"><title>Do d</title></Rule>
 <Rule id="xccdf_org.ssgproject.content_rule_e"><title>Do e</title></Rule>
 <TestResult>
  <rule-result idref="xccdf_org.ssgproject.content_rule_a" severity="high"><result>fail</result></rule-result>
  <rule-result idref="xccdf_org.ssgproject.content_rule_b" severity="low"><result>pass</result></rule-result>
  <rule-result idref="xccdf_org.ssgproject.content_rule_c"><result>notapplicable</result></rule-result>
  <rule-result idref="xccdf_org.ssgproject.content_rule_d"><result>error</result></rule-result>
  <rule-result idref="xccdf_org.ssgproject.content_rule_e"><result>notselected</result></rule-result>
  <score maximum="100">61.5</score>
 </TestResult>
</Benchmark>
"""
RULES = """\
[goals]
cis = {{ declared = 95 }}
[limits]
exposure = 2.5
[[exclusion]]
scanner = "cis"
ids = ["a", "gone"]
{reason}
when = ["container"]
"""
REASON = 'reason = "a container has no partitions of its own"'
EVERYWHERE = frozenset({"container", "debian12"})


def a_scan(*findings: Finding) -> Scan:
    return Scan(Scanner.CIS, "1", findings)


FAILED, PASSED = Finding("a", "A", "", 0, 1), Finding("b", "B", "", 1, 1)


def test_lynis_points_are_summed_per_item_and_advice_is_laid_to_them() -> None:
    scan = lynis.parse(REPORT, LOG)
    assert lynis.index(REPORT) == 5 * 100 // 9
    assert scan.raw == Score(5, 9)
    found = {finding.id: finding for finding in scan.findings}
    assert found["SSH-7408:MaxSessions"].advice == "Consider hardening SSH configuration: MaxSessions (set 10 to 2)"
    assert [name for name, finding in found.items() if finding.failed] == [
        "NETW-2705",
        "SSH-7408:MaxSessions",
        "BOOT-5264",
    ]
    assert found["BOOT-5264"].of == 0


def test_a_lynis_run_that_did_not_end_has_no_index() -> None:
    assert lynis.index("lynis_version=3.0.8\n") is None


def test_scap_results_are_reduced_and_only_what_applies_counts(tmp_path: Path) -> None:
    (tmp_path / "cis.xml").write_text(XCCDF)
    argv = [executable, "-", str(tmp_path / "cis.xml")]
    reduced = run(argv, timeout=30, stdin=scap.REDUCE)
    scan = scap.parse(Scanner.CIS, reduced, "1.3.7")
    assert scan.raw == Score(1, 3)
    first = scan.findings[0]
    assert (first.id, first.title, first.failed) == ("a", "Do a", True)
    assert first.advice.startswith("CIS 5.1.2, ANSSI R30. ")
    assert "Because so." in first.advice
    assert "could not decide" in scan.findings[2].advice


def test_a_unit_within_the_limit_wins_its_point_and_others_say_what_would_help() -> None:
    settings = json.dumps(
        [{"set": False, "name": "User=", "exposure": "0.4"}, {"set": True, "name": "X", "exposure": None}]
    )
    said = f"252\nnginx.service\n{settings}\n9.6\nmariadb.service\n[]\n1.6\nphp-cleanup.service\n[]\n9.6\n"
    scan = exposure.parse(said, 2.5)
    assert [(finding.id, finding.points) for finding in scan.findings] == [("nginx.service", 0), ("mariadb.service", 1)]
    assert "User= (0.4)" in scan.findings[0].advice


def test_a_host_whose_web_server_is_down_is_unknown_and_not_well() -> None:
    with pytest.raises(Unmet, match="no web server runs"):
        exposure.parse("252\nmariadb.service\n[]\n1.6\n", 2.5, serves=True)


def test_an_excused_finding_leaves_the_declared_score_with_its_denominator() -> None:
    excused = Exclusion(Scanner.CIS, ("a",), "a container has no partitions", ("container",))
    judged = judge(a_scan(FAILED, PASSED), [excused], Goal(declared=95), EVERYWHERE)
    assert (judged.scan.raw, judged.declared, judged.met) == (Score(1, 2), Score(1, 1), True)
    elsewhere = judge(a_scan(FAILED, PASSED), [excused], Goal(declared=95), frozenset({"debian12"}))
    assert elsewhere.remaining == (FAILED,)
    assert not elsewhere.met


def test_what_passes_is_never_excused() -> None:
    judged = judge(a_scan(PASSED), [Exclusion(Scanner.CIS, ("b",), "no longer needed", ())], Goal(), EVERYWHERE)
    assert judged.excluded == ()
    assert judged.declared == Score(1, 1)


def test_unknown_meets_no_goal() -> None:
    assert not judge(Scan(Scanner.CIS, error="host is down"), [], Goal(), EVERYWHERE).met


def test_a_score_is_never_rounded_up_to_a_goal() -> None:
    assert Score(949_999, 1_000_000).percent == 94.9
    assert not Score(949_999, 1_000_000).reaches(95)
    assert Score(95, 100).reaches(95)


@pytest.mark.parametrize("reason", ["", 'reason = ""', 'reason = "because"'])
def test_an_exclusion_without_a_reason_is_refused(tmp_path: Path, reason: str) -> None:
    (tmp_path / "rules.toml").write_text(RULES.format(reason=reason))
    with pytest.raises(BadEstate, match=r"exclusion\.0\.reason"):
        exclusions.load(tmp_path / "rules.toml")


def test_an_exclusion_that_excuses_nothing_any_more_is_named_where_it_could(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES.format(reason=REASON))
    rules = exclusions.load(tmp_path / "rules.toml")
    assert exclusions.idle(rules, [(EVERYWHERE, Scanner.CIS, frozenset({"a"}))]) == ["cis: gone"]
    assert exclusions.idle(rules, [(frozenset({"debian12"}), Scanner.CIS, frozenset[str]())]) == []


def test_our_own_file_is_sound_and_names_nothing_twice() -> None:
    rules = exclusions.load()
    assert set(rules.goals) == set(Scanner)
    named = [(each.scanner, name, each.when) for each in rules.exclusions for name in each.ids]
    assert len(named) == len(set(named))


def test_a_goal_for_a_kind_of_host_takes_the_place_of_the_one_for_all(tmp_path: Path) -> None:
    special = "[goals_when.container]\ncis = { raw = 50 }\n"
    (tmp_path / "rules.toml").write_text(RULES.format(reason=REASON).replace("[limits]", f"{special}[limits]"))
    rules = exclusions.load(tmp_path / "rules.toml")
    assert rules.goal(Scanner.CIS, frozenset({"debian12"})) == Goal(declared=95)
    assert rules.goal(Scanner.CIS, EVERYWHERE) == Goal(raw=50)
    assert rules.goal(Scanner.LYNIS, EVERYWHERE) == Goal()


def test_content_that_is_not_the_pinned_package_is_never_used(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no SCAP content"):
        content.find(tmp_path / "none.deb")
    (tmp_path / "other.deb").write_text("something else")
    with pytest.raises(Untrusted, match="SHA-256"):
        content.find(tmp_path / "other.deb")


def a_document(at: str, points: int, *, title: str = "Do <a>") -> dict[str, Any]:
    score = {"points": points, "of": 10, "percent": points * 10.0}
    scan = {"title": "CIS", "version": "1", "error": "", "met": points > 8, "goal": {"raw": None, "declared": 95},
            "raw": score, "declared": score, "excluded": [],
            "remaining": [{"id": "a", "title": title, "advice": "", "points": 0, "of": 1}]}  # fmt: skip
    scans = dict.fromkeys(("lynis", "cis", "anssi"), scan)
    return {"host": "web1", "at": at, "known": True, "met": points > 8, "traits": ["debian12"], "scans": scans}


def test_the_page_shows_before_and_after_and_escapes_what_hosts_say() -> None:
    page = html("test", {"web1": [a_document("2026-01-01", 5), a_document("2026-02-01", 9)], "web2": []}, [])
    assert "every goal is reached" in page
    assert "50.0 %" in page
    assert "90.0 %" in page
    assert "<polyline" in page
    assert "Do &lt;a&gt;" in page
    assert "not every goal is reached" in html("test", {"web1": [a_document("2026-01-01", 5)]}, [])
