"""OpenSCAP, with the profiles of the SCAP Security Guide: one point a rule that applies.

What applies is what passed, failed, or could not be decided; a rule that is not applicable or is for a person to check
(`notchecked`) counts nowhere.
"""

import json
from pathlib import Path

from supervision.findings import Finding, Scan, Scanner

PREFIX = "xccdf_org.ssgproject.content_profile_"
PROFILES = {Scanner.CIS: f"{PREFIX}cis_level1_server", Scanner.ANSSI: f"{PREFIX}anssi_bp28_intermediary"}
REDUCE = Path(__file__).with_name("reduce.py").read_text(encoding="utf-8")
APPLIES = {"pass", "fail", "error", "unknown"}


def parse(scanner: Scanner, reduced: str, version: str, seconds: float = 0.0) -> Scan:
    """`reduced` is what `reduce.py` printed."""
    rules = [rule for rule in json.loads(reduced)["rules"] if rule["result"] in APPLIES]
    return Scan(scanner, version, tuple(map(_finding, rules)), seconds)


def _finding(rule: dict[str, object]) -> Finding:
    refs = rule["refs"]
    assert isinstance(refs, list)
    said = [", ".join(refs), str(rule["advice"])]
    if rule["result"] not in {"pass", "fail"}:
        said.insert(0, f"oscap could not decide: {rule['result']}")
    return Finding(str(rule["id"]), str(rule["title"]), ". ".join(filter(None, said)), int(rule["result"] == "pass"), 1)
