"""What a report says of decisions and promises: given or only drafted, promised or only guessed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from incidents import estate as estate
from incidents import evidence as evidence

from drp import report
from drp.evidence.decided import timeline
from drp.evidence.deviations import deviations
from drp.evidence.document import Evidence
from drp.evidence.promised import promised
from drp.incident import ordered
from estate.promise import Promise
from seawall import show_report


def test_an_order_that_was_drafted_and_never_given_is_told_as_that(evidence: Evidence) -> None:
    rows = timeline(evidence, evidence.incident).rows
    said = {what: how for _, what, how in rows if "was drafted for" in what}
    assert said == {
        "an order of it was drafted for alice": "noted by the twin",
        "an order of it was drafted for bob": "noted by the twin; none that they asked for was ever given",
    }


def test_on_a_terminal_it_says_how_it_went_and_what_to_type(
    evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    show_report.show(report.page(evidence))
    said = capsys.readouterr().out
    assert "web1 was lost, twin1 took over\n✓ all of it holds\n" in said
    assert "  shop.example: recovery point 2026-11-22 02:00:00, RPO 59 min 40 s" in said
    assert "  later than promised: shop.example: RTO 8.0 s; promised 5.0 s" in said
    assert "–" not in said
    assert "--html FILE" in said


def test_slower_than_the_plan_is_no_broken_promise(evidence: Evidence) -> None:
    kept = promised(evidence, evidence.incident)
    found = {(what, domain) for what, domain, _ in deviations(evidence, evidence.incident, kept).rows}
    late = {domain for what, domain in found if what == "later than promised"}
    assert late == {one.outage.domain for one in kept if one.client.rto is not None}
    slow = [replace(one, client=Promise(), plan=Promise(None, timedelta(seconds=1))) for one in kept]
    told = {what for what, _, _ in deviations(evidence, evidence.incident, slow).rows}
    assert "slower than the plan said" in told
    assert "later than promised" not in told


def test_a_site_that_a_later_plan_brought_took_as_long_as_that_took(evidence: Evidence) -> None:
    (run,) = evidence.runs
    *first, last = run.plan["moves"]
    later = run.ordered + timedelta(seconds=90)
    runs = (
        replace(run, plan={**run.plan, "moves": first}),
        replace(run, plan={**run.plan, "moves": [last]}, ordered=later),
    )
    assert ordered(last["domain"], runs) == later
    assert ordered(first[0]["domain"], runs) == run.ordered
    assert ordered("nobody.example", runs) == run.ordered
