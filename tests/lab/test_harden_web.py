"""Sites behind nginx, then behind Apache, then behind nginx again: what visitors get, and what nobody gets.

First run all tests that take `web` with nginx, then these with Apache, then the rest. Who is to be banned has an
address of their own, so that no other test is banned with them.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hardening import SITES, changes, counted, harden, own_lab, ssh_port_answers
from visiting import (
    APP,
    CONTENT,
    DOCS,
    GUARDED,
    HEADERS,
    LEDGER,
    LEFT,
    OWN_HEADER,
    SECRET,
    SWITCH,
    UPSTREAM,
    another,
    ask,
    choose,
    deployed,
    is_banned,
    status,
    to,
)

import drp
from effects.clock import wait_until
from effects.run import attempt
from estate.problem import Failed
from estate.web import WEB_SERVERS, Web, WebServer
from lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "probe")) as made:
        text = made.estate_file.read_text(encoding="utf-8").partition(APP)[0]
        made.estate_file.write_text(text + APP, encoding="utf-8")
        more = " ".join(another(made, tail) for tail in range(11, 20))
        made.run("probe", f"for a in {more}; do ip addr replace $a/24 dev eth0; done")
        yield made


@pytest.fixture(scope="module", params=list(Web))
def web(lab: Lab, request: pytest.FixtureRequest) -> WebServer:
    """Serves, after one run."""
    choose(lab, request.param)
    counted(lab, "web1")
    lab.run("web1", f"{CONTENT}; fail2ban-client unban --all")
    lab.run("web1", f"cat > {LEDGER}/own.php", stdin=OWN_HEADER)
    lab.run("web1", ["systemd-run", "--quiet", "--unit=upstream", "python3", "-c", UPSTREAM])
    return WEB_SERVERS[request.param]


def test_sites_answer_and_a_second_run_changes_nothing(lab: Lab, web: WebServer) -> None:
    assert [site for site in SITES if f"Seawall {site.partition('.')[0]}" not in ask(lab, f"https://{site}/")] == []
    assert ask(lab, "https://ledger.example/no/file") == "not found\n"  # says its index.php
    listening = lab.run("web1", "ss -Hltnp 'sport = 443 or sport = 80'").out
    assert set(re.findall(r'users:\(\("([^"]+)"', listening)) == {web.package}
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_names_that_are_not_served_get_nothing(lab: Lab, web: WebServer) -> None:
    redirect = "-w '%{http_code} %{redirect_url}' -o /dev/null"
    assert ask(lab, "http://shop.example/a/b?c=d", redirect) == "301 https://shop.example/a/b?c=d"
    plain, secure = ("000", "000") if web.package == "nginx" else ("404", "421")
    there = to(lab, "nobody.example")
    assert status(lab, "http://nobody.example/", there) == plain
    assert status(lab, "https://nobody.example/", there) == secure
    assert status(lab, "https://shop.example/", "-H 'Host: nobody.example'") == "421"
    shown = f"openssl s_client -connect {lab.address('web1')}:443 -servername nobody.example </dev/null 2>&1"
    assert not re.search("shop|ledger|docs", lab.run("probe", shown).out)


def test_tls_is_modern_and_no_header_is_said_twice(lab: Lab, web: WebServer) -> None:
    offer = f"openssl s_client -connect {lab.address('web1')}:443 -servername shop.example -cipher 'ALL:@SECLEVEL=0'"
    assert lab.run("probe", f"{offer} -tls1_2 </dev/null").ok
    assert not lab.run("probe", f"{offer} -tls1_1 </dev/null").ok
    head = ask(lab, "https://ledger.example/own.php", "-D - -o /dev/null").lower()
    assert [name for name in HEADERS if head.count(f"{name}:") != 1] == []
    assert "x-frame-options: deny" in head
    assert re.search(r"server: (nginx|apache)\s", head)
    assert "x-powered-by" not in head
    assert ask(lab, "https://ledger.example/own.php", "-u ann:x") == "ann"
    assert status(lab, "https://shop.example/", "-X TRACE") == "405"


def test_what_is_no_page_is_not_shown(lab: Lab, web: WebServer) -> None:
    urls = " ".join(f"https://ledger.example/{name}" for name in LEFT)
    seen = lab.run("probe", f"for u in {urls}; do curl -sko /dev/null -w '%{{http_code}} ' $u; done").out.split()
    assert seen == ["404"] * len(LEFT)
    assert ask(lab, "https://ledger.example/secret.txt").strip() == SECRET  # so this test can fail
    uploads = "https://shop.example/wp-content/uploads"
    assert ask(lab, f"{uploads}/pic.png").strip() == "here"
    assert {status(lab, f"{uploads}/{name}") for name in ("run.php", "run.php/x", "run.PHP", "dump.sql", "")} == {"404"}
    assert status(lab, "https://docs.example/page/30.css/x.php") == "404"
    assert "30.css" not in ask(lab, "https://ledger.example/.git/")


def test_a_link_leads_to_no_neighbour(lab: Lab, web: WebServer) -> None:
    assert "Seawall docs" in ask(lab, "https://docs.example/page/")
    assert SECRET not in ask(lab, "https://docs.example/link.txt")
    lab.run("web1", f"ln -sfn {DOCS}/index.html {DOCS}/own.html; chown -h docs: {DOCS}/own.html")
    assert "Seawall docs" in ask(lab, "https://docs.example/own.html")


def test_an_application_behind_it_is_told_who_asks(lab: Lab, web: WebServer) -> None:
    seen = ask(lab, "https://app.docs.example/", f"-4 -H 'X-Forwarded-For: 192.0.2.9' {to(lab, 'app.docs.example')}")
    assert seen == f"for {lab.address('probe')} by https"


def test_maintenance_is_for_everybody_but_the_host_itself(lab: Lab, web: WebServer) -> None:
    here = "curl -sko /dev/null -w '%{http_code}' --resolve ledger.example:443:127.0.0.1 https://ledger.example/"
    lab.run("web1", "touch /etc/seawall/maintenance/ledger.example")
    said, inside = ask(lab, "https://ledger.example/", "-D -"), lab.run("web1", here).out
    lab.run("web1", "rm /etc/seawall/maintenance/ledger.example")
    assert re.search(r"^HTTP/\S+ 503", said)
    assert {"retry-after: 30", "cache-control: no-store"} <= set(said.lower().splitlines())
    assert "Back in a moment" in said
    assert inside == "200"
    assert status(lab, "https://ledger.example/") == "200"
    assert status(lab, "https://ledger.example/maintenance.html") == "404"


def serves_docs(lab: Lab, *, holds: bool) -> None:
    """Raises Failed where that does not come true: after a reload the old workers answer for a moment."""
    late = Failed(f"docs.example is {'not ' * holds}served", hint="look at the web server of web1")
    wait_until(lambda: ("Seawall docs" in ask(lab, "https://docs.example/")) is holds, timeout=10, late=late)


def test_an_activation_switches_sites_on(lab: Lab, web: WebServer) -> None:
    """The functions that its steps are made of, on the host itself: no installation, no other host."""
    for folder in ("drp", "backups", "effects", "estate"):
        there = lab.guest("web1").root / "root/seawall" / folder
        shutil.copytree(Path(drp.__file__).parents[1] / folder, there, dirs_exist_ok=True)
    lab.run("web1", f"rm {web.enabled('docs.example')}; systemctl reload {web.unit}")
    serves_docs(lab, holds=False)
    name = next(name for name, server in WEB_SERVERS.items() if server is web)
    assert lab.run("web1", ["python3", "-c", SWITCH, name]).out.split() == ["False", "True", "True", "True"]
    serves_docs(lab, holds=True)


def test_a_faulty_file_never_reaches_it(lab: Lab, web: WebServer) -> None:
    broken = f"{web.sites}/broken.conf"
    lab.run("web1", f"echo nonsense > {broken}")
    outcome = deployed(lab)
    lab.run("web1", f"rm {broken}")
    assert "broken.conf" in outcome.error
    assert status(lab, "https://ledger.example/") == "200"
    assert deployed(lab).ok


def test_it_is_hardly_exposed_and_its_logs_go_on_after_rotation(lab: Lab, web: WebServer) -> None:
    said = lab.run("web1", f"systemd-analyze security --no-pager {web.unit}").out
    level = re.search(r"Overall exposure level.*: ([0-9.]+)", said)
    assert level
    assert float(level[1]) <= 2.5
    assert lab.run("web1", "logrotate -f /etc/logrotate.d/seawall-vhosts").ok
    late = Failed("nothing is written to the new log", hint="look at /var/log/vhosts on web1")
    tail = "tail -n 1 /var/log/vhosts/ledger.example/access.log"
    wait_until(
        lambda: status(lab, "https://ledger.example/after") == "404" and "/after" in lab.run("web1", tail).out,
        timeout=10, late=late,
    )  # fmt: skip


def test_who_guesses_scans_or_speaks_no_http_is_banned_by_apaches_jails_too(lab: Lab) -> None:
    """nginx's are in test_harden_net.py."""
    guarded = "/etc/apache2/conf-enabled/zz-guarded.conf"
    lab.run("web1", f"cat > {guarded}; systemctl reload apache2", stdin=GUARDED)
    guess, scan, noise, auth = (another(lab, tail) for tail in (11, 12, 13, 14))
    there = f"shop.example:443:{lab.address('web1')}"
    curl = f"curl -sko /dev/null --resolve {there} --interface"
    lab.run("probe", f"for n in $(seq 11); do {curl} {guess} -d log=a -d pwd=b https://shop.example/wp-login.php; done")
    lab.run("probe", f"{curl} {scan} 'https://shop.example/x[1-70].php'")
    garbage = f"printf '\\026\\003\\001\\r\\n\\r\\n' | curl -s --interface {noise} telnet://{lab.address('web1')}:80"
    lab.run("probe", f'for n in $(seq 6); do timeout 2 sh -c "{garbage}"; done')
    lab.run("probe", f"for n in $(seq 11); do {curl} {auth} -u ann:x https://shop.example/private; done")
    misled = f"{curl} {another(lab, 17)} -H 'Host: docs.example' https://shop.example/"
    lab.run("probe", f"for n in $(seq 6); do {misled}; done")
    lab.run("web1", f"rm {guarded}; systemctl reload apache2")
    is_banned(lab, "seawall-login", guess)
    is_banned(lab, "seawall-scan", scan)
    is_banned(lab, "apache-bad-request", noise)
    is_banned(lab, "apache-auth", auth)
    assert not lab.run("web1", f"ipset test f2b-apache-auth-inet {another(lab, 17)}").ok


