"""Accounts: one for each member of the staff while the estate has them, and clients' way to their files.

Membership of a group tells which accounts are ours, and is given up last: so whatever a dead run owed to somebody who
left is done by the next one. Their account stays, locked, so that its number is never somebody else's.
"""

import shlex
from collections.abc import Generator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.access import CLIENTS, KEYS, STAFF, ClientData, PersonData
from playbooks.operations import Directory, File, ask, differs, directories, files, look, put
from templates import render

SUDOERS = "/etc/sudoers.d/seawall"
SHELL = "/bin/bash"
FORMER = "/home/.former"  # homes of those who left; root's
NOBODY_SU = "sugroup"  # who may use su: nobody is in it


class Account(NamedTuple):
    """What the host knows of one account."""

    uid: int
    shell: str
    groups: frozenset[str]  # beside its own
    ends: str  # days since 1970, as shadow(5) has it
    homeless: bool


def sudoers(staff: Sequence[PersonData]) -> str:
    """Rules for sudo. A command without arguments is allowed without any: sudoers(5) would allow all."""
    grants = {
        person["name"]: "(ALL:ALL) NOPASSWD: ALL"
        if "ALL" in person["sudo"]
        else "(root) NOPASSWD: " + ", ".join(c if " " in c else f'{c} ""' for c in person["sudo"])
        for person in staff
        if person["sudo"]
    }
    return render("sudoers.j2", grants=grants)


def authorized(staff: Sequence[PersonData], clients: Sequence[ClientData]) -> dict[str, File]:
    """One file of keys an account."""
    people = {
        person["name"]: [f'expiry-time="{person["ends"].replace("-", "")}" {key}' for key in person["keys"]]
        for person in staff
    }
    # umask 022: the web server reads what they bring; the vhost's directory itself is closed to others.
    sftp = {
        client["user"]: [
            f'restrict,command="internal-sftp -u 022 -d {client["begins"]}" {key}' for key in client["keys"]
        ]
        for client in clients
    }
    return {f"{KEYS}/{name}": File("".join(f"{key}\n" for key in keys)) for name, keys in {**people, **sftp}.items()}


def _strangers(wanted: Mapping[str, File]) -> list[str]:
    """Files of keys that the estate knows nothing of."""
    return [path for path in ask(f"find {KEYS} -mindepth 1 -maxdepth 1 2>/dev/null || true") if path not in wanted]


@operation()
def groups(names: Sequence[str]) -> Generator[StringCommand]:
    """System groups that are there."""
    known = {line.split(":")[0] for line in ask("getent group")}
    for name in names:
        if name not in known:
            yield StringCommand(f"groupadd --system {name}")


@operation()
def sudo_rules(wanted: File) -> Generator[StringCommand]:
    """Judged by visudo, where it is installed by now, before sudo reads it: a bad file would leave nobody sudo."""
    if differs(look([SUDOERS]).get(SUDOERS), wanted):
        stage = "/run/seawall/sudoers"
        yield put(stage, wanted)
        yield StringCommand(f"{{ ! command -v visudo >/dev/null || visudo -cqf {stage}; }} && rm {stage}")
        yield put(SUDOERS, wanted)


@operation()
def staff(people: Sequence[PersonData]) -> Generator[StringCommand]:
    """Their accounts, and no others in the group: who left is locked, thrown out, and their home put away."""
    known = _accounts()
    for person in people:
        account = known.get(person["name"])
        if account is None:
            yield StringCommand(_welcome(person))
        elif account.uid < 1000:
            raise OperationError(f"{person['name']} is a system account here; choose another name for [staff]")
        elif _differs(account, person):
            yield StringCommand(_mend(person["name"], person["ends"]))
    here = {person["name"] for person in people}
    for name, account in known.items():
        if STAFF in account.groups and name not in here:
            yield StringCommand(_farewell(name))


@operation()
def members(users: Sequence[str]) -> Generator[StringCommand]:
    """Vhosts' users whose clients come by sftp; the sessions of those who may no longer are ended."""
    named = next((line.split(":")[3] for line in ask("getent group") if line.startswith(f"{CLIENTS}:")), "")
    now = set(filter(None, named.split(",")))
    if now != set(users):
        yield StringCommand(f"gpasswd -M {shlex.quote(','.join(users))} {CLIENTS} >/dev/null")
        for gone in sorted(now - set(users)):
            yield StringCommand(f"pkill -KILL -u {gone} -x 'sshd|sshd-session' || true")


