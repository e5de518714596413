"""What is written for a vhost, and what is run to remove one; and names that are attacks never come that far."""

import shlex
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path, PurePosixPath

import pytest
from saved_estate import lab_estate

from effects.run import attempt
from estate.model import Estate
from estate.policy import Limits, Php
from estate.problem import BadEstate, Refused
from inventory import load
from inventory.data import VhostData, host_data
from playbooks.nginx import site
from playbooks.owners import handing_over
from playbooks.php import pool, socket, unit
from playbooks.quota import hard_limits
from playbooks.removal import script
from seawall.commands.harden import require_removable

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
HEAD = '[vhosts."shop.example"]'
ATTACKS = [
    "../../etc",
    "../../etc/passwd.example",
    "; rm -rf /",
    "shop.example; rm -rf /",
    "$(reboot).example",
    "`reboot`.example",
    "shop.example\\nroot.example",
    "{{ 7 * 7 }}.example",
    "{% include '/etc/shadow' %}",
    "shop\\u2024example",
    "shop\\u3002example",
    "sh\\u00f6p.example",
    "-rf.example",
    ".example",
    "shop.example.",
    "shop..example",
    "*.example",
    "a" * 300,
    f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example",
    "",
]


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return lab_estate(tmp_path)


def changed(estate: Estate, domain: str = "shop.example", **settings: object) -> VhostData:
    """A vhost of web1 with other settings."""
    vhost = replace(estate.vhosts[domain], **settings)  # type: ignore[arg-type]  # fields of Vhost
    other = replace(estate, vhosts={**estate.vhosts, domain: vhost})
    return next(data for data in host_data(other, other.hosts["web1"])["vhosts"] if data["domain"] == domain)


def row(domain: str = "shop.example", user: str = "shop", *paths: str) -> dict[str, object]:
    return {"domain": domain, "user": user, "directory": f"/srv/vhosts/{domain}", "uploads": [],
            "certificates": f"/etc/seawall/tls/{domain}", "paths": list(paths)}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_that_is_an_attack_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "estate.toml"
    text = EXAMPLE.replace(HEAD, f'[vhosts."{name}"]')
    path.write_text(text, encoding="utf-8")
    line = text.splitlines().index(f'[vhosts."{name}"]') + 1
    with pytest.raises(BadEstate) as caught:
        load(path)
    assert f"estate.toml:{line}: " in str(caught.value)


@pytest.mark.parametrize("setting", ["user", "root", "uploads", "paths", "aliases"])
def test_an_attack_elsewhere_in_a_vhost_is_refused_too(tmp_path: Path, setting: str) -> None:
    path = tmp_path / "estate.toml"
    for attack in ("x; reboot", "../../etc", "a\\nb", "{{ 7 }}", "$(id)"):
        value = f'"{attack}"' if setting in ("user", "root") else f'["{attack}"]'
        head, _, rest = EXAMPLE.partition(HEAD)
        table, gap, tail = rest.partition("\n\n")
        kept = [line for line in table.splitlines() if not line.startswith(f"{setting} ")]
        lines = [f"{head}{HEAD}", f"{setting} = {value}", *kept[1:]]
        path.write_text("\n".join(lines) + gap + tail, encoding="utf-8")
        with pytest.raises(BadEstate) as caught:
            load(path)
        assert f"estate.toml:{len(head.splitlines()) + 2}: " in str(caught.value)


def test_nothing_of_a_faulty_estate_reaches_a_host(tmp_path: Path) -> None:
    path = tmp_path / "estate.toml"
    path.write_text(EXAMPLE.replace(HEAD, '[vhosts."$(reboot).example"]'), encoding="utf-8")
    seawall = str(Path(sys.executable).with_name("seawall"))
    result = attempt([seawall, "harden", "--estate", str(path)], timeout=30)
    assert result.code == BadEstate.exit_code
    assert "connect" not in result.err


def test_a_unit_sees_its_own_directory_and_what_it_may_write(estate: Estate) -> None:
    text = unit(changed(estate), "8.2")
    assert "BindPaths=-/srv/vhosts/shop.example -/var/log/vhosts/shop.example\n" in text
    assert "ReadWritePaths=-/etc/wordpress/config-shop.example.php\n" in text
    absent = [line for line in text.splitlines() if line.startswith(("ReadWritePaths", "BindPaths", "Inaccessible"))]
    assert all(path.startswith("-") for line in absent for path in line.partition("=")[2].split())


