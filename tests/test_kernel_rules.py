"""What is written of mounts and of the kernel's settings, before any host is touched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.kernel import against, first_for_users, settings
from playbooks.mounts import DATA, INERT, PLACES, PROC, declared, fstab, missing
from playbooks.watch import GENERATED
from templates import render

HIDDEN = (*INERT, "hidepid=invisible", "gid=994")

words = st.text("abcdef/,=-0", min_size=1, max_size=8)
entries = st.lists(words, min_size=6, max_size=6).map(" ".join)
own_places = st.sampled_from(sorted(PLACES)).map(lambda place: f"/dev/sdb1 {place} ext4 defaults 0 2")
fstabs = st.lists(st.one_of(entries, own_places, st.just("# a comment"), st.just("")), unique=True).map("\n".join)


@given(fstabs, st.sets(st.sampled_from(sorted(PLACES))))
def test_fstab_makes_every_place_safe_once_and_stays_as_it_is_then(text: str, memory: set[str]) -> None:
    safe = fstab(text, PLACES, sorted(memory))
    assert fstab(safe, PLACES, sorted(memory)) == safe
    for place in PLACES:
        lines = [line.split() for line in safe.splitlines() if line.split()[1:2] == [place] and line[0] != "#"]
        assert lines
        assert all(set(PLACES[place]) <= set(fields[3].split(",")) for fields in lines)


@given(fstabs)
def test_fstab_keeps_every_line_that_is_not_about_these_places(text: str) -> None:
    others = [line for line in text.splitlines() if not set(line.split()) & set(PLACES)]
    kept = fstab(text, PLACES).splitlines()
    assert [line for line in kept if line in others][: len(others)] == others


def test_a_file_system_below_the_clients_files_is_no_way_around() -> None:
    text = (
        "/dev/sdb1 /srv/vhosts ext4 defaults 0 2\n/dev/sdc1 /mnt ext4 defaults 0 2\n/dev/sdd1 /boot ext4 defaults 0 2\n"
    )
    wanted = declared(text, {"/srv": DATA, "/srv/vhosts/a/uploads": INERT})
    assert list(wanted.items()) == [
        ("/boot", INERT), ("/srv", DATA), ("/srv/vhosts", DATA), ("/srv/vhosts/a/uploads", INERT)
    ]  # fmt: skip
    safe = fstab(text, wanted)
    assert "/dev/sdb1 /srv/vhosts ext4 defaults,nosuid,nodev 0 2\n/dev/sdc1 /mnt ext4 defaults 0 2\n" in safe


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("proc /proc proc defaults 0 0", "proc /proc proc defaults,nosuid,nodev,noexec,hidepid=invisible,gid=994 0 0"),
        ("proc /proc proc hidepid=1,gid=4 0 0", "proc /proc proc gid=4,nosuid,nodev,noexec,hidepid=invisible 0 0"),
        ("p /proc proc nosuid,nodev,noexec,hidepid=2,gid=4", "p /proc proc nosuid,nodev,noexec,hidepid=2,gid=4"),
    ],
)  # fmt: skip
def test_an_administrators_own_line_for_proc_hides_too_and_keeps_its_group(line: str, mended: str) -> None:
    assert fstab(f"{line}\n", {PROC: HIDDEN}) == f"{mended}\n"


def test_the_options_of_older_kernels_count_too() -> None:
    assert missing([*INERT, "hidepid=2", "gid=994"], HIDDEN) == ()
    assert missing(["rw", "gid=994"], HIDDEN) == (*INERT, "hidepid=invisible")


def rendered(*, strict: bool) -> dict[str, str]:
    return settings(render("sysctl.conf.j2", strict_routing=strict, first_for_users=2223))


def test_settings_that_break_routed_addresses_are_asked_for() -> None:
    assert rendered(strict=False)["net.ipv4.conf.all.rp_filter"] == "2"
    assert rendered(strict=True)["net.ipv4.conf.all.rp_filter"] == "1"
    assert {key for key in rendered(strict=True).keys() - rendered(strict=False).keys() if "default" not in key} == {
        f"net.{key.format(name)}" for name in ("all", "*")
        for key in (
            *("ipv4.conf.{}.arp_ignore", "ipv4.conf.{}.arp_announce", "ipv4.conf.{}.arp_filter"),
            *("ipv4.conf.{}.drop_gratuitous_arp", "ipv6.conf.{}.accept_ra", "ipv6.conf.{}.accept_ra_defrtr"),
            *("ipv6.conf.{}.accept_ra_pinfo", "ipv6.conf.{}.accept_ra_rtr_pref", "ipv6.conf.{}.autoconf"),
            *("ipv6.conf.{}.max_addresses", "ipv6.conf.{}.router_solicitations"),
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    ("port", "used", "first"),
    [
        (2222, [80, 443, 2222, 8080], 2223),
        (2222, [2000], 1024),  # a program of the estate's, which may be any user's
        (22, [], 1024),
        (22022, [], 1024),  # MariaDB and PostgreSQL take theirs as users
    ],
)
def test_no_user_takes_sshs_port_unless_something_else_needs_one_below(port: int, used: list[int], first: int) -> None:
    assert first_for_users(port, used) == first


def test_no_setting_is_said_twice() -> None:
    keys = re.findall(r"(?m)^([^#\s]+) =", render("sysctl.conf.j2", strict_routing=True, first_for_users=2223))
    assert len(keys) == len(set(keys)) > 50


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("net.ipv4.tcp_syncookies=0", True),
        (" net/ipv4/tcp_syncookies = 0", True),
        ("-net.ipv4.tcp_syncookies = 0", True),
        ("net.ipv4.conf.eth0.rp_filter = 0", True),
        ("net/ipv4/conf/eth0.100/rp_filter = 0", True),
        ("net.ipv4.tcp_syncookies = 1", False),
        ("# net.ipv4.tcp_syncookies = 0", False),
        ("vm.swappiness = 0", False),
        ("nonsense", False),
    ],
)
def test_what_another_file_says_against_ours_is_found(said: str, found: bool) -> None:
    seen = list(against([f"/etc/sysctl.conf:7:{said}"], rendered(strict=False)))
    assert seen == ([("/etc/sysctl.conf", 7)] if found else [])


def test_what_packages_generate_is_named_narrowly() -> None:
    explained = [re.compile(f"^{path}") for path in GENERATED]
    for path in (
        "/boot/grub/grub.cfg",
        "/etc/systemd/system/a.target.wants/b.service",
        "/usr/lib/modules/6.1/modules.dep",
    ):
        assert any(pattern.match(path) for pattern in explained), path
    for path in ("/etc/passwd", "/usr/bin/ssh", "/etc/systemd/system/evil.service", "/boot/vmlinuz-6.1"):
        assert not any(pattern.match(path) for pattern in explained), path
