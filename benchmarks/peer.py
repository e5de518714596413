"""The peer: Ansible, asked to hold on each host what Seawall has just made hold there.

What that is, is read from the hardened hosts themselves, so that the comparison grows with the hardening: managed files
(their head names the playbook), vhosts' users and directories, links, mounts, units.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from effects.run import Result, attempt, run
from lab import Lab
from playbooks.harden import EVERYWHERE

VERSION = "2.19.*"
PLAYBOOK = Path(__file__).with_name("ansible") / "harden.yml"
SETTINGS = """[defaults]
forks = 10
pipelining = true
retry_files_enabled = false
host_key_checking = true
[ssh_connection]
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=120s -o UserKnownHostsFile={known} -o IdentityFile={key}
"""
LOOK = r"""
managed() { grep -rlIE 'playbooks/[a-z0-9_]+\.py' /etc /usr/local 2>/dev/null; }
managed | xargs -d '\n' stat -c 'file%t%n%t%U%t%G%t%a' | sed 's/%t/\t/g'
find /srv/vhosts /etc/seawall -maxdepth 2 -type d -printf 'directory\t%p\t%u\t%g\t%m\n' 2>/dev/null
find /etc/nginx/sites-enabled -type l -printf 'link\t%p\t%l\n' 2>/dev/null
ls /run/seawall/loaded | grep -v '^walls-' | sed 's/^/unit\t/'
awk '$1 !~ /^#/ && $4 ~ /nosuid/ {print "mount\t" $2}' /etc/fstab
getent passwd | awk -F: '$6 ~ "^/srv/vhosts/" {print "user\t" $1 "\t" $6 "\t" $7}'
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """An installed Ansible, its playbook, and an inventory of the lab's hosts."""

    program: Path
    folder: Path

    def play(self, hosts: Sequence[str]) -> Result:
        """One whole run on `hosts`. Raises Failed after twenty minutes."""
        argv = [str(self.program), "-i", str(self.folder / "hosts"), "--limit", ",".join(hosts), str(PLAYBOOK)]
        own = {"ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        return attempt(argv, timeout=1200, env={**own, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def changes(result: Result) -> int:
    """How much a run changed, on all hosts; fails where it did not end well."""
    assert result.ok, result.out[-3000:] + result.err[-1000:]
    return sum(int(count) for count in re.findall(r"changed=(\d+)", result.out))


def installed(cache: Path) -> Path:
    """ansible-playbook in an environment of its own, made once."""
    program = cache / "ansible/bin/ansible-playbook"
    if not program.exists():
        run(["python3", "-m", "venv", str(cache / "ansible")], timeout=120)
        run([str(cache / "ansible/bin/pip"), "install", "--quiet", f"ansible-core=={VERSION}"], timeout=600)
    return program


def prepare(lab: Lab, hosts: Sequence[str], cache: Path, folder: Path) -> Peer:
    """Everything the playbook needs, written below `folder`."""
    known = lab.directory / "known_hosts_2222"
    lines = [line.split(" ", 1) for line in (lab.directory / "known_hosts").read_text(encoding="utf-8").splitlines()]
    known.write_text("".join(f"[{address}]:2222 {key}\n" for address, key in lines), encoding="utf-8")
    (folder / "ansible.cfg").write_text(SETTINGS.format(known=known, key=lab.ssh_key), encoding="utf-8")
    inventory = "".join(f"{host} ansible_host={lab.address(host)} ansible_port=2222 ansible_user=root "
                        "ansible_python_interpreter=/usr/bin/python3\n" for host in hosts)  # fmt: skip
    (folder / "hosts").write_text(inventory, encoding="utf-8")
    for host in hosts:
        variables = _variables(lab, host, folder / "files" / host)
        (folder / "host_vars").mkdir(exist_ok=True)
        (folder / "host_vars" / f"{host}.json").write_text(json.dumps(variables), encoding="utf-8")
    return Peer(installed(cache), folder)


def _variables(lab: Lab, host: str, source: Path) -> dict[str, object]:
    rows = [line.split("\t") for line in lab.run(host, LOOK).out.splitlines()]

    def of(kind: str) -> list[list[str]]:
        return [row[1:] for row in rows if row[0] == kind]

    named = ("path", "owner", "group", "mode")
    files = [dict(zip(named, row, strict=True)) for row in of("file")]
    for file in files:
        target = source / file["path"].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((lab.guest(host).root / file["path"].lstrip("/")).read_bytes())
    return {
        "source": str(source),
        "packages": [name.partition("|")[0] for name in EVERYWHERE],
        "files": files,
        "directories": [dict(zip(named, row, strict=True)) for row in of("directory")],
        "links": [dict(zip(("path", "target"), row, strict=True)) for row in of("link")],
        "units": [row[0] for row in of("unit")],
        "mounts": [row[0] for row in of("mount")],
        "users": [dict(zip(("name", "home", "shell"), row, strict=True)) for row in of("user")],
    }
