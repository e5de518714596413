"""An incident as the twin writes it, and its report."""

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ordered import ordered
from saved_estate import T0, everything, lab_estate

from drp import notes, report
from drp.evidence.document import Book, Deciders, Evidence
from drp.job import as_dict
from drp.orders import Signed
from drp.plan import Observed, activation
from effects.journal import START, Journal
from estate.model import Estate
from estate.promise import Promise


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def written(estate: Estate, folder: Path, order: Signed | None = None) -> Evidence:
    """An activation as the twin writes it, with a look before it, and 30 s of DNS that drains."""
    now = T0
    seen = Observed(T0, 0, everything(), {}, dict.fromkeys(estate.vhosts, ()), frozenset(), ())
    plan = activation(estate, estate.hosts["web1"], estate.hosts["twin1"], seen)
    given_at = T0 + timedelta(seconds=60)
    order = order or ordered(estate, plan, T0 + timedelta(seconds=30))
    book = Journal(folder / f"activate-{plan.seal[:12]}.jsonl", clock=lambda: now)
    looks = Journal(folder / "notes-2026-11.jsonl", clock=lambda: now)
    looks.write(notes.LOOKED, hosts={"web1": "lost"})
    for name in ("alice", "bob"):  # bob's key was refused
        looks.write(notes.DRAFTED, aim="activate", seal=plan.seal, by=name)
    now = given_at
    about = {"by": "alice", "kind": "activate", "host": "twin1", "seal": plan.seal, "ordered": given_at.isoformat()}
    book.write("opened", **about, plan=as_dict(plan), order=order.text, signatures=dict(order.signatures))
    domains = [move.domain for move in plan.moves]
    for step, subject in [("fence", "web1"), *((step, one) for one in domains for step in ("files", "prove", "dns"))]:
        book.write("begun", step, subject)
        now += timedelta(seconds=2)
        drained = {"drained": (now + timedelta(seconds=30)).isoformat()} if step == "dns" else {}
        book.write("done", step, subject, evidence="<it holds>", **drained)
    book.write("closed", ok=True, failed=[])
    now += timedelta(seconds=9)
    for job, said in ((book.path.stem, "3 paths of this one"), ("restore-0123456789ab", "4 paths of another")):
        looks.write(notes.ORPHANS, host="web1", job=job, said=said)
    books = (
        Book("twin1", book.path.stem, book.path.read_text()),
        Book("twin1", looks.path.stem, looks.path.read_text()),
    )
    promised = {domains[0]: Promise(timedelta(minutes=30), timedelta(seconds=5))}
    return Evidence(estate.name, given_at, books, Deciders.of(estate.drp), promised, T0 - timedelta(seconds=20))


@pytest.fixture(scope="module")
def evidence(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return written(estate, tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def page(evidence: Evidence) -> str:
    return report.to_html(evidence)


def chained(rows: Iterable[dict[str, Any]]) -> str:
    """A journal as somebody writes it who knows how: every line bound to the one before, digests and all."""
    lines, previous = [], START
    for row in rows:
        lines.append(_bound(row | {"previous": previous}))
        previous = json.loads(lines[-1])["digest"]
    return "".join(f"{line}\n" for line in lines)


def _bound(raw: dict[str, Any]) -> str:
    body = {name: value for name, value in raw.items() if name != "digest"}
    dump = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        body | {"digest": hashlib.sha256(dump.encode()).hexdigest()}, sort_keys=True, separators=(",", ":")
    )
