"""sshd: keys only, modern ciphers, its own port; and never lock ourselves out.

`sshd -t` accepts six ways to lock oneself out. So: sshd's own evaluation (`sshd -T -C`) is judged, then it
listens on the old port and the new, then a real login on the new one decides, and only then the old is left.
"""

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.guard import TOOLS, WORK, confirm
from playbooks.operations import LOADED, File, Unit, ask, differs, files, look, put, units
from templates import render

RULES = "/etc/ssh/sshd_config.d/00-seawall.conf"  # the first match wins, so 50-cloud-init.conf comes too late
TOOL = f"{TOOLS}/sshd"
UNIT = "ssh.service"


@operation()
def guarded_config(wanted: File) -> Generator[StringCommand]:
    """Make `wanted` what sshd goes by, where it is not; confirmed twice or undone."""
    if not differs(look([RULES]).get(RULES), wanted) and ask(f"{TOOL} stands && echo yes || true") == ["yes"]:
        return
    yield put(f"{WORK}/sshd/rules", wanted)
    yield StringCommand(f"{TOOL} try")
    confirm()
    yield StringCommand(f"{TOOL} narrow")
    confirm()
    yield StringCommand(f"{TOOL} keep")


@deploy("sshd")
def sshd() -> None:
    """Keys only, three tries, no forwarding, the estate's port."""
    data = host.data
    here = {"rules": RULES, "work": WORK, "tools": TOOLS, "loaded": LOADED}
    tool = render("sshd.sh.j2", port=data.sshd_port, control=data.control[0], **here)
    files(name="sshd: tool", wanted={TOOL: File(tool, "755")})
    guarded_config(
        name="sshd: judge the rules, apply, confirm, keep",
        wanted=File(render("sshd.conf.j2", port=data.sshd_port, allow_users=data.allow_users), "600"),
    )
    units(
        name="sshd: runs what is on disk",
        wanted=[Unit(UNIT, watches=(RULES,), judge="/usr/sbin/sshd -t", act="reload")],
    )
