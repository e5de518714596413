"""Makes 10 MB of XCCDF results small, on the host that was scanned: its source is fed to the python there.

Standard library alone, Python 3.11. Prints {"rules": [{id, result, title, severity, refs, advice}], "score", "of"}.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator

NAMESPACE = "{http://checklists.nist.gov/xccdf/1.2}"
PREFIX = "xccdf_org.ssgproject.content_rule_"
LONGEST = 400  # characters of advice
SKIPPED = {"notselected"}


def words(element: ET.Element | None) -> str:
    """Its text and that of all inside, in one line."""
    text = "" if element is None else "".join(element.itertext())
    return re.sub(r"\s+", " ", text).strip()


def references(rule: ET.Element) -> list[str]:
    """Numbers of the CIS benchmark and of ANSSI's guide that it stands for."""
    found = []
    for reference in rule.iter(f"{NAMESPACE}reference"):
        source = reference.get("href", "").lower()
        if "cisecurity" in source and "benchmark" in source:
            found.append(f"CIS {words(reference)}")
        elif "cyber.gouv" in source:
            found.append(f"ANSSI {words(reference)}")
    return found


def rules(root: ET.Element) -> Iterator[dict[str, object]]:
    """One entry per rule of the profile."""
    about = {rule.get("id", ""): rule for rule in root.iter(f"{NAMESPACE}Rule")}
    for result in root.iter(f"{NAMESPACE}rule-result"):
        outcome = words(result.find(f"{NAMESPACE}result"))
        name = result.get("idref", "")
        if outcome in SKIPPED:
            continue
        rule = about[name]
        yield {
            "id": name.removeprefix(PREFIX),
            "result": outcome,
            "title": words(rule.find(f"{NAMESPACE}title")),
            "severity": result.get("severity", ""),
            "refs": references(rule),
            "advice": words(rule.find(f"{NAMESPACE}description"))[:LONGEST] if outcome == "fail" else "",
        }


def main(path: str) -> None:
    """Read results from `path`, print them small."""
    root = ET.parse(path).getroot()  # noqa: S314  # oscap has just written it, as root
    own = next(root.iter(f"{NAMESPACE}score"), None)
    score = float(own.text or 0) if own is not None else None
    json.dump({"rules": list(rules(root)), "score": score}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
