"""What takes a switch back is noticed, on real name servers, and told once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import name_servers
import pytest
from dns_estate import TWIN1
from two_servers import BIND, KEY, KNOT, NEW, OLD, Lab, two_servers
from two_servers import tree as tree

from backups.site import Site
from drp import job as jobs
from drp.dns import Change
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Move, Plan
from drp.reversion import Reverted, reverted
from effects.clock import wait_until
from effects.dns import Edit, Server, update
from estate.problem import Failed

pytestmark = pytest.mark.lab
T0 = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture
def lab(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "drp")
    with two_servers(tree, tmp_path, load="difference-no-serial\n    journal-content: all") as made:
        yield made


def of(kind: JobKind, changes: tuple[Change, ...]) -> Job:
    """A job that was carried out, as far as DNS goes."""
    plan = Plan("activate", "web1", "twin1", T0, 0, (Move("shop.example", (), changes, 1.0),))
    job = Job(kind, plan.seal, plan, T0, Signed("{}"))
    job.save()
    job.journal.write("done", "dns", "shop.example", evidence="ns1 holds")
    return job


def found(lab: Lab) -> tuple[Reverted, ...]:
    return reverted(Site(lab.estate, TWIN1), port=lab.port)


def test_a_knot_that_reads_its_zone_file_again_is_noticed_until_the_return(
    lab: Lab, tree: Path, tmp_path: Path
) -> None:
    planned = lab.plan()
    lab.switch(planned)
    lab.soon(planned)
    job = of(JobKind.ACTIVATE, planned)
    assert found(lab) == ()
    name_servers.end(lab.pids.pop("ns1"))
    assert found(lab) == ()  # who is silent takes nothing back
    lab.pids["ns1"] = name_servers.knotd(tree, tmp_path)
    late = Failed("ns2 does not follow", hint="look at its log")
    wait_until(lambda: lab.at(BIND, "www.shop.example.") == (OLD,), timeout=20, late=late)
    (one,) = found(lab)
    assert (one.zone, one.incident) == ("shop.example", job.id)
    assert {f"{name}: www.shop.example. A is {OLD}, not {NEW}" for name in ("ns1", "ns2")} <= set(one.said)
    assert f"seawall drp activate --seal {job.seal[:12]}" in str(one)
    lab.switch(planned)  # as that command does
    lab.soon(planned)
    assert found(lab) == ()
    theirs = Edit("www.shop.example.", "A", (NEW,), ("192.0.2.99",), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    assert any("is 192.0.2.99" in said for said in found(lab)[0].said)
    of(JobKind.REDIRECT, tuple(replace(change, before=change.after, after=change.before) for change in planned))
    assert found(lab) == ()
