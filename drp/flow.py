"""Many vhosts on their way at once: each is announced as soon as it stands; those that come together share the cost.

Files and databases are brought in lanes, ahead of their turn. Whoever has them goes on through one stage for each kind
of step that is left: serve, prove, ticket, dns. A stage takes all that wait for it in one go, so two hundred vhosts
that stand ready cost a few reloads of the web server, and the first one waits for none of the others.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

from drp.course import Course
from drp.step import Gathering, Step

ABREAST = 8  # of a kind that nothing is gained by doing together


@dataclass(frozen=True, slots=True)
class Flow:
    """Of each vhost all of its steps, in order; of all the same kinds, but for those with a lane. First come the most
    valuable."""

    ways: tuple[tuple[Step, ...], ...]

    def run(self, course: Course) -> None:
        """Carry them all out, as far as they can be."""
        with ExitStack() as pools:
            lanes, stages = _Lanes(course, pools), _Stages(course, pools)
            walkers = [_Walker(tuple(step for step in way if not step.lane)) for way in self.ways]
            for walker, way in zip(walkers, self.ways, strict=True):
                stages.after(walker, lanes.begun(way))
            done, _ = wait([walker.over for walker in walkers], return_when=FIRST_EXCEPTION)
            for one in done:
                one.result()


@dataclass(eq=False, slots=True)
class _Walker:
    """A vhost on its way, and the steps that it takes one after the other."""

    steps: tuple[Step, ...]
    passed: int = 0
    over: Future[None] = field(default_factory=Future)


class _Lanes:
    """Each does its own in order, one at a time; what several vhosts share is done once."""

    def __init__(self, course: Course, pools: ExitStack) -> None:
        self._course, self._pools = course, pools
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._going: dict[tuple[str, str], Future[None]] = {}

    def begun(self, way: Sequence[Step]) -> list[Future[None]]:
        """Those of its steps that have a lane, on their way."""
        return [self._begin(step, step.lane) for step in way if step.lane]

    def _begin(self, step: Step, lane: str) -> Future[None]:
        key = (step.kind, step.subject)
        if key not in self._going:
            if lane not in self._lanes:
                self._lanes[lane] = _pool(self._pools, 1)
            self._going[key] = self._lanes[lane].submit(_held, self._course, step)
        return self._going[key]


def _held(course: Course, step: Step) -> None:
    if not course.idle(step):
        course.hold(step)


class _Stages:
    """One for each kind of step. A vhost leaves the last of them, or the job."""

    def __init__(self, course: Course, pools: ExitStack) -> None:
        self._course, self._pools = course, pools
        self._stages: dict[str, _Stage] = {}

    def after(self, walker: _Walker, brought: Sequence[Future[None]]) -> None:
        """Send it on its way as soon as all of that was brought, whether it holds or not."""
        left, lock = [len(brought)], Lock()

        def count(one: Future[None]) -> None:
            if one.cancelled():
                return  # the flow is over
            if fault := one.exception():
                _end(walker, fault)
            with lock:
                left[0] -= 1
                there = left[0] == 0
            if there and not walker.over.done():
                self.on(walker)

        for one in brought:
            one.add_done_callback(count)
        if not brought:
            self.on(walker)

    def on(self, walker: _Walker) -> None:
        """To the next stage that has something to do for it."""
        while walker.passed < len(walker.steps):
            step = walker.steps[walker.passed]
            if not self._course.idle(step):
                self._stage(step).take(walker)
                return
            walker.passed += 1
        walker.over.set_result(None)

    def _stage(self, step: Step) -> "_Stage":
        if step.kind not in self._stages:
            abreast = step.abreast if isinstance(step, Gathering) else ABREAST
            self._stages[step.kind] = _Stage(self, _pool(self._pools, abreast), gathering=isinstance(step, Gathering))
        return self._stages[step.kind]

    def hold(self, walkers: Sequence[_Walker]) -> None:
        """The step at which all of these are, and then on."""
        try:
            self._course.hold(*(walker.steps[walker.passed] for walker in walkers))
            for walker in walkers:
                walker.passed += 1
                self.on(walker)
        except BaseException as fault:  # handed to whoever waits for the flow
            for walker in walkers:
                _end(walker, fault)


class _Stage:
    def __init__(self, stages: _Stages, pool: ThreadPoolExecutor, *, gathering: bool) -> None:
        self._stages, self._pool, self._gathering = stages, pool, gathering
        self._waiting = deque[_Walker]()
        self._lock = Lock()

    def take(self, walker: _Walker) -> None:
        with self._lock:
            self._waiting.append(walker)
        self._pool.submit(self._next)

    def _next(self) -> None:
        with self._lock:
            many = len(self._waiting) if self._gathering else min(1, len(self._waiting))
            now = [self._waiting.popleft() for _ in range(many)]
        if now:  # else another took this one along
            self._stages.hold(now)


def _pool(pools: ExitStack, workers: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(max_workers=workers)
    pools.callback(pool.shutdown, cancel_futures=True)
    return pool


def _end(walker: _Walker, fault: BaseException) -> None:
    """What nobody can go on from ends the flow."""
    if not walker.over.done():
        walker.over.set_exception(fault)
