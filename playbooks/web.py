"""The web server: one site a vhost, one way of TLS for all, logs that only their vhost reads, and a sandbox around it.

On production the sites are enabled here. On a twin they are only laid ready: what serves there, and when, is the
activation's to decide, so this deploy neither enables nor disables them.

Where the estate names another server than the one that runs, that one takes over in one step: its files are judged
while the old one still serves; the old one can't be started any more, not even by its package, and comes back if
the new one does not start.
"""

import posixpath
import shlex
from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from estate.model import TLS
from estate.web import Web, WebServer, other_server
from inventory.data import WEB, VhostData
from playbooks.apache import APACHE
from playbooks.nginx import NGINX
from playbooks.operations import (
    ENABLED,
    Directory,
    File,
    Seen,
    Unit,
    ask,
    files,
    links,
    look,
    notice,
    show,
    units,
)
from playbooks.php import LOGS, log, with_php
from playbooks.sites import HANDED_OVER, MAINTENANCE, PAGES, Kit
from templates import render

KITS = {Web.NGINX: NGINX, Web.APACHE: APACHE}
PLACEHOLDER = "placeholder.pem"  # beside a certificate: a copy of the one that was made up on the host
LOOPBACK = ("127.0.0.0/8", "::1")


def _kit() -> Kit:
    return KITS[Web(host.data.web)]


def _sandbox(server: WebServer) -> str:
    return f"/etc/systemd/system/{server.unit}.d/seawall.conf"


def directories_of(vhosts: Sequence[VhostData]) -> dict[str, Directory]:
    """Those that the web server needs. It reopens logs as www-data, so it may pass through, and list nothing."""
    shared = {path: Directory() for path in ("/etc/seawall", MAINTENANCE, HANDED_OVER, PAGES, LOGS)}
    return shared | {f"{LOGS}/{v['domain']}": Directory("root", v["user"], "751") for v in vhosts}


def before_packages() -> None:
    """A second web server is installed beside one that serves, and must not be started, now or at a boot."""
    data = host.data
    one_server(name="web: no second server", web=data.web if data.role in WEB else None)


def prepare_sites(vhosts: Sequence[VhostData], *, web: bool, serves: bool) -> None:
    """Everything that a site refers to, and the sites themselves; none is switched on here."""
    kit, spared = _kit(), [*LOOPBACK, *host.data.control, *host.data.allow]
    files(
        name="web: sites",
        wanted=_files(kit, vhosts, spared) if web else {},
        absent=kit.unwanted if web else [],
    )
    links_only(name="web: modules", wanted=kit.modules if web else {})
    logs(name="web: logs", wanted={path: whose for vhost in vhosts for path, whose in _logs(vhost).items()})
    placeholders(
        name="web: certificates",
        wanted={v["domain"]: v["certificates"] for v in vhosts if serves},
        nobodys=kit.certificate if web else {},
    )


def serve_sites(vhosts: Sequence[VhostData], *, web: bool, serves: bool) -> None:
    """Switched on where this host serves; then the server, which judges them before it reads them."""
    kit = _kit()
    links(
        name="web: sites enabled",
        wanted={kit.server.enabled(v["domain"]): kit.server.available(v["domain"]) for v in vhosts if serves},
    )
    take_over(name="web: one server", web=host.data.web if web else None)
    units(name="web: server", wanted=[_unit(kit)] if web else [])


def _unit(kit: Kit) -> Unit:
    server = kit.server
    return Unit(
        server.unit,
        watches=(server.folder, str(TLS)),
        judge=" ".join(server.judge),
        restarts=(_sandbox(server), *({posixpath.dirname(path) for path in kit.modules})),
    )


def _files(kit: Kit, vhosts: Sequence[VhostData], spared: Sequence[str]) -> Mapping[str, File]:
    return {
        f"{PAGES}/maintenance.html": File(render("maintenance.html.j2")),
        **kit.common(spared, host.data.stand_in),
        _sandbox(kit.server): File(render(kit.sandbox, logs=LOGS)),
        "/etc/logrotate.d/seawall-vhosts": File(render("logrotate.conf.j2", logs=LOGS, reopen=kit.server.reopen)),
        **{kit.server.available(vhost["domain"]): File(kit.site(vhost, host.data.trust)) for vhost in vhosts},
    }


@operation()
def one_server(web: str | None) -> Generator[StringCommand]:
    """Where the other server serves and the wanted one is not there yet, that one can't be started."""
    if web is None:
        return
    kit, other = KITS[Web(web)], other_server(Web(web))
    now = show([kit.server.unit, other.unit])
    if _lives(now[other.unit]) and not now[kit.server.unit]["UnitFileState"]:
        yield StringCommand(f"systemctl -q mask {kit.server.unit}")


@operation()
def take_over(web: str | None) -> Generator[StringCommand]:
    """The wanted server serves, the other neither does nor can. A run that dies in between leaves one for a boot."""
    if web is None:
        return
    kit, other = KITS[Web(web)], other_server(Web(web))
    now = show([kit.server.unit, other.unit])
    if not _lives(now[other.unit]) and now[kit.server.unit]["UnitFileState"] != "masked":
        return
    if _runs(now[other.unit]) and not look([_sandbox(other)]):
        raise OperationError(
            f"{other.package} serves here with sites that are not the estate's, which says web = {web}; change it, or,"
            f" where they may go, type on the host: systemctl disable --now {other.package}"
        )
    yield StringCommand(_taken_over(kit.server, other))


