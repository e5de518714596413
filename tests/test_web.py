"""What web servers are told, and which names they never show."""

import re
from pathlib import Path

import pytest
from saved_estate import lab_estate

from estate.model import Role
from estate.web import WEB_SERVERS, Web, other_server
from inventory import load
from inventory.data import VhostData, host_data
from inventory.render import plain
from playbooks import apache, nginx
from playbooks.fail2ban import jails_for, owners
from playbooks.php import socket
from playbooks.sites import HIDDEN, LEFT, LOGINS, SCRIPTS, SOURCES


@pytest.fixture
def vhosts(tmp_path: Path) -> dict[str, VhostData]:
    estate = lab_estate(tmp_path)
    return {data["domain"]: data for data in host_data(estate, estate.hosts["web1"])["vhosts"]}


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        (HIDDEN, ["/.env", "/.git/config", "/a/.htaccess"], ["/.well-known/acme-challenge/x", "/a.b/c"]),
        (LEFT, ["/dump.sql", "/dump.sql.gz", "/config.php~", "/a/B.BAK", "/#x#"], ["/sql", "/backup/", "/mysql.html"]),
        (SOURCES, ["/config.php.bak", "/a.php_old", "/composer.lock", "/wp-content/debug.log", "/db.inc", "/x.yml"],
         ["/index.php", "/login", "/a.php/pretty", "/learn.php-basics", "/composer.html"]),
        (f"{SCRIPTS}$", ["/x.php", "/x.PHP", "/x.phtml", "/x.phar", "/x.php7"], ["/x.php/y", "/php", "/x.phpx"]),
        (LOGINS, ["/wp-login.php", "/blog/xmlrpc.php", "/user/login", "/sign-in/", "/customer/account/loginPost"],
         ["/login/help", "/wp-admin/", "/catalogin", "/"]),
    ],
)  # fmt: skip
def test_patterns_match_what_they_are_for_and_nothing_else(pattern: str, matched: list[str], others: list[str]) -> None:
    found = re.compile(pattern, re.IGNORECASE)
    assert [path for path in matched if not found.search(path)] == []
    assert [path for path in others if found.search(path)] == []


def test_both_servers_send_a_vhost_to_its_own_php_and_nothing_else_does(vhosts: dict[str, VhostData]) -> None:
    ledger, docs = vhosts["ledger.example"], vhosts["docs.example"]
    assert f"fastcgi_pass unix:{socket(ledger)};" in nginx.site(ledger)
    assert f'SetHandler "proxy:unix:{socket(ledger)}|fcgi://ledger"' in apache.site(ledger)
    for text in (nginx.site(docs), apache.site(docs)):
        assert "fpm.sock" not in text


def test_apache_runs_nothing_in_uploads_and_reads_no_htaccess(vhosts: dict[str, VhostData]) -> None:
    text = apache.site(vhosts["shop.example"])
    uploads = text.partition('<Directory "/srv/vhosts/shop.example/wp-content/">')[2].partition("</Directory>")[0]
    assert "SetHandler None" in uploads
    assert "AllowOverride None" in uploads
    assert set(re.findall(r"AllowOverride (\S+)", text)) == {"None"}
    assert set(re.findall(r"\n *Options (.*)", text)) == {"SymLinksIfOwnerMatch"}


def test_control_and_who_is_spared_are_never_limited() -> None:
    text = nginx.common(["10.0.0.1", "2001:db8::/48"])["/etc/nginx/conf.d/seawall.conf"].content
    assert "    10.0.0.1 1;\n    2001:db8::/48 1;\n" in text


@pytest.mark.parametrize("web", list(Web))
def test_jails_read_the_logs_of_the_server_that_serves(vhosts: dict[str, VhostData], web: Web) -> None:
    mine = list(vhosts.values())
    known, own = owners(mine, web), f"/var/log/{WEB_SERVERS[web].package}"
    found = [jail for jail in jails_for(Role.PRODUCTION, [], mine, web) if "logpath" in jail.settings]
    assert {jail.name for jail in found} >= {"seawall-login", "seawall-scan", "seawall-xmlrpc"}
    for jail in found:
        assert set(jail.settings["logpath"]) <= known.keys()
    assert {path for path in known if "/vhosts/" not in path} == {f"{own}/access.log", f"{own}/error.log"}


def test_never_both() -> None:
    assert {other_server(web).package for web in Web} == {server.package for server in WEB_SERVERS.values()}
    assert all(other_server(web) is not WEB_SERVERS[web] for web in Web)


def test_the_web_server_of_a_pair_is_known_in_its_slice(tmp_path: Path) -> None:
    lab_estate(tmp_path)
    path = tmp_path / "estate.toml"
    path.write_text(re.sub(r"(\[hosts\.(web1|twin1)\]\n)", r'\1web = "apache"\n', path.read_text(encoding="utf-8")))
    hosts = plain(load(path))["hosts"]
    assert {name for name, host in hosts.items() if host.get("web") == "apache"} == {"web1", "twin1"}
