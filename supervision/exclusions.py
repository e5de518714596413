"""The file of goals and declared exclusions. Every exclusion has a reason, or the file is refused.

    [goals]
    lynis = { raw = 92, declared = 96 }          # percent; a scan without a goal is shown and never fails
    [goals_when.container]                        # in the place of those above, on hosts with this trait
    lynis = { raw = 86, declared = 96 }
    [limits]
    exposure = 2.5                                # of a unit, by systemd-analyze security: 0 is best, 10 worst
    [[exclusion]]
    scanner = "cis"
    ids = ["partition_for_tmp"]
    reason = "why this does not apply, or what protects instead"
    when = ["container"]                          # traits of a host that must all hold; nothing: everywhere

Traits: container; debian12, debian13; the host's role, and where that serves the web, web and nginx or apache;
compatible or strict (ssh's cryptography); loose-routing or strict-routing (the host's strict_routing).
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from estate.problem import BadEstate, Missing
from supervision.findings import Exclusion, Goal, Scanner

OURS = Path(__file__).with_name("exclusions.toml")
SHORTEST = 20  # characters; less is no reason


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Goal(_Strict):
    raw: float | None = Field(default=None, ge=0, le=100)
    declared: float | None = Field(default=None, ge=0, le=100)


class _Limits(_Strict):
    exposure: float = Field(ge=0, le=10)


class _Exclusion(_Strict):
    scanner: Scanner
    ids: list[str] = Field(min_length=1)
    reason: str = Field(min_length=SHORTEST)
    when: list[str] = []


class _File(_Strict):
    goals: dict[Scanner, _Goal]
    goals_when: dict[str, dict[Scanner, _Goal]] = {}
    limits: _Limits
    exclusion: list[_Exclusion] = []


@dataclass(frozen=True, slots=True)
class Rules:
    """What must be reached, and what is excused."""

    goals: Mapping[Scanner, Goal]
    goals_when: Mapping[str, Mapping[Scanner, Goal]]  # by trait
    exposure: float
    exclusions: tuple[Exclusion, ...]

    def goal(self, scanner: Scanner, traits: frozenset[str]) -> Goal:
        """Of one scanner for a host with these traits; an empty one where the file has none."""
        special = (goals[scanner] for trait, goals in self.goals_when.items() if trait in traits and scanner in goals)
        return next(special, self.goals.get(scanner, Goal()))


def load(path: Path = OURS) -> Rules:
    """Read the file. Raises BadEstate with every fault at once, Missing where it can't be read."""
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as fault:
        raise Missing(f"{path}: {fault.strerror}", hint="name another with --exclusions") from None
    except tomllib.TOMLDecodeError as fault:
        raise BadEstate(f"{path}: {fault}", hint="mend the file") from None
    except ValidationError as fault:
        said = "".join(f"\n  {_place(each)}: {each['msg']}" for each in fault.errors())
        raise BadEstate(f"{path}:{said}", hint="give every exclusion a scanner, ids and a reason") from None
    return Rules(
        goals=_goals(found.goals),
        goals_when={trait: _goals(goals) for trait, goals in found.goals_when.items()},
        exposure=found.limits.exposure,
        exclusions=tuple(
            Exclusion(each.scanner, tuple(each.ids), each.reason, tuple(each.when)) for each in found.exclusion
        ),
    )


def _goals(found: Mapping[Scanner, _Goal]) -> dict[Scanner, Goal]:
    return {name: Goal(goal.raw, goal.declared) for name, goal in found.items()}


def _place(fault: Any) -> str:
    return ".".join(str(part) for part in fault["loc"])


def idle(rules: Rules, seen: Iterable[tuple[frozenset[str], Scanner, frozenset[str]]]) -> list[str]:
    """Exclusions that excuse nothing any more: "scanner: id". `seen` has per scan the traits, scanner, failed ids.

    One is judged only where a host was scanned that it is about: a container says nothing about real servers.
    """
    looked = list(seen)
    found = []
    for exclusion in rules.exclusions:
        about = [ids for traits, scanner, ids in looked if scanner is exclusion.scanner and exclusion.holds(traits)]
        if about:
            failed = frozenset[str]().union(*about)
            found += [f"{exclusion.scanner}: {each}" for each in exclusion.ids if each not in failed]
    return found
