"""sshd: keys only, modern ciphers, its own port; root from control alone; and never lock ourselves out.

`sshd -t` accepts six ways to lock oneself out. So: sshd's own evaluation (`sshd -T -C`) is judged, then it listens on
the old port and the new, then a real login on the new one decides, and only then the old is left. All rules stand in
sshd_config, where auditors look, and it includes nothing: a drop-in would beat it by its name, or by a Match block.
The same rules wait in a drop-in, which is read where Debian's own sshd_config comes back.

Who may log in is a matter of groups, so that people come and go without a change of these rules.
"""

from collections.abc import Callable, Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from estate.model import Role
from estate.policy import Cryptography
from inventory.access import CLIENTS, KEYS, VHOSTS
from playbooks.guard import TOOLS, WORK, confirm
from playbooks.operations import LOADED, File, Unit, ask, differs, files, look, put, units
from templates import render

RULES = "/etc/ssh/sshd_config"
MAIN = "/etc/ssh/sshd_config.d/00-seawall.conf"  # the same, for the day when Debian's sshd_config includes it
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"  # the one that the estate pins
RSA_KEY = "/etc/ssh/seawall/ssh_host_rsa_key"  # for clients' programs without Ed25519
PENALTIES = "PerSourcePenaltyExemptList"
MODULI = "/etc/ssh/seawall/moduli"
TOOL = f"{TOOLS}/sshd"
UNIT = "ssh.service"

# Sets and order are those of ssh-audit's policies "Hardened Debian 12" (compatible) and "Hardened Debian 13" (strict).
POST_QUANTUM = ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com")
CLASSIC = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
HARDWARE = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
MACHINES = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", *HARDWARE)


def key_exchange(known: set[str], cryptography: str) -> list[str]:
    """Algorithms that are offered, of those that the host's OpenSSH knows; one unknown name would stop sshd."""
    wanted = POST_QUANTUM if cryptography == Cryptography.STRICT else (*POST_QUANTUM, *CLASSIC)
    return [name for name in wanted if name in known]


def rules(known: set[str], *, penalties: bool, included: bool = False) -> str:
    """Everything sshd goes by; `known` are the key exchanges of its OpenSSH, which from 9.8 has `penalties`.

    `included`: without what Debian's sshd_config has too, and sshd refuses to be told twice.
    """
    data = host.data
    backup, followed = data.role == Role.BACKUP, ["replica-*"] if data.followed else []
    machines = [*(["borg-*", "stream-*"] if backup else []), *(["volume-*"] if data.volumes else []), *followed]
    return render(
        "sshd.conf.j2",
        included=included,
        port=data.sshd_port,
        host_key=HOST_KEY,
        rsa_key=RSA_KEY,
        moduli=MODULI,
        groups=[CLIENTS, *machines],
        accounts=machines,
        people=HARDWARE if data.hardware_keys else ("ssh-ed25519", *HARDWARE),
        machines=MACHINES,
        keys=KEYS,
        vhosts=VHOSTS,
        macs=sorted(MACS, reverse=data.cryptography == Cryptography.STRICT),
        kex=key_exchange(known, data.cryptography),
        reach=data.reach,
        penalties=penalties,
        control=data.control,
    )


def _config() -> dict[str, File]:
    known = set(
        ask(f"ssh -Q kex; /usr/sbin/sshd -t -f /dev/null -h {HOST_KEY} -o {PENALTIES}=::1 && echo penalties; true")
    )
    penalties = "penalties" in known
    return {
        "main": File(rules(known, penalties=penalties, included=True), "600"),
        "rules": File(rules(known, penalties=penalties), "600"),
    }


@operation()
def guarded_config(wanted: Callable[[], Mapping[str, File]]) -> Generator[StringCommand]:
    """Make `wanted` (main and rules) what sshd goes by, where it is not; confirmed twice or undone."""
    config = wanted()
    paths = {"main": MAIN, "rules": RULES}
    seen = look(list(paths.values()))
    drifted = any(differs(seen.get(paths[name]), file) for name, file in config.items())
    if not drifted and ask(f"{TOOL} stands && echo yes || true") == ["yes"]:
        return
    for name, file in config.items():
        yield put(f"{WORK}/sshd/{name}", file)
    yield StringCommand(f"{TOOL} try")
    confirm()
    yield StringCommand(f"{TOOL} narrow")
    confirm()
    yield StringCommand(f"{TOOL} keep")


@operation()
def key_material() -> Generator[StringCommand]:
    """An RSA host key of 4096 bits, and of Debian's groups for Diffie-Hellman those of 3072 bits and more."""
    # A modulus of 3072 bits is listed as 3071: moduli(5) gives the size less one.
    strong = f"awk '$1 ~ /^[0-9]/ && $5 >= 3071' /etc/ssh/moduli | cmp -s - {MODULI} && echo moduli"
    bits = f"ssh-keygen -lf {RSA_KEY} 2>/dev/null | grep -q '^4096 ' && echo key"
    good = set(ask(f"{strong}; {bits}; true"))
    if "key" not in good:
        yield StringCommand(
            f"mkdir -p -m 755 /etc/ssh/seawall && rm -f {RSA_KEY}.new {RSA_KEY}.new.pub"
            f" && ssh-keygen -q -t rsa -b 4096 -N '' -C '' -f {RSA_KEY}.new && mv -f {RSA_KEY}.new.pub {RSA_KEY}.pub"
            f" && mv -f {RSA_KEY}.new {RSA_KEY}"
        )
    if "moduli" not in good:
        yield StringCommand(
            f"awk '$1 ~ /^[0-9]/ && $5 >= 3071' /etc/ssh/moduli > {MODULI}.new && [ -s {MODULI}.new ]"
            f" && mv -f {MODULI}.new {MODULI}"
        )


@deploy("sshd")
def sshd() -> None:
    """Keys only, three tries, no forwarding, the estate's port."""
    data = host.data
    here = {"main": MAIN, "rules": RULES, "work": WORK, "tools": TOOLS, "loaded": LOADED}
    files(
        name="sshd: tool",
        wanted={TOOL: File(render("sshd.sh.j2", port=data.sshd_port, control=data.control, **here), "755")},
    )
    key_material(name="sshd: key and groups of its own")
    guarded_config(name="sshd: judge the rules, apply, confirm, keep", wanted=_config)
    units(
        name="sshd: runs what is on disk",
        wanted=[Unit(UNIT, watches=(MAIN, RULES), judge="/usr/sbin/sshd -t", act="reload")],
    )
