"""fail2ban: who keeps trying is kept out. Works without rsyslog; the control machine is never banned.

Debian 12's own configuration does not even start on a host without rsyslog. Configuration is written first,
then the service started: a start followed at once by a restart hung it for 90 s.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from estate.model import Role, Runtime
from estate.web import WEB_SERVERS, Web
from inventory.data import WEB, Opening, VhostData
from playbooks.firewall import BANS
from playbooks.operations import File, Unit, ask, files, units
from playbooks.php import LOGS
from templates import render

FOLDER = "/etc/fail2ban"
TMPFILES = "/etc/tmpfiles.d/seawall-fail2ban.conf"
DROP_IN = "/etc/systemd/system/fail2ban.service.d/seawall.conf"
FILTERS = (
    *("sshd.local", "nginx-bad-request.local", "nginx-botsearch.local", "seawall-auth.conf", "seawall-limit.conf"),
    *("seawall-scan.conf", "seawall-login.conf", "seawall-xmlrpc.conf"),
)
# Words of filters for access logs. Visitors choose the user's name, with blanks and brackets in it: a quotation mark is
# what both web servers escape.
SAID = r'(?:[^"\\]|\\.)*'
LINES = {
    "said": SAID,
    "asked": rf'^<HOST> - {SAID}\[\] "',
    "query": r'(?:\?(?:[^" \\]|\\.)*)?',
    "when": r'\[({DATE})\] "',
}
# Whose answers are dropped with a ban, and the host would find nobody. Those behind systemd-resolved too.
RESOLVERS = (
    "sed -nE 's/^nameserver[ \t]+([0-9A-Fa-f:.]+).*/\\1/p' /etc/resolv.conf /run/systemd/resolve/resolv.conf"
    " 2>/dev/null | sort -u"
)
SUBMISSION = frozenset((25, 465, 587))
MAILBOXES = frozenset((110, 143, 993, 995))
FAMILIES = ("inet", "inet6")


@dataclass(frozen=True, slots=True)
class Jail:
    """A section of jail.local(5); a sequence is a value of several lines."""

    name: str
    settings: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def jails_for(role: str, openings: Sequence[Opening], vhosts: Sequence[VhostData], web: str = Web.NGINX) -> list[Jail]:
    """Jails for what the host serves, and no others."""
    ports = {opening["port"] for opening in openings if opening["protocol"] == "tcp"}
    found = [_sshd(role), Jail("recidive", {"backend": "polling", "findtime": "1d", "maxretry": "3", "bantime": "1w"})]
    if role in WEB:
        found += _web(vhosts, Web(web))
    if ports & SUBMISSION:
        # Its unit is postfix@- on Debian 12, postfix on 13.
        units_of_both = "_SYSTEMD_UNIT=postfix@-.service + _SYSTEMD_UNIT=postfix.service"
        found.append(Jail("postfix", {"backend": "systemd", "mode": "extra", "journalmatch": units_of_both}))
    if ports & MAILBOXES:
        found.append(Jail("dovecot", {"backend": "systemd"}))
    return found


def _sshd(role: str) -> Jail:
    """Aggressive counts connections that end early as well.

    On a backup server that would ban a host whose network fails from its own backups; anywhere else only control and
    clients reach ssh. Guesses are counted all the same.
    """
    mode = "normal" if role == Role.BACKUP else "aggressive"
    # Not by its name: any program may call itself sshd, and say that somebody's password was wrong. root alone, for
    # without pam_systemd a session stays in the unit.
    return Jail("sshd", {"backend": "systemd", "mode": mode, "journalmatch": "_SYSTEMD_UNIT=ssh.service _UID=0"})


def _web(vhosts: Sequence[VhostData], web: Web) -> list[Jail]:
    """Over access logs alone: what an application says of an address, in an error log, would ban whom it likes."""
    access = logs(vhosts, "access", web)
    found = [
        *(_nginx(access) if web is Web.NGINX else _apache(access)),
        # Sixty a minute: a site with a broken link on every page shows its visitors fewer.
        Jail("seawall-scan", {"backend": "polling", "logpath": access, "findtime": "1m", "maxretry": "60"}),
        Jail("seawall-login", {"backend": "polling", "logpath": access, "maxretry": "10"}),
    ]
    if any(vhost["runtime"] == Runtime.PHP for vhost in vhosts):
        # Other programs use it honestly, and every answer is 200.
        found.append(Jail("seawall-xmlrpc", {"backend": "polling", "logpath": access, "maxretry": "30"}))
    return found


def _passwords(name: str, access: Sequence[str]) -> Jail:
    """As many as at a login: a telephone with an old password asks again and again."""
    return Jail(name, {"backend": "polling", "logpath": access, "filter": "seawall-auth", "maxretry": "10"})


def _nginx(access: Sequence[str]) -> list[Jail]:
    return [
        _passwords("nginx-http-auth", access),
        Jail("nginx-botsearch", {"backend": "polling", "logpath": access}),
        Jail("nginx-bad-request", {"backend": "polling", "logpath": access}),
        # Who is told a hundred times that it is too often, and goes on.
        Jail(
            "nginx-limit-req",
            {"backend": "polling", "logpath": access, "filter": "seawall-limit", "maxretry": "100"},
        ),
    ]


def _apache(access: Sequence[str]) -> list[Jail]:
    """Its access logs have the words of nginx's, so nginx's filters read them."""
    return [
        _passwords("apache-auth", access),
        Jail("apache-botsearch", {"backend": "polling", "logpath": access, "filter": "nginx-botsearch"}),
        Jail("apache-bad-request", {"backend": "polling", "logpath": access, "filter": "nginx-bad-request"}),
    ]


def logs(vhosts: Sequence[VhostData], kind: str, web: Web) -> list[str]:
    """The web server's logs: what no vhost answers, then each vhost's. `kind` is access or error."""
    return [f"{WEB_SERVERS[web].logs}/{kind}.log", *(f"{LOGS}/{vhost['domain']}/{kind}.log" for vhost in vhosts)]


def owners(vhosts: Sequence[VhostData], web: Web) -> dict[str, str]:
    """User and group of each of the web server's logs, by path."""
    groups = ["adm", *(vhost["user"] for vhost in vhosts)]
    kinds = [zip(logs(vhosts, kind, web), groups, strict=True) for kind in ("access", "error")]
    return {path: f"www-data {group}" for pairs in kinds for path, group in pairs}


