"""The pure parts of the playbooks: what is written, before any host is touched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest

from effects.reach import known_hosts_line
from estate.backups import BackupPolicy
from estate.model import Check, Control, Drp, Estate, Host, Role, Runtime, Side, Tickets, Vhost
from estate.problem import BadEstate, Failed, Missing, Unreachable, Untrusted
from inventory.data import HostData, VhostData, host_data, known_ports
from playbooks.drive import Outcome, check, drive
from playbooks.nginx import site
from playbooks.php import pool

PAIR = {Side.EVEN: "even", Side.ODD: "odd"}
CONTROL = ("10.0.0.1", "fd00::1")


def a_host(name: str, role: Role, number: int, *, twin: str | None = None, pair: dict[Side, str] | None = None) -> Host:
    addresses = IPv4Address(f"10.0.1.{number}"), IPv6Address(f"fd00:1::{number}")
    return Host(name, role, "here", *addresses, 2222, f"ssh-ed25519 KEY{number}", twin, pair or {}, None)


def a_vhost(domain: str = "shop.example", *, root: str | None = None, uploads: Sequence[str] = ()) -> Vhost:
    directory = PurePosixPath("/srv/vhosts") / domain
    return Vhost(domain, (f"www.{domain}",), "web", domain.split(".", maxsplit=1)[0], Runtime.PHP, None,
                 PurePosixPath(root) if root else directory / "public", tuple(directory / each for each in uploads),
                 (), 1, Check("/", "ok"))  # fmt: skip


def an_estate(*vhosts: Vhost) -> Estate:
    hosts = [
        a_host("web", Role.PRODUCTION, 1, twin="twin", pair=PAIR),
        a_host("twin", Role.DRP, 2, pair=PAIR),
        a_host("even", Role.BACKUP, 3),
        a_host("odd", Role.BACKUP, 4),
        a_host("ns", Role.DNS, 5),
        a_host("stranger", Role.PRODUCTION, 6),
    ]
    return Estate("test", ZoneInfo("UTC"), Control(CONTROL, "/key"), ("here",), {host.name: host for host in hosts},
                  {vhost.domain: vhost for vhost in vhosts}, {}, {}, BackupPolicy(time(2), timedelta(hours=2)),
                  Drp({"alice": ()}, Tickets(file="/tickets"), None))  # fmt: skip


def data_of(name: str, *vhosts: Vhost) -> HostData:
    estate = an_estate(*vhosts)
    return host_data(estate, estate.hosts[name])


def vhost_data(vhost: Vhost) -> VhostData:
    return data_of("web", vhost)["vhosts"][0]


def sources(name: str, port: int) -> set[str]:
    return {source for opening in data_of(name)["openings"] if opening["port"] == port for source in opening["sources"]}


def test_ssh_is_open_to_control_and_on_backup_servers_to_who_uses_them() -> None:
    assert sources("web", 2222) == set(CONTROL)
    assert sources("even", 2222) == {*CONTROL, "10.0.1.1", "fd00:1::1", "10.0.1.2", "fd00:1::2"}


@pytest.mark.parametrize(("name", "ports"), [("web", {80, 443}), ("twin", {80, 443}), ("ns", {53}), ("odd", set())])
def test_each_role_opens_its_own_ports_to_everybody(name: str, ports: set[int]) -> None:
    assert {opening["port"] for opening in data_of(name)["openings"] if not opening["sources"]} == ports


def test_the_two_ends_of_a_pair_are_never_patched_on_one_day() -> None:
    day = {name: data_of(name)["patch_day"] for name in ("web", "twin", "even", "odd")}
    assert day["web"] != day["twin"]
    assert day["even"] != day["odd"]


def test_an_estate_without_a_control_key_drives_no_host() -> None:
    estate = replace(an_estate(), control=Control(CONTROL, None))
    with pytest.raises(Missing, match="control key"):
        host_data(estate, estate.hosts["web"])


def test_a_packaged_application_gets_its_content_from_the_vhosts_directory() -> None:
    text = site(vhost_data(a_vhost(root="/usr/share/wordpress", uploads=["wp-content/uploads"])))
    assert "location ^~ /wp-content/ {\n        root /srv/vhosts/shop.example;" in text


def test_uploads_below_the_document_root_are_inert() -> None:
    assert "location ^~ /files/ {" in site(vhost_data(a_vhost(uploads=["public/files"])))


def test_a_pool_reads_its_vhost_and_its_application_and_nothing_else() -> None:
    text = pool(vhost_data(a_vhost(root="/usr/share/wordpress")))
    assert "open_basedir] = /srv/vhosts/shop.example:/usr/share/wordpress:/usr/share/php\n" in text


def test_known_hosts_know_both_ports() -> None:
    data = data_of("web")
    assert known_ports(data) == (2222, 22)
    lines = [known_hosts_line(data["ssh_hostname"], port, data["host_key"]) for port in known_ports(data)]
    assert lines == ["[10.0.1.1]:2222 ssh-ed25519 KEY1\n", "10.0.1.1 ssh-ed25519 KEY1\n"]


def an_outcome(host: str, kind: str = "") -> Outcome:
    return Outcome(
        host, ok=not kind, operations=1, changes=0, seconds=1.0, error=f"{host} broke" if kind else "", kind=kind
    )


def test_no_hosts_is_a_failure() -> None:
    with pytest.raises(BadEstate):
        drive([], ["harden"])


def test_one_bad_host_is_named_and_the_worst_kind_decides() -> None:
    check({"a": an_outcome("a")})
    with pytest.raises(Unreachable, match=r"1 of 2 hosts(.|\n)*b: b broke"):
        check({"a": an_outcome("a"), "b": an_outcome("b", "unreachable")})
    with pytest.raises(Failed):
        check({"a": an_outcome("a", "failed"), "b": an_outcome("b", "unreachable")})
    with pytest.raises(Untrusted):
        check({"a": an_outcome("a", "failed"), "b": an_outcome("b", "untrusted")})
