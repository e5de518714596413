"""Which part of a report is evidence for which clause: ISO 22301:2019 and NIST SP 800-34 Rev. 1.

Each row says what the part shows and nothing more. A clause also asks for what stands in no report: people's
competence, other premises, who reviews.
"""

from collections.abc import Iterable

from drp.incident import Incident, there
from drp.page import Table

ISO, NIST = "ISO 22301:2019", "NIST SP 800-34 r1"
REAL = (
    (ISO, "8.4.2 Response structure", "Decisions, Orders", "who decided, and whether the rule of approval was kept"),
    (ISO, "8.4.4 Business continuity plans", "Orders, Sites, Steps", "a plan, carried out as approved"),
    (NIST, "4.3.1 Sequence of Recovery Activities", "Timeline, Steps", "the order in which vhosts came back"),
    (NIST, "4.3.2 Recovery Procedures", "Steps", "each act with the proof that it held"),
    (ISO, "8.4.3 Warning and communication", "Decisions, Steps, Deviations", "decisions, actions; who knew"),
    (NIST, "4.2.1 Activation Criteria and Procedure", "Decisions, Orders", "what was known, and who decided"),
    (NIST, "4.2.2 Notification Procedures", "Steps, Deviations", "that people were told, and who was not"),
    (NIST, "4.2.3 Outage Assessment", "Decisions, Sites", "what was found lost, and the loss that was accepted"),
)  # fmt: skip
BACK = (
    (ISO, "8.4.5 Recovery", "Decisions, Steps", "the way back from temporary measures to production"),
    (NIST, "4.4 Reconstitution Phase", "Steps, Journals", "proof before production served; the record"),
)  # fmt: skip
DRILL = (
    (ISO, "8.5 Exercise programme", "the whole report", "an exercise of the plan with its outcome, and what it found"),
    (NIST, "3.5.1 Testing", "the whole report", "recovery on the alternate host from backups, with times"),
    (NIST, "3.5.3 Exercises", "Sites, Deviations", "objectives against what was measured"),
)


def clauses(incident: Incident) -> Table:
    """A row for each clause that something here speaks to."""
    returned = len(there(incident.runs)) < len(incident.runs)
    return _table([*REAL, *(BACK if returned else ())])


def of_drill() -> Table:
    """The same for an exercise."""
    return _table(DRILL)


def _table(rows: Iterable[tuple[str, str, str, str]]) -> Table:
    note = "What is listed is evidence for a part of a clause. Whether a clause is met is for an auditor to say."
    return Table("Clauses", ("of", "clause", "see", "which shows"), sorted(rows), note=note)
