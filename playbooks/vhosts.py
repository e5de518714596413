"""One system user, directory, site and PHP pool a vhost, so that no client application reads another's files.

On production the sites are enabled here. On a twin they are only laid ready: what serves there, and when, is the
activation's to decide, so this deploy neither enables nor disables them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from estate.model import Runtime
from inventory.data import WEB, VhostData
from playbooks.operations import Directory, File, Unit, ask, directories, files, links, logs, units, users
from templates import render

MAINTENANCE = "/etc/seawall/maintenance"  # a file DOMAIN in it makes the site answer 503
PAGES = "/usr/local/share/seawall"
NGINX = "/etc/nginx"
LOGS = "/var/log/nginx"
PHP_LIBRARIES = "/usr/share/php"


def site(vhost: VhostData) -> str:
    """The nginx configuration of a vhost."""
    return render(
        "site.conf.j2",
        vhost=vhost,
        maintenance=MAINTENANCE,
        pages=PAGES,
        logs=LOGS,
        inert=inert(vhost),
        content=content(vhost),
    )


def pool(vhost: VhostData) -> str:
    """The php-fpm pool of a vhost."""
    readable = [vhost["directory"], vhost["root"], PHP_LIBRARIES, *vhost["paths"]]
    return render("pool.conf.j2", vhost=vhost, readable=_outermost(readable), scratch=scratch(vhost))


def scratch(vhost: VhostData) -> str:
    """Where its PHP keeps sessions and uploads in transit: nobody else's."""
    return str(PurePosixPath(vhost["directory"]) / "tmp")


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


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without what lies below another of them."""
    unique = [PurePosixPath(path) for path in dict.fromkeys(paths)]
    return [str(path) for path in unique if not any(path != other and path.is_relative_to(other) for other in unique)]


@deploy("Vhosts")
def vhosts() -> None:
    """Users, directories, sites, pools, logs; then the services that read them, judged before they do."""
    data = host.data
    web = data.role in WEB
    users(name="vhosts: users", homes={vhost["user"]: vhost["directory"] for vhost in data.vhosts})
    directories(name="vhosts: directories", wanted=_directories(data.vhosts) if web else {})
    files(
        name="vhosts: sites",
        wanted=_sites(data.vhosts) if web else {},
        absent=[f"{NGINX}/sites-enabled/default"] if web else [],
    )
    links(
        name="vhosts: sites enabled",
        wanted={
            f"{NGINX}/sites-enabled/{v['domain']}.conf": f"{NGINX}/sites-available/{v['domain']}.conf"
            for v in data.vhosts
            if data.serves
        },
    )
    with_php = [vhost for vhost in data.vhosts if vhost["runtime"] == Runtime.PHP]
    files(name="vhosts: PHP pools", wanted=lambda: _pools(with_php), absent=lambda: _default_pool(with_php))
    logs(
        name="vhosts: logs",
        wanted={
            f"{LOGS}/{v['domain']}.{kind}.log": ("www-data", "adm") for v in data.vhosts for kind in ("access", "error")
        },
    )
    units(name="vhosts: services", wanted=lambda: [*_php_units(with_php), *_web_units(web=web)])


def _directories(vhosts: Sequence[VhostData]) -> dict[str, Directory]:
    wanted = {"/etc/seawall": Directory(), MAINTENANCE: Directory(), PAGES: Directory(), "/srv/vhosts": Directory()}
    for vhost in vhosts:
        user = vhost["user"]
        wanted[vhost["directory"]] = Directory(user, "www-data", "750")
        wanted[scratch(vhost)] = Directory(user, user, "700", by_owner=True)
        wanted |= {path: Directory(user, user, by_owner=True) for path in vhost["uploads"]}
    return wanted


def _sites(vhosts: Sequence[VhostData]) -> Mapping[str, File]:
    return {
        f"{PAGES}/maintenance.html": File(render("maintenance.html.j2")),
        f"{NGINX}/conf.d/seawall.conf": File(render("nginx.conf.j2")),
        **{f"{NGINX}/sites-available/{vhost['domain']}.conf": File(site(vhost)) for vhost in vhosts},
    }


def _php() -> str:
    """Version of the newest php-fpm on the host, as "8.2"; empty where there is none yet."""
    return "".join(ask("ls -d /etc/php/*/fpm 2>/dev/null | sort -V | tail -n 1 | cut -d / -f 4"))


def _pools(vhosts: Sequence[VhostData]) -> dict[str, File]:
    version = _php() if vhosts else ""
    return {f"/etc/php/{version}/fpm/pool.d/{v['user']}.conf": File(pool(v)) for v in vhosts} if version else {}


def _default_pool(vhosts: Sequence[VhostData]) -> list[str]:
    """Debian's own pool runs everybody as www-data; without any other, php-fpm would not start."""
    version = _php() if vhosts else ""
    return [f"/etc/php/{version}/fpm/pool.d/www.conf"] if version else []


def _php_units(vhosts: Sequence[VhostData]) -> list[Unit]:
    version = _php() if vhosts else ""
    return (
        [Unit(f"php{version}-fpm.service", watches=(f"/etc/php/{version}/fpm",), judge=f"php-fpm{version} -t")]
        if version
        else []
    )


def _web_units(*, web: bool) -> list[Unit]:
    return [Unit("nginx.service", watches=(NGINX, "/etc/seawall/tls"), judge="nginx -tq")] if web else []
