"""The whole chain on real hosts, as its users would type it, with every figure measured."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from effects import run as processes
from effects.clock import now, wait_until
from effects.remote import Remote
from estate.model import Estate
from estate.problem import Failed
from inventory import load
from lab import visitor, writer
from lab.lab import Lab
from lab.layout import SITES
from lab.watch import Watch

LOST = "limburg"
SEAWALL = Path(sys.executable).with_name("seawall")
ROWS = 20  # acknowledged rows that each phase waits for: four seconds of work


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the chain, for the picture."""

    name: str
    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round((self.end - self.start).total_seconds(), 1)


@dataclass
class Demo:
    """The chain on one lab, and what was measured on the way."""

    lab: Lab
    say: Callable[[str], None]
    stages: list[Stage] = field(default_factory=list)
    hardening: list[dict[str, Any]] = field(default_factory=list)
    instants: dict[str, datetime] = field(default_factory=dict)  # cut, ordered, healed
    found: dict[str, Any] = field(default_factory=dict)  # plan, archives, incident

    @property
    def estate(self) -> Estate:
        """The lab's."""
        return load(self.lab.estate_file)

    @property
    def by(self) -> tuple[str, str]:
        """Who orders, and the key that signs it."""
        return "--by=alice", f"--key={self.lab.approver('alice')}"

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say what happens, and time it."""
        self.say(f"\n── {name}")
        start = now()
        yield
        self.stages.append(Stage(name, start, now()))
        self.say(f"   {self.stages[-1].seconds} s")

    def seawall(self, *words: str) -> Any:
        """Type a command on the control machine; its JSON. Progress goes to the terminal."""
        self.say(f"   $ seawall {' '.join(words)}")
        env = dict(os.environ) | {"SEAWALL_ESTATE": str(self.lab.estate_file)}
        return _json(processes.run([str(SEAWALL), *words, "--json"], timeout=1800, env=env, loud=True))

    def on(self, host: str, *words: str) -> Any:
        """Type a command on a managed host, over ssh; its JSON."""
        self.say(f"   {host}$ seawall {' '.join(words)}")
        estate = self.estate
        with Remote(estate.hosts[host], estate.control) as remote:
            return _json(remote.run(["/opt/seawall/bin/seawall", *words, "--json"], timeout=1800))

    def acknowledged(self, more: int) -> None:
        """Wait until the writer has that many more rows acknowledged."""
        have = sum(attempt.ok for attempt in writer.record(self.lab))
        late = Failed("the ledger acknowledges no more rows", hint="look at: seawall lab shell web1, or twin1")
        wait_until(lambda: sum(a.ok for a in writer.record(self.lab)) >= have + more, timeout=90, every=0.3, late=late)

    def prove(self, host: str) -> None:
        """Every site is found from outside, at `host` and nowhere else."""
        addresses = self.lab.plan.addresses(host)
        for domain in SITES:
            expect = self.estate.vhosts[domain].check.expect
            late = Failed(f"{domain} is not served by {host} to a visitor", hint="seawall lab shell probe")
            wait_until(lambda d=domain, e=expect: visitor.served(self.lab, d, e) in addresses, timeout=60, late=late)  # type: ignore[misc]
            self.say(f"   a visitor finds {domain} at {host}")


def _json(text: str) -> Any:
    return json.loads(text)


def run(demo: Demo) -> None:
    """From bare hosts to production again."""
    prepare(demo)
    with demo.stage(f"lose {LOST}: production and one backup server"):
        demo.lab.cut(LOST)
        demo.instants["cut"] = now()
    with Watch(demo.lab, demo.estate) as watch:
        with demo.stage("plan"):
            demo.found["plan"] = demo.seawall("drp", "plan")
        with demo.stage("activate"):
            demo.instants["ordered"] = now()
            demo.seawall("drp", "activate", f"--seal={demo.found['plan']['seal'][:12]}", *demo.by)
        with demo.stage("prove from outside"):
            demo.prove("twin1")
    demo.found["served"] = watch.first
    demo.found["after_activation"] = writer.counted(demo.lab)
    demo.acknowledged(ROWS)
    with demo.stage(f"heal {LOST}"):
        demo.lab.heal(LOST)
        demo.instants["healed"] = now()
    with demo.stage("return"):
        demo.seawall("drp", "return", *demo.by, "--yes")
    with demo.stage("prove from outside again"):
        demo.prove("web1")
        demo.acknowledged(ROWS)
    writer.stop(demo.lab)
    demo.found["attempts"] = writer.record(demo.lab)
    demo.found["rows"] = writer.counted(demo.lab)


def prepare(demo: Demo) -> None:
    """Hardened twice, saved on both sides, and somebody at work."""
    for name in ("harden", "harden again: nothing may change"):
        with demo.stage(name):
            demo.hardening.append(demo.seawall("harden"))
    if changed := [h for h, row in demo.hardening[1]["hosts"].items() if row["changes"]]:
        raise Failed(f"the second run changed {', '.join(changed)}", hint="look at its operations above")
    with demo.stage("install"):
        demo.seawall("install")
    with demo.stage("back up"):
        demo.found["files"] = demo.on("web1", "backup", "files")
    writer.start(demo.lab)
    demo.acknowledged(ROWS)
    with demo.stage("snapshot the databases while rows are written"):
        demo.found["databases"] = demo.on("web1", "backup", "databases")
    demo.acknowledged(ROWS)