def _runs(now: Mapping[str, str]) -> bool:
    return now["ActiveState"] not in ("inactive", "failed")


def _lives(now: Mapping[str, str]) -> bool:
    """Now, or from the next boot."""
    return _runs(now) or now["UnitFileState"] in ENABLED


def _taken_over(server: WebServer, other: WebServer) -> str:
    new, old = server.unit, other.unit
    return f"""
{" ".join(server.judge)} || exit 1
systemctl -q unmask {new} && systemctl daemon-reload && systemctl -q enable {new} || exit 1
systemctl is-active -q {old} && serves=yes
[ ! -e /lib/systemd/system/{old} ] || systemctl -q mask {old} || exit 1
systemctl stop {old} 2>/dev/null
systemctl restart {new} && exit 0
journalctl -qn 8 --no-pager -u {new} >&2
[ "$serves" ] || exit 1
systemctl stop {new}; systemctl -q unmask {old}; systemctl start {old}; systemctl -q mask {new}
exit 1"""


@operation()
def links_only(wanted: Mapping[str, str]) -> Generator[StringCommand]:
    """Links from path to target, and nothing else in their directories."""
    folders = sorted({posixpath.dirname(path) for path in wanted})
    if not folders:
        return
    rows = ask(f"find {' '.join(folders)} -mindepth 1 -maxdepth 1 -printf '%p\\t%l\\n' 2>/dev/null || true")
    there = dict(row.split("\t", 1) for row in rows)
    for path, target in wanted.items():
        if posixpath.normpath(posixpath.join(posixpath.dirname(path), there.get(path, ""))) != target:
            yield StringCommand(f"ln -sfnT {shlex.quote(target)} {shlex.quote(path)}")
    if others := sorted(there.keys() - wanted.keys()):
        yield StringCommand("rm", "-f", *map(shlex.quote, others))


def _logs(vhost: VhostData) -> dict[str, tuple[str, str]]:
    user, folder = vhost["user"], f"{LOGS}/{vhost['domain']}"
    mine = {log(vhost): (user, user)} if with_php([vhost]) else {}
    return mine | {f"{folder}/{kind}.log": ("www-data", user) for kind in ("access", "error")}


@operation()
def logs(wanted: Mapping[str, tuple[str, str]]) -> Generator[StringCommand]:
    """Log files that exist, from path to owner and group: what watches them refuses to start where they are missing.

    Their directories are root's own, so that nobody puts a link where root's log writers would follow it.
    """
    seen = look(list(wanted))
    for path, (owner, group) in wanted.items():
        now = seen.get(path)
        if now is None:
            yield StringCommand(f"install -o {owner} -g {group} -m 640 /dev/null {shlex.quote(path)}")
        elif (now.mode, now.owner, now.group) != ("640", owner, group):
            yield StringCommand(f"chown -h {owner}:{group} {shlex.quote(path)} && chmod 640 {shlex.quote(path)}")


@operation()
def placeholders(wanted: Mapping[str, str], nobodys: Mapping[str, str]) -> Generator[StringCommand]:
    """A certificate that nobody trusts, where there is none yet: without one the server serves no other site either.

    `wanted` are directories of certificates by domain. A real one simply replaces it; until then the operator is told.
    `nobodys` are made up likewise, and nothing is missing there.
    """
    names = ("fullchain.pem", "privkey.pem", PLACEHOLDER)
    folders = {**wanted, **nobodys}
    there = look([f"{folder}/{name}" for folder in folders.values() for name in names])
    for domain, folder in folders.items():
        chain, key, begun = (f"{folder}/{name}" in there for name in names)
        if not chain and (begun or not key):
            yield StringCommand(_made_up(domain, folder))
        trusted = chain and not _same(*(there.get(f"{folder}/{name}") for name in ("fullchain.pem", PLACEHOLDER)))
        if domain in wanted and not trusted:
            notice(f"{domain} has a certificate that nobody trusts; put the real one into {folder}")


def _same(one: Seen | None, other: Seen | None) -> bool:
    """Whether both are files with the same content. A link is none: it leads to a real certificate."""
    return one is not None and other is not None and one.digest == other.digest != ""


def _made_up(domain: str, folder: str) -> str:
    key, chain, mark = (
        shlex.quote(posixpath.join(folder, name)) for name in ("privkey.pem", "fullchain.pem", PLACEHOLDER)
    )
    return (
        f"mkdir -p {shlex.quote(folder)} && umask 077 && openssl req -x509 -nodes -days 3650 -newkey ec"
        f" -pkeyopt ec_paramgen_curve:prime256v1 -subj /O=placeholder -addext subjectAltName=DNS:{domain}"
        f" -keyout {key}.stage -out {mark} 2>/dev/null && mv -f {key}.stage {key} && cp {mark} {chain}"
    )
