"""One lab that is up: lose a datacenter, stop a host, look inside, take it all down."""

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from effects import files
from effects.run import Result, attempt
from estate.problem import BadEstate, Failed, Missing
from lab import network, record
from lab.guest import Guest
from lab.image import own_suite
from lab.layout import ALL, DATACENTERS, Plan, by_name, chosen
from lab.record import Record

STATE = Path("/var/lib/seawall-lab")
LOCKS = Path("/run/lock")
NAME = re.compile(r"[a-z][a-z0-9]{0,8}")  # a network link's name has 15 characters at most


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What `seawall lab status` shows of one host."""

    name: str
    datacenter: str
    ipv4: str
    running: bool
    reachable: bool  # its datacenter has not been cut


@dataclass(frozen=True, slots=True)
class Lab:
    """A disposable estate of real Debian hosts. Made by `lab.up`, found again by `lab.load`."""

    plan: Plan

    @property
    def name(self) -> str:
        """What it was called when it was made."""
        return self.plan.name

    @property
    def directory(self) -> Path:
        """Everything of the lab: its record, estate file, keys, secrets and the hosts' disks. Only root reads it."""
        return STATE / self.name

    @property
    def estate_file(self) -> Path:
        """The estate file that describes it."""
        return self.directory / "estate.toml"

    @property
    def ssh_key(self) -> Path:
        """The control machine's private key; every host's root accepts it."""
        return self.directory / "ssh_key"

    def approver(self, name: str) -> Path:
        """The private key with which that person signs orders."""
        return self.directory / "secrets" / f"approver.{name}"

    @property
    def bundle(self) -> Path:
        """The lab's certificate authority."""
        return self.directory / "ca.pem"

    @property
    def record(self) -> Record:
        """What was made for it."""
        return Record(self.directory / "record.jsonl")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Those that are booted, the probe last."""
        return self.plan.hosts

    def guest(self, host: str) -> Guest:
        """Its files and its processes. Raises BadEstate where the lab has no such host."""
        if host not in self.hosts:
            raise BadEstate(f"the lab has no host {host}", hint=f"one of: {', '.join(self.hosts)}")
        return self._guest(host)

    @property
    def builder(self) -> Guest:
        """A host beside the others, booted only while the layer of applications is built."""
        return self._guest("builder")

    def _guest(self, name: str) -> Guest:
        return Guest(name, self.plan.namespace(name), self.directory / "hosts" / name, self.record)

    def address(self, host: str) -> str:
        """Its IPv4 address, booted or not. Raises BadEstate where no lab has such a host."""
        return self.plan.addresses(*chosen((host,)))[0]

    def run(self, host: str, command: str | Sequence[str], *, timeout: float = 60, stdin: str | None = None) -> Result:
        """Run as root inside, whatever the exit code and whatever its firewall; a string goes to `sh -c`."""
        return self.guest(host).attempt(command, timeout=timeout, stdin=stdin)

    def cut(self, datacenter: str) -> None:
        """Lose a datacenter: nothing in it is reached any more, and nothing says why."""
        network.set_datacenter(self.plan, _known(datacenter), up=False)

    def heal(self, datacenter: str) -> None:
        """Get it back, its hosts as they are by now."""
        network.set_datacenter(self.plan, _known(datacenter), up=True)

    def boot(self, host: str) -> None:
        """Start a host that is down, and wait for those services of its role that are enabled by now."""
        guest = self.guest(host)
        if guest.pid_file.exists() and not record.alive(guest.pid_file):
            network.renew(self.plan, by_name(host))
        guest.boot()
        guest.wait_for(("ssh", *guest.enabled(by_name(host).services)))

    def halt(self, host: str) -> None:
        """Power a host off and wait until it is down."""
        self.guest(host).halt()

    def reboot(self, host: str) -> None:
        """Off and on again: the disk stays, /run and /tmp on tmpfs do not."""
        self.halt(host)
        self.boot(host)

    def status(self) -> tuple[HostStatus, ...]:
        """One entry per host, in the order of the layout."""
        reachable = {name: network.is_up(self.plan, name) for name in DATACENTERS}
        return tuple(
            HostStatus(place.name, place.datacenter, self.address(place.name),
                       self.guest(place.name).leader() is not None, reachable[place.datacenter])
            for place in self.plan.places
        )  # fmt: skip

    def down(self) -> None:
        """Power off, then remove everything that was recorded, and nothing else."""
        with locked(self.name):
            self.clean()

    def clean(self) -> None:
        """As `down`, for who holds the lock. What was left by a crash at any instant is no fault."""
        if not self.directory.exists():
            return
        self.record.undo()
        if left := [line for line in attempt(["findmnt", "-rno", "TARGET"], timeout=30).out.split()
                    if Path(line).is_relative_to(self.directory)]:  # fmt: skip
            raise Failed(
                f"still mounted: {left[0]}",
                hint=f"umount {left[0]}, then: seawall lab down --name {self.name}",
            )
        shutil.rmtree(self.directory)
        if not any(STATE.iterdir()):
            STATE.rmdir()


def _known(datacenter: str) -> str:
    if datacenter not in DATACENTERS:
        raise BadEstate(f"the lab has no datacenter {datacenter}", hint=f"one of: {', '.join(DATACENTERS)}")
    return datacenter


def locked(name: str) -> AbstractContextManager[None]:
    """Two commands never make or remove the same lab at the same time. Raises Refused."""
    return files.locked(LOCKS / f"seawall-lab-{name}.lock", what=f"seawall lab up or down of {name}")


def checked_name(name: str) -> str:
    """Raises BadEstate where it can't name namespaces and links."""
    if not NAME.fullmatch(name):
        raise BadEstate(f"{name!r} can't name a lab", hint="use a letter, then at most 8 letters or digits")
    return name


def save(plan: Plan) -> None:
    """Written first, so that a lab that was only half made is found again."""
    directory = STATE / plan.name
    directory.mkdir(mode=0o700, parents=True)
    files.write(directory / "lab.json", json.dumps(asdict(plan)))


def names() -> list[str]:
    """Every lab on this machine, half made ones too."""
    return sorted(path.parent.name for path in STATE.glob("*/lab.json"))


def load(name: str = "lab") -> Lab:
    """A lab that `up` made. Raises Missing where there is none of that name."""
    try:
        found = json.loads((STATE / checked_name(name) / "lab.json").read_text(encoding="utf-8"))
    except OSError:
        raise Missing(
            f"there is no lab {name} here, or only root may see it", hint=f"seawall lab up --name {name}"
        ) from None
    return Lab(Plan(name, int(found["network"]), found.get("suite", own_suite()), tuple(found.get("hosts", ALL)),
                    tuple(found.get("disks", ()))))  # fmt: skip


def complete(lab: Lab) -> bool:
    """Whether `up` came to its end and every host still runs."""
    return (lab.directory / "complete").exists() and not [
        host for host in lab.hosts if not record.alive(lab.guest(host).pid_file)
    ]
