"""What the lab would make, judged without making it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.zone
import pytest

from estate.model import Role, Side
from estate.problem import BadEstate, Missing
from inventory import load
from lab import identity, image, lab, making, names, record
from lab.estate_file import estate_file
from lab.layout import PLACES, SITES, Plan, chosen
from lab.record import Record
from lab.writer import Attempt, loss

PLAN = Plan("lab", 77, "bookworm")


def written_estate(directory: Path) -> Path:
    keys = {place.name: identity.ssh_key().public for place in PLACES}
    path = directory / "estate.toml"
    path.write_text(estate_file(PLAN, keys, {"alice": identity.ssh_key().public}), encoding="utf-8")
    return path


def test_the_lab_describes_itself_as_a_faultless_estate(tmp_path: Path) -> None:
    estate = load(written_estate(tmp_path))
    assert {host.role for host in estate.hosts.values()} == set(Role)
    assert estate.hosts["web1"].addresses == ("10.77.1.10", "fd00:77:1::10")
    assert estate.hosts["web1"].backup == {Side.EVEN: "vault-even", Side.ODD: "vault-odd"}
    assert set(estate.vhosts) == set(estate.zones) == set(SITES)
    assert "probe" not in estate.hosts


def test_losing_limburg_takes_production_and_one_backup_server_and_leaves_the_rest() -> None:
    assert {place.name for place in PLACES if place.datacenter == "limburg"} == {"web1", "vault-even"}


@pytest.mark.parametrize("zone", names.ZONES)
def test_every_zone_is_one_that_name_servers_load(zone: str) -> None:
    parsed = dns.zone.from_text(names.zone_file(PLAN, zone), origin=zone)
    parsed.check_origin()
    if zone in SITES:
        assert [str(item) for item in parsed.find_rdataset("@", "A")] == ["10.77.1.10"]
        assert parsed.find_rdataset("www", "AAAA").ttl == 10


@pytest.mark.parametrize("name", ["", "Lab", "1lab", "a/b", "..", "a" * 10, "lab-1"])
def test_a_name_that_could_not_name_a_link_is_refused(name: str) -> None:
    with pytest.raises(BadEstate, match="can't name a lab"):
        making.up(name, 99)


def test_a_host_that_no_lab_has_is_refused() -> None:
    with pytest.raises(BadEstate, match="no host web7"):
        making.up("lab", 99, hosts=["web1", "web7"])


def test_a_lab_of_some_hosts_keeps_their_order_and_of_none_has_all() -> None:
    assert chosen(["probe", "web1"]) == ("web1", "probe")
    assert chosen([]) == tuple(place.name for place in PLACES)


def test_a_visitor_without_name_servers_knows_the_zones_itself() -> None:
    assert "static-stub" in names.resolver(PLAN)
    alone = names.resolver(Plan("lab", 77, "bookworm", ("web1", "probe")))
    assert 'zone "shop.example" { type primary; file "/etc/bind/shop.example.zone"; };' in alone


def test_a_suite_without_an_image_is_refused() -> None:
    with pytest.raises(BadEstate, match="no suite sarge"):
        making.up("lab", 99, suite="sarge")


def test_the_machines_sources_become_those_of_another_suite_security_and_updates_too() -> None:
    text = "Types: deb\nURIs: http://bookworm.example/debian\nSuites: bookworm bookworm-updates\n"
    wanted = "Types: deb\nURIs: http://bookworm.example/debian\nSuites: trixie trixie-updates\n"
    assert image.for_suite(text, "bookworm", "trixie") == wanted
    line = "deb http://x.example/security bookworm-security main\ndeb http://x.example/debian bookworm main\n"
    assert image.for_suite(line, "bookworm", "trixie") == line.replace("bookworm", "trixie")


@pytest.mark.parametrize(
    "text", ["deb http://x.example/apt cloud-bookworm main\n", "Types: deb\nSuites: nodistro\n", ""]
)
def test_sources_of_others_than_debian_are_left_out(text: str) -> None:
    assert image.for_suite(text, "bookworm", "trixie") == ""


@pytest.mark.parametrize("network", [0, 255, -1, 1000])
def test_a_network_that_does_not_exist_is_refused(network: int) -> None:
    with pytest.raises(BadEstate, match="no network"):
        making.up("lab", network)


def test_a_lab_that_was_never_made_is_missing() -> None:
    with pytest.raises(Missing, match="seawall lab up --name nowhere"):
        lab.load("nowhere")


def test_without_root_the_first_words_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match="needs root"):
        making.up("norights", 99)


def test_missing_packages_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=r"apt-get install --yes iproute2 mmdebstrap .*systemd-container"):
        making.up("nopacks", 99)


def test_a_process_that_only_inherited_the_number_is_not_ours(tmp_path: Path) -> None:
    stat = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()} {stat[19]}", encoding="ascii")
    assert record.alive(pid_file) == os.getpid()
    pid_file.write_text(f"{os.getpid()} {int(stat[19]) + 1}", encoding="ascii")
    assert record.alive(pid_file) is None


def test_a_line_that_a_crash_cut_short_stands_for_nothing(tmp_path: Path) -> None:
    kept = Record(tmp_path / "record.jsonl")
    kept.add("mount", "/first")
    kept.add("mount", "/second")
    with kept.path.open("a", encoding="utf-8") as stream:
        stream.write('{"kind": "mount", "wh')
    assert kept.entries("mount") == ["/second", "/first"]


def test_only_rows_that_were_promised_can_be_lost() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    attempts = [Attempt(number, at, number != 3, timedelta(), "") for number in range(1, 6)]
    found = loss(attempts, {1, 2, 3})
    assert (found.acknowledged, found.present, found.lost) == (4, 3, (4, 5))


def test_only_a_host_that_is_booted_has_a_disk() -> None:
    assert making.with_disks(("web1",), ("web1", "probe")) == ("web1",)
    with pytest.raises(BadEstate, match="twin1 is not booted"):
        making.with_disks(("twin1",), ("web1", "probe"))