def test_limits_of_the_estate_are_those_of_the_unit(estate: Estate) -> None:
    data = changed(estate, limits=Limits(memory_mb=200, cpu_percent=30, tasks=20))
    text = unit(data, "8.2")
    assert {"MemoryMax=200M", "CPUQuota=30%", "TasksMax=20"} <= set(text.splitlines())
    assert "pm.max_children = 5\n" in pool(data)
    assert "pm.max_children = 2\n" in pool(changed(estate, limits=Limits(memory_mb=16)))


def test_a_pool_names_its_user_and_a_unit_is_its_user(estate: Estate) -> None:
    own, shared = changed(estate), changed(estate, php=Php.POOL)
    assert "\nuser = shop\n" in pool(shared)
    assert "\nuser = " not in pool(own)
    assert socket(own) != socket(shared)
    for data in (own, shared):
        assert f"fastcgi_pass unix:{socket(data)};" in site(data)
        assert f"listen = {socket(data)}\n" in pool(data)


def test_a_vhost_that_is_not_php_has_no_service(estate: Estate) -> None:
    assert changed(estate, "docs.example")["service"] is None
    assert "fastcgi_pass" not in site(changed(estate, "docs.example"))


def test_what_a_neighbour_uses_too_is_not_removed() -> None:
    alone = script(row("a.example", "a", "/etc/a.php", "/etc/both.php"), [], {}, "/kept")
    assert "userdel a" in alone
    assert "/etc/both.php" in alone
    other = row("b.example", "b", "/etc/both.php")
    assert "/etc/both.php" not in script(row("a.example", "a", "/etc/a.php", "/etc/both.php"), [other], {}, "/kept")
    for shared in (
        script(row("a.example", "a"), [row("b.example", "a")], {}, "/kept"),
        script(row("a.example", "a"), [], {"a": "b.example"}, "/kept"),
    ):
        assert "userdel" not in shared
        assert "seawall-php-a" not in shared
        assert "pkill" not in shared


def test_the_removal_is_a_script_that_a_shell_can_read() -> None:
    text = script(row("a.example", "a", "/etc/a.php"), [], {}, "/kept/a.tar.gz")
    assert attempt(["sh", "-n"], stdin=text, timeout=10).ok
    assert shlex.split(text.partition("for path in ")[2].partition(";")[0])[0] == "/srv/vhosts/a.example"


def test_only_what_the_estate_does_not_have_on_that_host_is_removed(estate: Estate) -> None:
    web1, vault = estate.hosts["web1"], estate.hosts["vault-even"]
    require_removable(estate, [web1], ["gone.example"])
    require_removable(estate, [vault], ["shop.example"])  # it moved away from there
    with pytest.raises(Refused, match=r"shop\.example is a vhost of web1"):
        require_removable(estate, [web1], ["gone.example", "shop.example"])
    with pytest.raises(BadEstate, match="where"):
        require_removable(estate, [], ["gone.example"])
    with pytest.raises(BadEstate, match="is no domain"):
        require_removable(estate, [web1], ["../../etc"])


def test_quotas_are_read_as_repquota_says_them() -> None:
    head = "User,BlockStatus,FileStatus,BlockUsed,BlockSoftLimit,BlockHardLimit,BlockGrace,FileUsed"
    assert hard_limits([head, "shop,ok,ok,20,102400,102400,,3", "docs,ok,ok,20,0,0,,3"]) == {"shop": 102400, "docs": 0}


def test_a_document_root_outside_gets_its_content_from_the_vhosts_directory(estate: Estate) -> None:
    root = PurePosixPath("/usr/share/wordpress")
    assert "root /srv/vhosts/shop.example;" in site(changed(estate, root=root))


def test_a_vhost_that_changes_hands_takes_nothing_from_a_user_who_has_another(estate: Estate) -> None:
    alone, shared = (handing_over(changed(estate), "old", alone=alone) for alone in (True, False))
    for text in (alone, shared):
        assert attempt(["sh", "-n"], stdin=text, timeout=10).ok
        assert 'chown -RhP --from=old shop "$path"' in text
        assert "for path in /srv/vhosts/shop.example /var/log/vhosts/shop.example /etc/wordpress/" in text
    for act in ("userdel old", "pkill -KILL -U old", "seawall-php-old.service", "/var/spool/cron"):
        assert act in alone
        assert act not in shared