def test_what_apache_learned_by_hand_it_forgets(lab: Lab) -> None:
    lab.run("web1", "a2enmod -q userdir autoindex; a2ensite -q 000-default; systemctl restart apache2")
    modules = "apache2ctl -M 2>/dev/null | grep -oE '(userdir|autoindex|proxy_fcgi)_module'"
    assert len(lab.run("web1", modules).out.split()) == 3  # so this test can fail
    assert deployed(lab).ok
    assert lab.run("web1", modules).out.split() == ["proxy_fcgi_module"]
    assert "000-default" not in lab.run("web1", "apache2ctl -S 2>/dev/null").out
    assert deployed(lab).changes == 0


def test_a_server_of_somebody_else_is_not_replaced(lab: Lab) -> None:
    """Its unit has no drop-in of ours."""
    lab.run("web1", "mv /etc/systemd/system/apache2.service.d /root/; systemctl daemon-reload")
    choose(lab, Web.NGINX)
    outcome = deployed(lab)
    lab.run("web1", "mv /root/apache2.service.d /etc/systemd/system/; systemctl daemon-reload")
    assert "apache2 serves here with sites that are not the estate's" in outcome.error
    assert "Seawall docs" in ask(lab, "https://docs.example/")


def test_a_server_that_does_not_start_gives_way_to_the_old_one(lab: Lab) -> None:
    drop_in = "/etc/systemd/system/nginx.service.d/zz.conf"
    lab.run("web1", f"printf '[Service]\\nExecStartPre=/bin/false\\n' > {drop_in}")
    outcome = deployed(lab)
    lab.run("web1", f"rm {drop_in}; systemctl daemon-reload")
    assert "nginx" in outcome.error
    assert "server: apache" in ask(lab, "https://docs.example/", "-I").lower()
    assert lab.run("web1", "systemctl is-enabled nginx apache2").out.split() == ["masked", "enabled"]


