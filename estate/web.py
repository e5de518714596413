"""The web servers that a host may run, as Debian packages them. They differ in names and in what judges their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Web(StrEnum):
    """What serves the vhosts of a host; never both at once."""

    NGINX = "nginx"
    APACHE = "apache"


@dataclass(frozen=True, slots=True)
class WebServer:
    """Where a web server has its things, and what to call."""

    package: str
    judge: tuple[str, ...]  # exits 0 where it would read its files
    reopen: str  # a shell command: write to the logs that are there now

    @property
    def unit(self) -> str:
        """The systemd unit."""
        return f"{self.package}.service"

    @property
    def folder(self) -> str:
        """Its configuration."""
        return f"/etc/{self.package}"

    @property
    def logs(self) -> str:
        """The directory of its own logs: what belongs to no vhost."""
        return f"/var/log/{self.package}"

    @property
    def sites(self) -> str:
        """The directory of links to the sites that it serves."""
        return f"{self.folder}/sites-enabled"

    def available(self, domain: str) -> str:
        """Where the site of a vhost is written."""
        return f"{self.folder}/sites-available/{domain}.conf"

    def enabled(self, domain: str) -> str:
        """The link that makes it serve the vhost."""
        return f"{self.sites}/{domain}.conf"


WEB_SERVERS: Mapping[Web, WebServer] = MappingProxyType(
    {
        Web.NGINX: WebServer(
            "nginx", ("nginx", "-tq"), 'test ! -s /run/nginx.pid || kill -USR1 "$(cat /run/nginx.pid)"'
        ),
        # Never its signal: told so, Apache ends where its files are faulty. systemd's reload judges them first.
        Web.APACHE: WebServer("apache2", ("apache2ctl", "-t"), "systemctl try-reload-or-restart apache2.service"),
    }
)


def other_server(web: Web) -> WebServer:
    """The one that must not run beside it."""
    return WEB_SERVERS[Web.APACHE if web is Web.NGINX else Web.NGINX]