@operation()
def jails(wanted: Sequence[str]) -> Generator[StringCommand]:
    """Jails that watch and whose bans count; the service is told to read its files again, or started again."""
    watching, banning = _watching(wanted)
    if not set(wanted) <= watching:
        yield StringCommand("systemctl reload fail2ban")
        watching, banning = _watching(wanted)
    if not set(wanted) <= banning:
        yield StringCommand("systemctl restart fail2ban")
        watching, banning = _watching(wanted)
    if missing := [jail for jail in wanted if jail not in watching & banning]:
        raise OperationError(f"fail2ban runs without {', '.join(missing)}; look at: journalctl -u fail2ban")


def _watching(wanted: Sequence[str]) -> tuple[set[str], set[str]]:
    """Names of the jails that are there, and of those whose sets the firewall looks into.

    fail2ban answers a moment after systemd calls it active, and its jails come one after another.
    """
    lines = ask(f"""
there() {{
    jails="$(fail2ban-client status 2>/dev/null)" && sets="$(ipset save {BANS} 2>/dev/null)" || return 1
    for jail in {" ".join(wanted)}; do case "$sets" in *" f2b-$jail-inet6"*) ;; *) return 1 ;; esac; done
}}
if systemctl -q is-active fail2ban; then for n in $(seq 25); do there && break; sleep 0.2; done; fi
echo "$jails"; echo "$sets" """)
    watching = {name.strip() for line in lines if "Jail list:" in line for name in line.split(":", 1)[1].split(",")}
    sets = {line.split()[2] for line in lines if line.startswith(f"add {BANS} ")}
    return watching, {jail for jail in watching if all(f"f2b-{jail}-{family}" in sets for family in FAMILIES)}


def _files(jails: Sequence[Jail]) -> Mapping[str, File]:
    data = host.data
    web_logs = owners(data.vhosts, Web(data.web)) if data.role in WEB else {}
    spared = list(dict.fromkeys([*data.control, *data.allow, *data.estate, *ask(RESOLVERS)]))
    return {
        f"{FOLDER}/jail.d/seawall.local": File(render("fail2ban.local.j2", jails=jails, spared=spared)),
        f"{FOLDER}/fail2ban.d/seawall.local": File(render("fail2ban.server.j2")),
        f"{FOLDER}/action.d/seawall.conf": File(render("fail2ban.action.j2", bans=BANS)),
        **{f"{FOLDER}/filter.d/{name}": File(render(f"fail2ban.{name}.j2", **LINES)) for name in FILTERS},
        TMPFILES: File(render("fail2ban.tmpfiles.j2", logs=web_logs)),
        DROP_IN: File(render("fail2ban.service.j2", tmpfiles=TMPFILES)),
    }


@deploy("fail2ban")
def fail2ban() -> None:
    """sshd and who comes back everywhere; the web and mail where they are served."""
    data = host.data
    wanted = jails_for(data.role, data.openings, data.vhosts, data.web)
    files(name="fail2ban: jails, filters, action", wanted=lambda: _files(wanted))
    units(
        name="fail2ban: runs",
        wanted=[
            Unit(
                "fail2ban.service",
                watches=tuple(f"{FOLDER}/{name}.d" for name in ("jail", "fail2ban", "action", "filter")),
                judge=f"systemd-tmpfiles --create {TMPFILES} && fail2ban-client -t >/dev/null",
                act="reload",
            )
        ],
    )
    jails(name="fail2ban: jails watch", wanted=[jail.name for jail in wanted])