def _accounts() -> dict[str, Account]:
    """Ordinary accounts and those of the host, without their passwords."""
    homes = 'while IFS=: read -r name x id g c home sh; do [ -d "$home" ] || echo "h:$name"; done'
    lines = ask(
        "getent passwd | sed s/^/p:/; getent group | sed s/^/g:/; getent shadow | cut -d: -f1,8 | sed s/^/s:/;"
        f" getent passwd | {homes}"
    )
    rows: dict[str, list[list[str]]] = {"p": [], "g": [], "s": [], "h": []}
    for line in lines:
        kind, *fields = line.split(":")
        rows[kind].append(fields)
    groups_of: dict[str, set[str]] = {}
    for group, _, _, names in rows["g"]:
        for name in filter(None, names.split(",")):
            groups_of.setdefault(name, set()).add(group)
    ends, homeless = dict(rows["s"]), {name for (name,) in rows["h"]}
    return {
        f[0]: Account(int(f[2]), f[6], frozenset(groups_of.get(f[0], ())), ends.get(f[0], ""), f[0] in homeless)
        for f in rows["p"]
    }


def _differs(account: Account, person: PersonData) -> bool:
    ends = str((date.fromisoformat(person["ends"]) - date(1970, 1, 1)).days)
    return account.homeless or (account.shell, account.groups, account.ends) != (SHELL, frozenset((STAFF,)), ends)


def _welcome(person: PersonData) -> str:
    """Without a password, which is no lock; and so without one that could expire and close the door to their key."""
    return (
        f"useradd --no-create-home --user-group --groups {STAFF} --shell {SHELL} --password '*' --inactive -1"
        f" --expiredate {person['ends']} -K PASS_MAX_DAYS=-1 {person['name']} && {_home(person['name'])}"
    )


def _mend(name: str, ends: str) -> str:
    return (
        f"usermod --groups {STAFF} --shell {SHELL} --expiredate {ends} {name}"
        f" && if getent shadow {name} | grep -q '^{name}:!'; then usermod --password '*' {name}; fi"
        f" && {_home(name)}"
    )


def _home(name: str) -> str:
    """A home where there is none, in one step: useradd that is killed leaves half of one."""
    return (
        f'home="$(getent passwd {name} | cut -d: -f6)" && stage="$home.stage" && if [ ! -d "$home" ]; then'
        f' rm -rf "$stage" && cp -rT /etc/skel "$stage" && chown -R {name}: "$stage" && chmod 700 "$stage"'
        ' && mv -T "$stage" "$home"; fi'
    )


def _farewell(name: str) -> str:
    """Their keys and sudo are gone by now. First no new process, then none of the old, then what they leave behind."""
    return f"""
set -e
usermod --lock --expiredate 1 --shell /usr/sbin/nologin {name}
rm -f /var/spool/cron/crontabs/{name} /var/lib/systemd/linger/{name}
find /var/spool/cron/atjobs -user {name} -delete 2>/dev/null || true
n=0
while pkill -KILL -u {name}; do
    n=$((n + 1)); [ $n -lt 50 ] || {{ echo "processes of {name} do not end" >&2; exit 1; }}; sleep 0.1
done
if [ -d /home/{name} ]; then
    install -d -m 700 {FORMER}
    mv -T /home/{name} "{FORMER}/{name}-$(date +%Y%m%dT%H%M%S)"
fi
usermod --groups '' {name}"""


@deploy("Accounts")
def accounts() -> None:
    """Before sshd is told whom to let in. What opens doors is taken away first, given last."""
    data = host.data
    wanted = authorized(data.staff, data.sftp)
    groups(name="accounts: groups", names=[STAFF, CLIENTS, NOBODY_SU])
    directories(name="accounts: who sees who may what", wanted={"/etc/sudoers.d": Directory(mode="750")})
    sudo_rules(name="accounts: sudo", wanted=File(sudoers(data.staff), "440"))
    files(
        name="accounts: keys, and how long sudo's log is kept",
        wanted={**wanted, "/etc/logrotate.d/seawall-sudo": File(render("sudo.logrotate.j2"))},
        absent=lambda: _strangers(wanted),
    )
    staff(name="accounts: staff", people=data.staff)


@deploy("Clients")
def clients() -> None:
    """After the vhosts, whose users they are."""
    members(name="clients: sftp", users=[client["user"] for client in host.data.sftp])
