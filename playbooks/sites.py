"""What a site is made of, whichever web server serves it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from estate.web import WebServer
from inventory.data import VhostData
from playbooks.operations import File
from playbooks.php import LOGS, socket

MAINTENANCE = "/etc/seawall/maintenance"  # a file DOMAIN in it makes the site answer 503
HANDED_OVER = "/etc/seawall/handed-over"  # one here as well makes a twin ask production instead
SYSTEM = "/etc/ssl/certs"  # whom a system trusts, by hashed names
PAGES = "/usr/local/share/seawall"
# Regular expressions (PCRE) over the path of a URL. What they match is answered with 404, as if it were not there.
HIDDEN = r"/\.(?!well-known/)"
# What editors and administrators leave behind: source, passwords, dumps.
LEFT = r"(~|/#[^/]*#|\.(bak|old|orig|sav|save|swp|swo|(sql|dump|sqlite3?)(\.(gz|bz2|xz|zst|zip))?))$"
# Source and settings of PHP applications. Their own .htaccess files refuse these, and nobody reads those here.
SOURCES = (
    r"(\.(inc|ini|ya?ml|twig|tpl|engine|module|install|dist|log)|\.ph(p[0-9]?|ps|tml|ar|t)[.~_][^/]*"
    r"|/(composer\.(json|lock|phar)|auth\.json|error_log))$"
)
SCRIPTS = r"\.ph(p[0-9]?|ps|tml|ar|t)"  # an end of what PHP would be asked to run somewhere, or be shown as text
LOGINS = r"/(wp-login\.php|xmlrpc\.php|(log|sign)-?in(post)?)/?$"


@dataclass(frozen=True, slots=True)
class Kit:
    """How a web server is told about all that."""

    server: WebServer
    site: Callable[[VhostData, str | None], str]  # the configuration of a vhost; given whom it trusts beside the system
    # What sites have in common; given who is never limited, and who says for whom he asks.
    common: Callable[[Sequence[str], Sequence[str]], Mapping[str, File]]
    sandbox: str  # the drop-in of its unit
    unwanted: tuple[str, ...]  # what Debian switches on
    modules: Mapping[str, str] = field(default_factory=dict)  # all that are loaded: links, and where they lead
    certificate: Mapping[str, str] = field(default_factory=dict)  # of who asks for nobody's name


def about(vhost: VhostData, trust: str | None) -> Mapping[str, Any]:
    """What a template of a site may name."""
    return {
        "vhost": vhost,
        "handed_over": HANDED_OVER,
        "system": SYSTEM,
        "trust": trust,
        "maintenance": MAINTENANCE,
        "pages": PAGES,
        "logs": LOGS,
        "socket": socket(vhost),
        "inert": inert(vhost),
        "content": content(vhost),
        "still": still(vhost),
        "hidden": HIDDEN,
        "left": LEFT,
        "sources": SOURCES,
        "scripts": SCRIPTS,
    }


def inert(vhost: VhostData) -> list[str]:
    """URL prefixes of upload directories below the document root: nothing in them is ever executed."""
    root = PurePosixPath(vhost["root"])
    return [
        f"/{PurePosixPath(path).relative_to(root)}/"
        for path in vhost["uploads"]
        if PurePosixPath(path).is_relative_to(root)
    ]


def still(vhost: VhostData) -> list[str]:
    """The directories behind all these prefixes."""
    return [
        *(f"{vhost['directory']}{prefix}" for prefix in content(vhost)),
        *(f"{vhost['root']}{prefix}" for prefix in inert(vhost)),
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
