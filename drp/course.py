"""How a job goes: each step is proven, journalled, done, proven, journalled; who was stopped by what."""

from collections.abc import Callable, Sequence
from threading import Lock

from drp import gate
from drp.step import Draining, Each, Following, Gathering, Group, Reaching, Step, Telling, World, as_problem
from effects.journal import Journal, Json
from estate.problem import Failed, Problem, Refused

Answer = str | Problem | None  # evidence; a fault; it does not hold


class Course:
    """What holds and what does not, for steps that several threads carry out."""

    def __init__(self, world: World, journal: Journal) -> None:
        self._world, self._journal = world, journal
        self._lock = Lock()
        self._stopped = set[str]()
        self._failed: dict[str, None] = {}

    def idle(self, step: Step) -> bool:
        """Whether nobody needs it any more, or it has nothing to say."""
        about = step.after if isinstance(step, Following) else step.vhosts
        with self._lock:
            return bool(about) and about <= self._stopped

    def hold(self, *steps: Step) -> None:
        """Make these, all of one kind, hold. One that fails stops its own vhosts and no other."""
        missing = self._open("held", steps, lambda group: group.proofs(self._world))
        if not missing:  # nothing begins, so whether anything may need not be asked
            return
        missing = self._begun(missing)
        acted = self._open("", missing, lambda group: group.act(self._world))
        for step in self._open("done", acted, lambda group: group.proofs(self._world)):
            self._end(step, "failed", self._hollow(step))

    def _begun(self, steps: Sequence[Step]) -> list[Step]:
        """Those that may be done now: none once the job was cancelled."""
        folder = self._journal.path.parent
        with gate.locked(folder):
            if not gate.closed(folder):
                for step in steps:
                    self._journal.write("begun", step.kind, step.subject)
                return list(steps)
        for step in steps:
            self._end(step, "failed", Refused("it was cancelled", hint="seawall drp cancel shows how far that is"))
        return []

    def close(self) -> bool:
        """Say in the journal how it ended; whether all of it holds."""
        failed, left = list(self._failed), list(self._world.job.plan.left)
        self._journal.write("closed", ok=not failed, failed=failed, stopped=sorted(self._stopped), left=left)
        return not failed

    def _open(self, event: str, steps: Sequence[Step], ask: Callable[[Group], Sequence[Answer]]) -> list[Step]:
        """Those of `steps` that neither failed nor hold, as they are asked now; where they hold, that is `event`."""
        answers = self._answers(steps, ask) if steps else ()
        for step, answer in zip(steps, answers, strict=True):
            if answer is not None:
                self._end(step, "failed" if isinstance(answer, Problem) else event, answer)
        return [step for step, answer in zip(steps, answers, strict=True) if answer is None]

    def _answers(self, steps: Sequence[Step], ask: Callable[[Group], Sequence[Answer]]) -> Sequence[Answer]:
        first = steps[0]
        try:
            return ask(first.gathered(steps) if isinstance(first, Gathering) else Each(steps))
        except (Problem, OSError) as fault:
            return [as_problem(fault, self._world)] * len(steps)

    def _end(self, step: Step, event: str, said: str | Problem) -> None:
        if isinstance(said, str):
            self._journal.write(event, step.kind, step.subject, evidence=said, **self._reached(step))
            return
        self._journal.write(event, step.kind, step.subject, error=str(said))
        with self._lock:
            self._stopped |= step.vhosts
            self._failed[f"{step.kind} {step.subject}"] = None

    def _hollow(self, step: Step) -> Problem:
        told = f": {step.instead(self._world)}" if isinstance(step, Telling) else ""
        return Failed(
            f"{self._world.site.host.name}: {step.kind} {step.subject}: done, but it does not hold{told}",
            hint="look at the host, then run the same command again",
        )

    def _reached(self, step: Step) -> dict[str, Json]:
        found: dict[str, Json] = {"until": step.until(self._world).isoformat()} if isinstance(step, Reaching) else {}
        if isinstance(step, Draining) and (at := step.drained(self._world)):
            found["drained"] = at.isoformat()
        return found
