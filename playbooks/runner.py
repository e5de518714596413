"""Runs deploys on hosts: one JSON job on standard input, one JSON event a line on standard output.

    job     {"hosts": [host data, …], "deploys": ["harden"], "dry_run": false}
    events  {"event": "connected", "host", "port"}
            {"event": "operation", "host", "name", "result": changed | unchanged | failed, "seconds"}
            {"event": "host", "host", "ok", "operations", "changes", "seconds", "error", "kind", "notices"}

It knows no estate, and has a process of its own: gevent patches everything before anything else is imported. Hosts go
through their operations independently, so a slow or broken one holds nobody up. A deploy "x" is `x()` in `playbooks.x`.
"""

from gevent import monkey

monkey.patch_all()

import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from typing import Any, TextIO  # noqa: E402

import gevent  # noqa: E402
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.exceptions import ConnectError, PyinfraError  # noqa: E402
from pyinfra.api.host import Host  # noqa: E402
from pyinfra.api.inventory import Inventory  # noqa: E402
from pyinfra.api.operations import run_host_op  # noqa: E402
from pyinfra.api.state import State, StateStage  # noqa: E402
from pyinfra.context import ctx_host, ctx_state  # noqa: E402

from effects.clock import Stopwatch  # noqa: E402
from effects.reach import awake  # noqa: E402
from estate.problem import Problem  # noqa: E402
from playbooks.operations import LEFT_OUT, NOTICES  # noqa: E402

CONNECT = 8  # seconds
LIMIT = 1500  # seconds for one host; less than all have together (playbooks/drive.py)
Emit = Callable[..., None]
Deploy = Callable[[], None]


class Run:
    """One host on its way through the deploys."""

    def __init__(self, state: State, host: Host, emit: Emit) -> None:
        self.state, self.host, self._emit = state, host, emit
        self.operations = self.changes = 0
        self._watch = Stopwatch()

    def prepare(self, deploys: list[Deploy]) -> None:
        """Line up the operations. Without a dry run this asks the host nothing, so it needs no connection."""
        with ctx_host.use(self.host):
            for deploy in deploys:
                deploy()

    def rehearse(self, deploys: list[Deploy]) -> None:
        """Say what would change, as things stand now."""

        def act() -> None:
            self._connect()
            self.prepare(deploys)
            for number in self.host.op_hash_order:
                self._foresee(number)

        self._to_the_end(act)

    def execute(self) -> None:
        """Operations in order, up to the first that fails."""

        def act() -> None:
            self._connect()
            for number in list(self.host.op_hash_order):
                self._operate(number)

        self._to_the_end(act)

    def _to_the_end(self, act: Callable[[], None]) -> None:
        """The last event of a host says how it went."""
        try:
            with ctx_host.use(self.host), gevent.Timeout(LIMIT):
                act()
        except ConnectError as fault:
            self._end(error=str(fault.args[0]), kind="untrusted" if _is_about_keys(fault) else "unreachable")
        except gevent.Timeout:
            self._end(error=f"not at its end after {LIMIT} s; look at what hangs there", kind="failed")
        except Exception as fault:  # what one host answers must not end the run of the others
            self._end(error=_said(fault), kind="failed")
        else:
            missing = dict.fromkeys(LEFT_OUT.pop(self.host.name, ()))
            self._end(error="\n  ".join(missing), kind="partly" if missing else "")

    def _connect(self) -> None:
        self.host.connect(raise_exceptions=True, show_errors=False)
        awake(self.host.connector.client)  # type: ignore[attr-defined]  # the ssh connector's
        self.state.activate_host(self.host)
        self._emit("connected", host=self.host.name, port=self.host.data.ssh_port)

    def _operate(self, number: str) -> None:
        """Execute; whether it changed something is what it executed, not what was foreseen."""
        watch, name = Stopwatch(), self._name(number)
        meta = self.state.get_op_data_for_host(self.host, number).operation_meta
        try:
            fine = run_host_op(self.state, self.host, number) and self.host not in self.state.failed_hosts
        except (PyinfraError, OSError, EOFError) as fault:
            self._tell(name, "failed", watch)
            raise PyinfraError(f"{name}: {fault}") from fault
        if not fine:
            self._tell(name, "failed", watch)
            said = (meta.stderr or meta.stdout).strip()[-600:]
            raise PyinfraError(f"{name}: {said or 'nothing was said'}")
        self._tell(name, "changed" if meta.did_change() else "unchanged", watch)

    def _foresee(self, number: str) -> None:
        watch = Stopwatch()
        change = self.state.get_op_data_for_host(self.host, number).operation_meta.will_change
        self._tell(self._name(number), "changed" if change else "unchanged", watch)

    def _tell(self, name: str, result: str, watch: Stopwatch) -> None:
        self.operations += 1
        self.changes += result == "changed"
        self._emit("operation", host=self.host.name, name=name, result=result, seconds=watch.seconds)

    def _end(self, *, error: str = "", kind: str = "") -> None:
        self._emit(
            "host",
            host=self.host.name,
            ok=not error,
            operations=self.operations,
            changes=self.changes,
            seconds=self._watch.seconds,
            error=error,
            kind=kind,
            notices=list(dict.fromkeys([*NOTICES.get(self.host.name, ()), *LEFT_OUT.get(self.host.name, ())])),
        )

    def _name(self, number: str) -> str:
        """Without the names of the deploys around it."""
        return min(self.state.get_op_meta(number).names).rsplit(" | ", 1)[-1]


def _said(fault: Exception) -> str:
    """In its own words; a fault that nobody foresaw says what it is, too."""
    if isinstance(fault, Problem):
        return fault.what
    foreseen = isinstance(fault, (PyinfraError, OSError, EOFError))
    return str(fault) if foreseen else f"what it answers is not understood ({type(fault).__name__}: {fault})"


def _is_about_keys(fault: ConnectError) -> bool:
    said = str(fault.args[0]).lower()
    return "host key" in said or "authentication error" in said


def main(source: TextIO, sink: TextIO) -> None:
    """Read the job, run it on all hosts at once, write events as they happen."""
    job: Mapping[str, Any] = json.load(source)

    def emit(event: str, **detail: object) -> None:
        sink.write(json.dumps({"event": event, **detail}) + "\n")
        sink.flush()

    deploys: list[Deploy] = [getattr(importlib.import_module(f"playbooks.{name}"), name) for name in job["deploys"]]
    inventory = Inventory(([(host["name"], host) for host in job["hosts"]], {}))  # type: ignore[no-untyped-call]
    config = Config(CONNECT_TIMEOUT=CONNECT)  # type: ignore[no-untyped-call]
    state = State(inventory, config, check_for_changes=job["dry_run"])
    with ctx_state.use(state):
        runs = [Run(state, host, emit) for host in inventory]
        if job["dry_run"]:
            gevent.joinall([gevent.spawn(run.rehearse, deploys) for run in runs], raise_error=True)
            return
        for run in runs:
            run.prepare(deploys)
        state.current_stage = StateStage.Execute
        state.is_executing = True  # an operation called from now on would be executed at once
        gevent.joinall([gevent.spawn(run.execute) for run in runs], raise_error=True)


if __name__ == "__main__":
    events = sys.stdout
    sys.stdout = sys.stderr  # whatever prints must not stand between the events
    main(sys.stdin, events)
