"""Sent by `seawall drp status`: this host's clock, and of a Knot how it would start again.

`look` takes {dns: bool} and answers {time: seconds since 1970, knot: {template: [{key: value}], zone: [{key: value}]}},
or null for knot where there is none, or {fault: said}. Of the configuration nothing else leaves the host: it has keys.
"""

import re
import time
from shutil import which
from typing import Any

from effects.onhost.calling import call

SECTION, ITEM = re.compile(r"([a-z-]+):$"), re.compile(r"  (- |  )([a-z-]+): (.*)$")
WANTED = ("template", "zone")


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """All of it."""
    return {"time": time.time(), "knot": knot() if question["dns"] and which("knotc") else None}


def knot() -> "dict[str, Any]":
    """What stands in its configuration now, includes and all: what the next start reads."""
    well, said = call("knotc", "conf-export", limit=20)
    return parsed(said) if well else {"fault": said[-200:]}


def parsed(text: str) -> "dict[str, Any]":
    """Items of the wanted sections, values without their quotes, as `knotc conf-export` writes them (Knot 3.2)."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in WANTED}
    section = ""
    for line in text.splitlines():
        if head := SECTION.match(line):
            section = head[1]
        elif (item := ITEM.match(line)) and section in found:
            if item[1] == "- ":
                found[section].append({})
            found[section][-1][item[2]] = item[3].strip('"')
    return dict(found)
