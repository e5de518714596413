"""Apache's own words for a site. It knows no limits for who asks too often: the firewall and fail2ban have those.

Exactly the modules below are loaded, without Debian's settings for them: what is not loaded has no hole. No .htaccess
is read: who breaks into an application could write one, and each request would look for one in every directory.
"""

from collections.abc import Mapping, Sequence

from estate.model import TLS
from estate.web import WEB_SERVERS, Web
from inventory.data import VhostData
from playbooks.operations import File
from playbooks.sites import PAGES, Kit, about
from templates import render

SERVER = WEB_SERVERS[Web.APACHE]
MODULES = (
    *("mpm_event", "authz_core", "authn_core", "authn_file", "authz_user", "auth_basic", "dir", "mime", "alias"),
    *("headers", "rewrite", "filter", "deflate", "reqtimeout", "ssl", "socache_shmcb", "http2"),
    *("proxy", "proxy_fcgi", "proxy_http", "remoteip"),
)
# security.conf would tell visitors which Debian this is.
DEBIANS = ("charset", "localized-error-pages", "other-vhosts-access-log", "security", "serve-cgi-bin")
NOBODY = f"{TLS}/nobody"


def site(vhost: VhostData, trust: str | None = None) -> str:
    """The configuration of a vhost."""
    return render("apache.site.conf.j2", **about(vhost, trust))


def common(_spared: Sequence[str], stand_in: Sequence[str] = ()) -> Mapping[str, File]:
    """What all sites share, and the site of who asks for none of them; `stand_in` says whom it asks for."""
    text = render("apache.conf.j2", stand_in=stand_in, logs=SERVER.logs, pages=PAGES, nobody=NOBODY)
    return {f"{SERVER.folder}/conf-enabled/seawall.conf": File(text)}


APACHE = Kit(
    SERVER,
    site,
    common,
    "apache.sandbox.conf.j2",
    unwanted=(
        *(f"{SERVER.sites}/{name}.conf" for name in ("000-default", "default-ssl")),
        *(f"{SERVER.folder}/conf-enabled/{name}.conf" for name in DEBIANS),
    ),
    modules={
        f"{SERVER.folder}/mods-enabled/{name}.load": f"{SERVER.folder}/mods-available/{name}.load" for name in MODULES
    },
    certificate={"nobody": NOBODY},
)
