"""What the tests of ssh try doors with: keys of people, an estate that names them, logins from here and elsewhere."""

import re
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from hardening import ANY_KEY

from effects.clock import wait_until
from effects.run import Result, attempt
from estate.problem import Failed
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import check, drive

HOST = "web1"
PROMISED = 20  # seconds until a host that locked us out lets us in again


@dataclass
class Door:
    """The lab, keys of people, and the estate as a test wants it."""

    lab: Lab
    keys: Path

    def public(self, name: str) -> str:
        if not (self.keys / name).exists():
            attempt(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "", "-f", str(self.keys / name)], timeout=20)
        return (self.keys / f"{name}.pub").read_text(encoding="utf-8").strip()

    def estate(self, *staff: str, sftp: bool = True, more: str = "", **settings: str) -> Path:
        """The lab's, with `staff` (NAME, or NAME and settings of theirs) and a client of docs.example."""
        text = self.lab.estate_file.read_text(encoding="utf-8")
        if sftp:
            docs = '[vhosts."docs.example"]\n'
            text = text.replace(docs, f'{docs}sftp = ["{self.public("client")}"]\n')
        for setting, value in settings.items():
            text = re.sub(rf"(?m)^{setting} = .*$", f"{setting} = {value}", text)
        for person in staff:
            name, _, about = person.partition(" ")
            about = about or 'until = 2099-12-31\nsudo = ["/usr/bin/id", "/usr/bin/systemctl reload nginx"]'
            text += f'\n[staff.{name}]\nkeys = ["{self.public(name)}"]\n{about}\n'
        path = self.lab.directory / "ssh.toml"  # beside the secrets
        path.write_text(f"{text}\n{more}", encoding="utf-8")
        return path

    def harden(self, estate: Path, *deploys: str) -> int:
        """Number of changes of a run of these deploys alone, which must succeed."""
        found = load(estate)
        outcomes = drive([host_data(found, found.hosts[HOST])], deploys)
        check(outcomes)
        return outcomes[HOST].changes

    def from_control(self, user: str, command: str, *, key: str = "", port: int = 2222) -> Result:
        identity = self.keys / (key or user) if user != "root" else self.lab.ssh_key
        target = f"{user}@{self.lab.address(HOST)}"
        return attempt(["ssh", *only(identity), "-p", str(port), target, command], timeout=30)

    def from_elsewhere(self, program: str, key: Path, target: str, *, stdin: str = "") -> Result:
        """The same from the probe; `program` is ssh with options, or sftp."""
        self.lab.run("probe", "umask 077; cat > /root/key", stdin=key.read_text(encoding="utf-8"))
        return self.lab.run("probe", f"{program} {' '.join(only(Path('/root/key')))} {target}", stdin=stdin, timeout=30)

    def opens_again(self) -> None:
        late = Failed("still locked out", hint="look at the host")
        wait_until(lambda: self.from_control("root", "true").ok, timeout=PROMISED, late=late)

    def run(self, command: str) -> Result:
        return self.lab.run(HOST, command)


def only(identity: Path) -> list[str]:
    return [*ANY_KEY.split(), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-i", str(identity)]


def good_password() -> str:
    """One that nobody had before."""
    words = [
        "Verdant",
        "Quay",
        "Heron",
        "Umber",
        "Trellis",
        "Kite",
        "Ochre",
        "Lintel",
        "Wren",
        "Russet",
        "Gable",
        "Plover",
    ]
    return "-".join(secrets.SystemRandom().sample(words, 4)) + "-7"


def as_bob(command: str) -> str:
    return f"runuser -u bob -- bash -c {shlex.quote(command)}"