def test_a_run_that_died_between_the_two_is_completed_and_all_of_it_survives_a_reboot(lab: Lab) -> None:
    lab.run("web1", "systemctl -q mask --now apache2")
    assert status(lab, "https://docs.example/") == "000"
    counted(lab, "web1")
    lab.run("web1", "systemctl -q unmask apache2; rm -r /etc/systemd/system/apache2.service.d")  # as apt leaves it
    assert changes(counted(lab, "web1"))["web1"] > 0
    lab.reboot("web1")
    late = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=30, late=late)
    assert "server: nginx" in ask(lab, "https://docs.example/", "-I").lower()
    assert lab.run("web1", "systemctl is-enabled nginx apache2").out.split() == ["enabled", "masked"]
    assert changes(counted(lab, "web1")) == {"web1": 0}
    assert lab.run("web1", "systemctl --failed --no-legend").out == ""


def flood(lab: Lab, source: str, url: str, *, options: str = "") -> list[str]:
    """The status of each of many requests, over few connections."""
    where = f"--resolve docs.example:443:{lab.address('web1')} --interface {source} {options}"
    said = lab.run("probe", f"curl -skZ --max-time 60 {where} -o /dev/null -w '%{{http_code}}\\n' '{url}'", timeout=90)
    return said.out.split()


