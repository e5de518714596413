"""nginx: one site a vhost, one way of TLS for all, logs that only their vhost reads, and a sandbox around it.

On production the sites are enabled here. On a twin they are only laid ready: what serves there, and when, is the
activation's to decide, so this deploy neither enables nor disables them.
"""

import posixpath
import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import PurePosixPath

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from inventory.data import VhostData
from playbooks.operations import Directory, File, Unit, ask, files, links, logs, look, notice, units
from playbooks.php import LOGS, log, socket, with_php
from templates import render

MAINTENANCE = "/etc/seawall/maintenance"  # a file DOMAIN in it makes the site answer 503
PAGES = "/usr/local/share/seawall"
NGINX = "/etc/nginx"
COMMON = f"{NGINX}/snippets/seawall.conf"
HEADERS = f"{NGINX}/snippets/seawall-headers.conf"
SANDBOX = "/etc/systemd/system/nginx.service.d/seawall.conf"
PLACEHOLDER = "placeholder.pem"  # beside a certificate: a copy of the one that was made up on the host


def site(vhost: VhostData) -> str:
    """The nginx configuration of a vhost."""
    return render(
        "site.conf.j2",
        vhost=vhost,
        maintenance=MAINTENANCE,
        pages=PAGES,
        logs=LOGS,
        common=COMMON,
        headers=HEADERS,
        socket=socket(vhost),
        inert=inert(vhost),
        content=content(vhost),
    )


def available(domain: str) -> str:
    """Where the site of a vhost is written."""
    return f"{NGINX}/sites-available/{domain}.conf"


def enabled(domain: str) -> str:
    """The link that makes nginx serve it."""
    return f"{NGINX}/sites-enabled/{domain}.conf"


def inert(vhost: VhostData) -> list[str]:
    """URL prefixes of upload directories below the document root: nothing in them is ever executed."""
    root = PurePosixPath(vhost["root"])
    return [
        f"/{PurePosixPath(path).relative_to(root)}/"
        for path in vhost["uploads"]
        if PurePosixPath(path).is_relative_to(root)
    ]


def content(vhost: VhostData) -> list[str]:
    """URL prefixes served from the vhost's own directory, where the document root lies outside it.

    The root is then a packaged application: Debian's WordPress keeps its code in /usr/share/wordpress, and
    `wp-content` in the vhost's directory.
    """
    root, directory = PurePosixPath(vhost["root"]), PurePosixPath(vhost["directory"])
    if root.is_relative_to(directory):
        return []
    own = (PurePosixPath(path).relative_to(directory).parts[0] for path in vhost["uploads"])
    return [f"/{name}/" for name in dict.fromkeys(own)]


def directories_of(vhosts: Sequence[VhostData]) -> dict[str, Directory]:
    """Those that the web server needs. It reopens logs as www-data, so it may pass through, and list nothing."""
    shared = {path: Directory() for path in ("/etc/seawall", MAINTENANCE, PAGES, LOGS)}
    return shared | {f"{LOGS}/{v['domain']}": Directory("root", v["user"], "751") for v in vhosts}


def prepare_sites(vhosts: Sequence[VhostData], *, web: bool, serves: bool) -> None:
    """Everything that a site refers to, and the sites themselves; none is switched on here."""
    files(
        name="web: sites",
        wanted=_files(vhosts) if web else {},
        absent=[f"{NGINX}/sites-enabled/default"] if web else [],
    )
    logs(name="web: logs", wanted={path: whose for vhost in vhosts for path, whose in _logs(vhost).items()})
    placeholders(name="web: certificates", wanted={v["domain"]: v["certificates"] for v in vhosts if serves})


def serve_sites(vhosts: Sequence[VhostData], *, web: bool, serves: bool) -> None:
    """Switched on where this host serves; then nginx, which judges them before it reads them."""
    links(
        name="web: sites enabled",
        wanted={enabled(v["domain"]): available(v["domain"]) for v in vhosts if serves},
    )
    nginx = Unit("nginx.service", watches=(NGINX, "/etc/seawall/tls"), judge="nginx -tq", restarts=(SANDBOX,))
    units(name="web: server", wanted=[nginx] if web else [])


def _files(vhosts: Sequence[VhostData]) -> Mapping[str, File]:
    return {
        f"{PAGES}/maintenance.html": File(render("maintenance.html.j2")),
        f"{NGINX}/conf.d/seawall.conf": File(render("nginx.conf.j2", common=COMMON)),
        COMMON: File(render("nginx.common.conf.j2")),
        HEADERS: File(render("nginx.headers.conf.j2")),
        SANDBOX: File(render("nginx.sandbox.conf.j2", logs=LOGS)),
        "/etc/logrotate.d/seawall-vhosts": File(render("logrotate.conf.j2", logs=LOGS)),
        **{available(vhost["domain"]): File(site(vhost)) for vhost in vhosts},
    }


def _logs(vhost: VhostData) -> dict[str, tuple[str, str]]:
    user, folder = vhost["user"], f"{LOGS}/{vhost['domain']}"
    mine = {log(vhost): (user, user)} if with_php([vhost]) else {}
    return mine | {f"{folder}/{kind}.log": ("www-data", user) for kind in ("access", "error")}


@operation()
def placeholders(wanted: Mapping[str, str]) -> Generator[StringCommand]:
    """A certificate that nobody trusts, where there is none yet: without one nginx serves no other site either.

    `wanted` are directories of certificates by domain. A real one simply replaces it; until then the operator is told.
    """
    names = ("fullchain.pem", "privkey.pem", PLACEHOLDER)
    there = look([f"{folder}/{name}" for folder in wanted.values() for name in names])
    for domain, folder in wanted.items():
        chain, key, begun = (f"{folder}/{name}" in there for name in names)
        if not chain and (begun or not key):
            yield StringCommand(_made_up(domain, folder))
    for domain in _placeholding(wanted):
        notice(f"{domain} has a certificate that nobody trusts; put the real one into {wanted[domain]}")


def _made_up(domain: str, folder: str) -> str:
    key, chain, mark = (
        shlex.quote(posixpath.join(folder, name)) for name in ("privkey.pem", "fullchain.pem", PLACEHOLDER)
    )
    return (
        f"mkdir -p {shlex.quote(folder)} && umask 077 && openssl req -x509 -nodes -days 3650 -newkey ec"
        f" -pkeyopt ec_paramgen_curve:prime256v1 -subj /O=placeholder -addext subjectAltName=DNS:{domain}"
        f" -keyout {key}.stage -out {mark} 2>/dev/null && mv -f {key}.stage {key} && cp {mark} {chain}"
    )


def _placeholding(wanted: Mapping[str, str]) -> list[str]:
    """Domains whose certificate is the one that was made up, or was about to be."""
    script = f"""while read -r domain folder; do
if [ ! -e "$folder/fullchain.pem" ] || cmp -s "$folder/{PLACEHOLDER}" "$folder/fullchain.pem"; then echo "$domain"; fi
done"""
    return ask(script, stdin="".join(f"{domain} {folder}\n" for domain, folder in wanted.items()))
