"""nginx's own words for a site, and limits for who asks too often."""

from collections.abc import Mapping, Sequence

from estate.web import WEB_SERVERS, Web
from inventory.data import VhostData
from playbooks.operations import File
from playbooks.sites import LOGINS, Kit, about
from templates import render

SERVER = WEB_SERVERS[Web.NGINX]
COMMON = f"{SERVER.folder}/snippets/seawall.conf"
HEADERS = f"{SERVER.folder}/snippets/seawall-headers.conf"
# Requests of one address; of IPv6 of one /64. A page with its pictures comes in one burst, an office has one address.
RATE, BURST = "50r/s", 500
LOGIN_RATE, LOGIN_BURST = "10r/m", 10


def site(vhost: VhostData, trust: str | None = None) -> str:
    """The configuration of a vhost."""
    return render("nginx.site.conf.j2", common=COMMON, headers=HEADERS, **about(vhost, trust))


def common(spared: Sequence[str], stand_in: Sequence[str] = ()) -> Mapping[str, File]:
    """What all sites share, and who gets no answer at all. Networks `spared` are never limited; `stand_in` says whom
    it asks for."""
    rates = {"rate": RATE, "login_rate": LOGIN_RATE, "logins": LOGINS}
    return {
        f"{SERVER.folder}/conf.d/seawall.conf": File(
            render("nginx.conf.j2", common=COMMON, spared=spared, stand_in=stand_in, **rates)
        ),
        COMMON: File(render("nginx.common.conf.j2", burst=BURST, login_burst=LOGIN_BURST)),
        HEADERS: File(render("nginx.headers.conf.j2")),
    }


NGINX = Kit(SERVER, site, common, "nginx.sandbox.conf.j2", unwanted=(f"{SERVER.sites}/default",))
