"""pyinfra's inventory, from the estate: `SEAWALL_ESTATE=estate.toml pyinfra inventory/hosts.py playbooks/harden.py`.

`seawall harden` does the same and counts the hosts; pyinfra alone exits 0 when it reached none.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from effects.reach import first_open, known_hosts_line
from inventory import load
from inventory.data import host_data, known_ports

_estate = load(Path(os.environ.get("SEAWALL_ESTATE", "estate.toml")))
_all = [host_data(_estate, host) for host in _estate.hosts.values()]
_pinned = "".join(known_hosts_line(d["ssh_hostname"], port, d["host_key"]) for d in _all for port in known_ports(d))
_folder = tempfile.mkdtemp(prefix="seawall-")
atexit.register(shutil.rmtree, _folder)  # not sooner: pyinfra reads it when it connects
_known_hosts = Path(_folder) / "known_hosts"
_known_hosts.write_text(_pinned, encoding="utf-8")

hosts = [
    (
        data["name"],
        {
            **data,
            "ssh_port": first_open(data["ssh_hostname"], known_ports(data)) or data["sshd_port"],
            "ssh_known_hosts_file": str(_known_hosts),
            "ssh_strict_host_key_checking": "yes",
        },
    )
    for data in _all
]