def test_who_asks_too_often_gets_429_then_nothing(lab: Lab) -> None:
    visitor, flooder = another(lab, 15), another(lab, 16)
    pages = [flood(lab, visitor, "https://docs.example/page/[1-30].css") for _ in range(10)]
    assert set().union(*pages) == {"200"}
    seen = flood(lab, flooder, "https://docs.example/page/?[1-1200]")
    assert {"200", "429"} <= set(seen)
    is_banned(lab, "nginx-limit-req", flooder)
    assert flood(lab, visitor, "https://docs.example/page/[1-30].css") == ["200"] * 30
    ours = ["curl", "-skZ", "--resolve", f"docs.example:443:{lab.address('web1')}", "-o", "/dev/null"]
    said = attempt([*ours, "-w", "%{http_code}\n", "https://docs.example/page/?[1-1200]"], timeout=90)
    assert set(said.out.split()) == {"200"}


def test_a_login_is_tried_ten_times_by_a_whole_network_of_ipv6(lab: Lab) -> None:
    six = lab.plan.addresses("probe")[1]
    lab.run("probe", f"ip addr replace {six}1/64 dev eth0 nodad")
    post = "for n in $(seq 6); do curl -sk6o /dev/null -w '%{{http_code}} ' --interface {} -d a=b {}; done"
    seen = [lab.run("probe", post.format(who, "https://docs.example/login")).out.split() for who in (six, f"{six}1")]
    assert "429" not in seen[0]
    assert seen[1][-1] == "429"
    assert status(lab, "https://docs.example/") == "200"


def test_a_pair_serves_with_one_server(lab: Lab) -> None:
    text = lab.estate_file.read_text(encoding="utf-8")
    lab.estate_file.write_text(text.replace('[hosts.web1]\nweb = "nginx"', '[hosts.web1]\nweb = "apache"'), "utf-8")
    refused = harden(lab, "web1")
    lab.estate_file.write_text(text, encoding="utf-8")
    assert refused.code == 2
    assert 'hosts.twin1.web: "web1" has "apache", and this is its twin' in refused.err
