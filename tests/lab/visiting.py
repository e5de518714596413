"""What the tests of web servers put on a host, and how a visitor asks for it."""

import re

from hardening import UPLOADS

from effects.clock import wait_until
from estate.problem import Failed
from estate.web import Web
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import Outcome, drive

LEDGER, DOCS = "/srv/vhosts/ledger.example/public", "/srv/vhosts/docs.example/public"
SECRET = "a secret of ledger"
LEFT = (".env", ".git/config", "config.php.bak", "config.php~", "dump.sql", "dump.sql.gz", "a.PHP", "b.phtml",
        "composer.lock", "debug.log", "db.inc")  # fmt: skip
CONTENT = f"""
cd {LEDGER}; mkdir -p .git
for name in secret.txt {" ".join(LEFT)}; do echo '{SECRET}' > $name; done; chown -R ledger: .
mkdir -p {DOCS}/page; cp {DOCS}/index.html {DOCS}/page/; for n in $(seq 30); do echo > {DOCS}/page/$n.css; done
chown -R docs: {DOCS}/page; ln -sf {LEDGER}/secret.txt {DOCS}/link.txt; chown -h docs: {DOCS}/link.txt
cd {UPLOADS}; echo '<?php echo 6 * 7;' > run.php; cp run.php run.PHP; echo here > pic.png; cp pic.png dump.sql
chown shop: *"""
OWN_HEADER = "<?php header('X-Frame-Options: DENY'); echo $_SERVER['PHP_AUTH_USER'] ?? 'nobody';"
HEADERS = ("strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy")
APP = """
[vhosts."app.docs.example"]
host = "web1"
user = "app"
runtime = "proxy"
upstream = "http://127.0.0.1:8099"
check = { path = "/", expect = "for" }
"""
UPSTREAM = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write("for {X-Forwarded-For} by {X-Forwarded-Proto}".format(**self.headers).encode())
HTTPServer(("127.0.0.1", 8099), Echo).serve_forever()
"""
SWITCH = """
import sys
from types import SimpleNamespace
sys.path.insert(0, "/root/seawall")
from drp import web
from estate.model import Runtime
from estate.web import WEB_SERVERS, Web
tls = "/etc/seawall/tls/docs.example"
docs = SimpleNamespace(domain="docs.example", certificates=tls, service=None, runtime=Runtime.STATIC)
server = WEB_SERVERS[Web(sys.argv[1])]
before = web.enabled(server, docs)
web.enable(server, docs)
owed = not web.loaded(server, docs)
web.reload(server, docs)
print(before, owed, web.enabled(server, docs), web.loaded(server, docs))
"""
GUARDED = """<Location "/private">
AuthType Basic
AuthName private
AuthUserFile /etc/hosts
Require valid-user
</Location>
"""


def another(lab: Lab, tail: int) -> str:
    """One more address of the probe."""
    return f"{lab.address('probe').rpartition('.')[0]}.{tail}"


def choose(lab: Lab, web: Web) -> None:
    """In the estate, for production and its twin."""
    text = re.sub(r'(?m)^web = ".*"\n', "", lab.estate_file.read_text(encoding="utf-8"))
    text = re.sub(r"(\[hosts\.(web1|twin1)\]\n)", rf'\1web = "{web}"\n', text)
    lab.estate_file.write_text(text, encoding="utf-8")


def deployed(lab: Lab) -> Outcome:
    """The part of hardening that sites are made in."""
    estate = load(lab.estate_file)
    return drive([host_data(estate, estate.hosts["web1"])], ["vhosts"])["web1"]


def to(lab: Lab, name: str) -> str:
    """For curl: where `name` is, that no name server knows."""
    return " ".join(f"--resolve {name}:{port}:{lab.address('web1')}" for port in (80, 443))


def ask(lab: Lab, url: str, options: str = "") -> str:
    """What a visitor gets."""
    return lab.run("probe", f"curl -sk --max-time 10 {options} '{url}'").out


def status(lab: Lab, url: str, options: str = "") -> str:
    return ask(lab, url, f"-o /dev/null -w '%{{http_code}}' {options}")


def is_banned(lab: Lab, jail: str, who: str) -> None:
    """Raises Failed where that does not come true."""
    late = Failed(f"{jail} does not ban {who}", hint="look at fail2ban on web1")
    wait_until(lambda: lab.run("web1", f"ipset test f2b-{jail}-inet {who}").ok, timeout=20, late=late)
