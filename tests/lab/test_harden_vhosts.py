"""Vhosts against each other and against visitors: crossings that are tried, services that change, a vhost that goes.

In pairs: of two vhosts with a service of their own, and of two with pools, one is broken into and tries its neighbour.
"""

import json
import re
from collections.abc import Iterator

import pytest
from beginnings import hardened
from hardening import changes, counted, harden, own_lab, ssh_port_answers
from neighbours import POOLS, SECRET, SESSION, UNITS, USERS, added, edited, fill, get, notices, pid, put, status

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

KEPT = "/var/backups/seawall/removed"
PACE = 0.1  # seconds between two requests of a visitor: he looks, and is no flood that limits would answer


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Hardened, with four vhosts more: added to the estate, deployed once, and given their content."""
    with own_lab(("web1", "probe"), above=hardened()) as made:
        made.estate_file.write_text(added(made.estate_file.read_text(encoding="utf-8")), encoding="utf-8")
        counted(made, "web1")
        for pair in (UNITS, POOLS):
            fill(made, *pair)
        yield made


def test_vhosts_are_added_with_one_deploy(lab: Lab) -> None:
    assert [get(lab, domain) for domain in (UNITS[1], POOLS[1])] == ["mine", "mine"]
    assert changes(counted(lab, "web1")) == {"web1": 0}


@pytest.mark.parametrize(
    ("evil", "good", "own", "theirs"),
    [
        (*UNITS, "/run/seawall-php/evil/fpm.sock", "/run/seawall-php/good/fpm.sock"),
        (*POOLS, "/run/php/evilp.sock", "/run/php/goodp.sock"),
        (UNITS[0], POOLS[1], "/run/seawall-php/evil/fpm.sock", "/run/php/goodp.sock"),
        (POOLS[0], UNITS[1], "/run/php/evilp.sock", "/run/seawall-php/good/fpm.sock"),
    ],
    ids=["unit", "pool", "unit to pool", "pool to unit"],
)
def test_who_breaks_into_a_vhost_gets_nothing_of_its_neighbour(
    lab: Lab, evil: str, good: str, own: str, theirs: str
) -> None:
    assert SECRET in get(lab, good, "/secret.php")  # it is served, compiled and cached
    victim = lab.run("web1", f"pgrep -n -u {USERS[good]} php-fpm").out.strip()
    assert victim
    said = get(lab, evil, f"/spy.php?victim={good}&socket={theirs}&own={own}&pid={victim}")
    seen = json.loads(said)
    assert seen.pop("own file") == "mine"  # so this test can fail
    assert seen.pop("own temporary file") == "1"
    assert (seen.pop("own socket") == "true") is (evil in UNITS)  # a pool's socket is the web server's alone
    assert {what: got for what, got in seen.items() if got not in ("false", "[]")} == {}


def test_past_what_php_forbids_the_user_of_a_pool_has_no_right_to_a_neighbour(lab: Lab) -> None:
    def can(command: str) -> bool:
        """A shell where pools run."""
        inside = f"nsenter -t {pid(lab, 'php*-fpm.service')} -m -i runuser -u evilp -- sh -c '{command}'"
        return lab.run("web1", inside).ok

    assert can(f"cat /srv/vhosts/{POOLS[0]}/public/mine.txt && kill -0 $$")  # so this test can fail
    assert not can("ls /srv/vhosts")  # whose names are there
    for good, socket in ((UNITS[1], "/run/seawall-php/good/fpm.sock"), (POOLS[1], "/run/php/goodp.sock")):
        get(lab, good)  # so that a process of its is there
        victim = lab.run("web1", f"pgrep -n -u {USERS[good]} php-fpm").out.strip()
        assert lab.run("web1", f"test -S {socket} && cat /srv/vhosts/{good}/{SESSION} /proc/{victim}/environ").ok
        for crossing in (
            f"cat /srv/vhosts/{good}/public/secret.php", f"cat /srv/vhosts/{good}/{SESSION}",
            f"ls /srv/vhosts/{good}", f"cat /var/log/vhosts/{good}/php.log", f"ls /var/log/vhosts/{good}",
            f"ln /srv/vhosts/{good}/public/secret.php /srv/vhosts/{POOLS[0]}/stolen",
            f"kill -0 {victim}", f"cat /proc/{victim}/cmdline", f"ls /proc/{victim}/root/", f"test -w {socket}",
        ):  # fmt: skip
            assert not can(crossing), crossing


def test_for_a_unit_no_neighbour_exists(lab: Lab) -> None:
    """A shell where its PHP runs: what is there once open_basedir and the forbidden functions are got around."""

    def sees(command: str) -> str:
        inside = f"nsenter -t {pid(lab, 'seawall-php-evil.service')} -m -i runuser -u evil -- sh -c '{command}'"
        result = lab.run("web1", inside)
        return result.out.strip() or f"exit {result.code}"

    assert sees("cat /srv/vhosts/evil.docs.example/public/mine.txt") == "mine"  # so this test can fail
    assert sees("ls /srv/vhosts /var/log/vhosts").split() == [
        "/srv/vhosts:", "evil.docs.example", "/var/log/vhosts:", "evil.docs.example",
    ]  # fmt: skip
    assert sees("ls /etc/seawall /etc/seawall/php").split() == [
        "/etc/seawall:",
        "php",
        "/etc/seawall/php:",
        "evil.conf",
    ]
    assert set(sees("stat -c %U /proc/[0-9]*").split()) == {"evil"}
    assert sees("touch /etc/x /usr/x /var/x 2>/dev/null; echo $?") == "1"
    assert sees("ls /tmp; ls /dev/shm; echo nothing") == "nothing"
    assert sees("ls /etc/nginx /var/spool/cron 2>/dev/null; echo $?") == "2"
    assert sees('echo "* * * * * true" | crontab - 2>/dev/null; echo $?') == "1"
    assert sees("cd /srv/vhosts/evil.docs.example/tmp; cp /bin/true x; ./x 2>/dev/null; echo $?") == "126"
    facts = lab.run("web1", f"cat /proc/{pid(lab, 'seawall-php-evil.service')}/status").out
    assert re.search(r"NoNewPrivs:\s1\nSeccomp:\s2", facts)
    assert re.search(r"CapBnd:\s0{16}\n", facts)


def test_a_unit_has_the_limits_of_the_estate(lab: Lab) -> None:
    shown = lab.run("web1", "systemctl show -p MemoryMax -p CPUQuotaPerSecUSec -p TasksMax seawall-php-evil").out
    assert set(shown.split()) == {f"MemoryMax={256 * 1024 * 1024}", "CPUQuotaPerSecUSec=500ms", "TasksMax=32"}


def test_services_are_hardly_exposed(lab: Lab) -> None:
    for unit in ("nginx.service", "seawall-php-evil.service"):
        said = lab.run("web1", f"systemd-analyze security --no-pager {unit}").out
        level = re.search(r"Overall exposure level.*: ([0-9.]+)", said)
        assert level
        assert float(level[1]) <= 2.5


def test_a_service_that_dies_comes_back(lab: Lab) -> None:
    before = pid(lab, "seawall-php-good.service")
    lab.run("web1", "systemctl kill -s KILL seawall-php-good.service")
    late = Failed("it stays down", hint="journalctl -u seawall-php-good")
    wait_until(lambda: get(lab, UNITS[1]) == "mine", timeout=20, late=late)
    assert pid(lab, "seawall-php-good.service") not in (before, "0")


def test_logs_are_their_vhosts_alone_and_survive_rotation(lab: Lab) -> None:
    def reads(user: str, domain: str) -> bool:
        return lab.run("web1", f"runuser -u {user} -- cat /var/log/vhosts/{domain}/access.log").ok

    def tail() -> str:
        return lab.run("web1", f"tail -n 1 /var/log/vhosts/{UNITS[1]}/access.log").out

    assert reads("good", UNITS[1])
    assert not reads("evil", UNITS[1])
    assert lab.run("web1", "logrotate -f /etc/logrotate.d/seawall-vhosts").ok
    late = Failed("nothing is written to the new log", hint="look at /var/log/vhosts on web1")
    wait_until(lambda: status(lab, UNITS[1], "/after") == "200" and "/after" in tail(), timeout=10, late=late)
    assert reads("good", UNITS[1])
    assert not reads("evil", UNITS[1])
    put(lab, UNITS[1], "public/broken.php", "<?php error_log('said aloud');")
    get(lab, UNITS[1], "/broken.php")
    assert "said aloud" in lab.run("web1", f"cat /var/log/vhosts/{UNITS[1]}/php.log").out
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_only_names_that_are_served_get_an_answer(lab: Lab) -> None:
    assert status(lab, UNITS[1], options="-H 'Host: nobody.example'") == "421"
    assert status(lab, "nobody.example") == "000"
    plain = f"curl -so /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{lab.address('web1')}/x -H 'Host: "
    assert lab.run("probe", f"{plain}nobody.example'").out.split() == ["000"]
    assert lab.run("probe", f"{plain}{UNITS[1]}'").out.split() == ["301", f"https://{UNITS[1]}/x"]


def test_tls_is_modern_and_answers_carry_their_headers(lab: Lab) -> None:
    address = lab.address("web1")
    offer = f"openssl s_client -connect {address}:443 -servername {UNITS[1]} -cipher 'ALL:@SECLEVEL=0' </dev/null"
    assert lab.run("probe", f"{offer} -tls1_2").ok
    assert not lab.run("probe", f"{offer} -tls1_1").ok
    head = get(lab, UNITS[1], options="-I").lower()
    for header in ("strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy"):
        assert header in head
    assert re.search(r"server: nginx\s", head)
    assert "x-powered-by" not in head


def test_what_is_no_page_is_not_shown(lab: Lab) -> None:
    for name in (".env", "config.php.bak", "dump.sql", "config.php~"):
        put(lab, UNITS[1], f"public/{name}", SECRET)
        assert status(lab, UNITS[1], f"/{name}") == "404"
    put(lab, UNITS[1], "public/page.txt", "shown")
    assert get(lab, UNITS[1], "/page.txt") == "shown"
    assert status(lab, UNITS[1], "/files/none.php") == "404"
    assert status(lab, UNITS[1], "/page.txt/x.php") == "404"


def test_a_certificate_is_made_up_until_the_real_one_comes(lab: Lab) -> None:
    document = counted(lab, "web1")
    assert "no quota" not in notices(document)  # so that the next test can fail
    assert f"{UNITS[0]} has a certificate that nobody trusts" in notices(document)
    assert "docs.example has a certificate" not in notices(document).replace(UNITS[0], "").replace(UNITS[1], "")
    tls = "/etc/seawall/tls"
    lab.run("web1", f"cp {tls}/docs.example/*.pem {tls}/{UNITS[0]}/")
    document = counted(lab, "web1")
    assert f"{UNITS[0]} has" not in notices(document)
    served = f"openssl s_client -connect {lab.address('web1')}:443 -servername {UNITS[0]} </dev/null 2>/dev/null"
    assert "DNS:docs.example" in lab.run("probe", f"{served} | openssl x509 -noout -ext subjectAltName").out


def test_a_quota_that_can_not_be_is_said_and_no_error(lab: Lab) -> None:
    edited(lab, r"(user = \"evil\".*?tasks = 32)", r"\1, disk_mb = 100")
    assert "no quota: the file system of /srv/vhosts (overlay)" in notices(counted(lab, "web1"))


def test_a_vhost_changes_between_unit_and_pool_and_no_visitor_notices(lab: Lab) -> None:
    where = f"--resolve '{UNITS[1]}:443:{lab.address('web1')}'"
    visit = f"curl -skf {where} https://{UNITS[1]}/ || echo BROKEN"
    visits = f"while [ ! -e /root/stop ]; do {visit}; sleep {PACE}; done > /root/visits"
    lab.run("probe", f'rm -f /root/stop; systemd-run --quiet --unit=visits sh -c "{visits}"')
    for old, new in (("unit", "pool"), ("pool", "unit")):
        edited(lab, rf'(user = "good"\nruntime = "php"\nphp = )"{old}"', rf'\1"{new}"')
        assert changes(counted(lab, "web1"))["web1"] > 0
        assert lab.run("web1", "systemctl is-active seawall-php-good.service").ok is (new == "unit")
        assert lab.run("web1", "ls /etc/php/*/fpm/pool.d/good.conf").ok is (new == "pool")
    lab.run("probe", "touch /root/stop")
    late = Failed("the visitor never ends", hint="look at visits.service on the probe")
    wait_until(lambda: not lab.run("probe", "systemctl is-active visits").ok, timeout=20, late=late)
    seen = lab.run("probe", "cat /root/visits").out
    assert "mine" in seen
    assert "BROKEN" not in seen
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_vhost_that_leaves_the_estate_is_named_and_stays(lab: Lab) -> None:
    refused = harden(lab, "web1", "--remove", UNITS[0])
    assert refused.code != 0
    assert "is a vhost of web1" in refused.err
    edited(lab, rf'\[vhosts\."{UNITS[0]}"\].*?expect = "mine" }}\n', "")
    assert f"{UNITS[0]} is on this host and not in the estate" in notices(counted(lab, "web1"))
    assert get(lab, UNITS[0], "/mine.txt") == "mine"
    assert f"/srv/vhosts/{UNITS[0]}/public/files" in lab.run("web1", "cat /etc/seawall/uploads").out


def test_it_all_survives_a_reboot(lab: Lab) -> None:
    lab.reboot("web1")
    late = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=30, late=late)
    assert [get(lab, domain) for domain in (UNITS[1], POOLS[1])] == ["mine", "mine"]
    assert changes(counted(lab, "web1")) == {"web1": 0}
    assert lab.run("web1", "systemctl --failed --no-legend").out == ""


def test_a_vhost_whose_copy_fails_is_left_as_it_is(lab: Lab) -> None:
    lab.run("web1", f"mkdir -p {KEPT}; mount -t tmpfs -o ro none {KEPT}")
    failed = harden(lab, "web1", "--remove", UNITS[0])
    lab.run("web1", f"umount {KEPT}")
    assert failed.code == 7
    assert f"{UNITS[0]} could not be copied" in failed.err
    assert get(lab, UNITS[0], "/mine.txt") == "mine"
    assert json.loads(get(lab, UNITS[0], "/spy.php?victim=x&socket=x&own=x&pid=1"))["own file"] == "mine"


def test_a_vhost_is_removed_when_asked_and_its_copy_is_whole(lab: Lab) -> None:
    lab.run("web1", "echo '1 2 * * * true' > /var/spool/cron/crontabs/evil")
    would = changes(counted(lab, "web1", "--dry-run", "--remove", UNITS[0]))
    assert would["web1"] > 0
    assert get(lab, UNITS[0], "/mine.txt") == "mine"
    assert f"{UNITS[0]} is gone" in notices(counted(lab, "web1", "--remove", UNITS[0]))
    assert lab.run("web1", f"stat -c %a {KEPT}/*").out.split() == ["600", "600"]
    listed = set(lab.run("web1", f"tar -tzf {KEPT}/*.tar.gz").out.split())
    assert {
        f"srv/vhosts/{UNITS[0]}/public/mine.txt", "var/spool/cron/crontabs/evil", "etc/seawall/php/evil.conf",
        f"etc/seawall/tls/{UNITS[0]}/privkey.pem", f"etc/nginx/sites-available/{UNITS[0]}.conf",
    } <= listed  # fmt: skip
    left = f"find / -xdev -name '*{UNITS[0]}*' -not -path '{KEPT}/*' -o -xdev -name '*seawall-php-evil.service*'"
    assert lab.run("web1", left).out == ""
    assert not lab.run("web1", "getent passwd evil").ok
    assert UNITS[0] not in lab.run("web1", "cat /etc/fstab /etc/seawall/uploads /proc/self/mountinfo").out
    assert status(lab, UNITS[0]) == "000"
    assert get(lab, UNITS[1]) == "mine"
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_removal_that_died_in_the_middle_is_completed(lab: Lab) -> None:
    edited(lab, rf'\[vhosts\."{POOLS[0]}"\].*?expect = "mine" }}\n', "")
    lab.run("web1", f"rm /etc/nginx/sites-*/{POOLS[0]}.conf /etc/php/*/fpm/pool.d/evilp.conf; userdel evilp")
    counted(lab, "web1", "--remove", POOLS[0])
    assert lab.run("web1", f"ls -d /srv/vhosts/{POOLS[0]} /etc/seawall/vhosts/{POOLS[0]}.json").out == ""
    assert get(lab, POOLS[1]) == "mine"
