"""What is made of what hosts and publishers say about patches. Nothing that is not known is called clean."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feeds import mirror
from test_playbooks_rules import a_host as a_host_of
from test_playbooks_rules import an_estate, data_of

from effects.fetch import fetch
from effects.onhost import patching as on_host
from effects.onhost import text
from effects.onhost.booting import in_window
from estate.model import Role
from estate.problem import BadEstate, Failed, Unmet, Unreachable
from inventory.data import host_data
from supervision import feeds as sources
from supervision.advisories import Rank, certfr_cves, certfr_names, dsa_list, opened
from supervision.feeds import Feeds
from supervision.patches import check, judge, silent
from supervision.patching import waves, worse

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
LINES = [
    "CVE-2026-31001 nginx (fixed, remotely exploitable, high urgency)",
    "CVE-2026-31001 nginx-common (fixed, remotely exploitable, high urgency)",
    "CVE-2026-31002 curl (fixed)",
    "CVE-2026-31003 less",
    "CVE-2026-31009 tar",
    "CVE-2026-31010 knot (remotely exploitable, high urgency)",
]


def a_host(**changed: Any) -> dict[str, Any]:
    at = (NOW - timedelta(days=3)).timestamp()
    seen = {"now": NOW.timestamp(), "stamps": {"fetched": at, "installed": at}, "held": [], "half": [], "restart": [],
            "reboot": [], "reboot_failed": False, "report": {}, "unknown": [], "cves": []}  # fmt: skip
    return seen | changed


def test_an_open_cve_ranks_by_who_warns_of_it() -> None:
    known = {"CVE-2026-31001": {"CERTFR-2026-ALE-014"}, "CVE-2026-31002": {"DSA-6101-1"}}
    found = opened(LINES, known)
    assert [(one.cve[-5:], one.rank, one.fixed) for one in found] == [
        ("31001", Rank.ALERT, True),
        ("31002", Rank.HIGH, True),
        ("31010", Rank.HIGH, False),
        ("31003", Rank.OTHER, False),
        ("31009", Rank.OTHER, False),
    ]
    assert found[0].packages == ("nginx", "nginx-common")


def test_publishers_are_read_as_they_write(tmp_path: Path) -> None:
    known = Feeds(mirror(tmp_path).as_uri(), cache=tmp_path / "cache").advisories()
    assert known["CVE-2026-31001"] == {"CERTFR-2026-ALE-014"}
    assert known["CVE-2026-31002"] == {"DSA-6101-1"}
    assert known["CVE-2026-30990"] == {"DSA-6100-1"}


@pytest.mark.parametrize("read", [dsa_list, certfr_names, certfr_cves])
def test_the_page_of_a_proxy_is_no_advisory(read: Any) -> None:
    with pytest.raises(Failed):
        read("<html><body>Please log in</body></html>")


def test_a_source_that_is_down_is_unknown_and_the_others_are_not(tmp_path: Path) -> None:
    (mirror(tmp_path) / "dsa/list").unlink()
    feeds = Feeds(tmp_path.as_uri(), cache=tmp_path / "cache")
    assert "CVE-2026-31001" in feeds.advisories()
    assert list(feeds.unknown) == ["Debian's advisories"]


def test_a_young_copy_stands_in_and_its_age_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    Feeds(mirror(tmp_path).as_uri(), cache=cache).advisories()
    (tmp_path / "dsa/list").unlink()
    monkeypatch.setattr(sources, "FRESH", -1.0)
    feeds = Feeds(tmp_path.as_uri(), cache=cache)
    assert "CVE-2026-31002" in feeds.advisories()
    assert list(feeds.old) == ["Debian's advisories"]
    monkeypatch.setattr(sources, "STALE", -1.0)
    feeds = Feeds(tmp_path.as_uri(), cache=cache)
    assert "CVE-2026-31002" not in feeds.advisories()
    assert list(feeds.unknown) == ["Debian's advisories"]


def test_junk_is_not_kept(tmp_path: Path) -> None:
    path = mirror(tmp_path) / "debsecan/bookworm"
    path.write_bytes(zlib.compress(b"<html>"))
    feeds = Feeds(tmp_path.as_uri(), cache=tmp_path / "cache")
    assert feeds.debsecan("bookworm") == b""
    assert list(feeds.unknown) == ["debsecan (bookworm)"]
    mirror(tmp_path)
    assert feeds.debsecan("bookworm")


def test_only_a_sender_that_can_be_trusted_is_asked(tmp_path: Path) -> None:
    with pytest.raises(BadEstate, match="anybody in between"):
        fetch("http://192.0.2.1/list", timeout=1, limit=1)
    (tmp_path / "large").write_bytes(b"x" * 100_000)
    with pytest.raises(Failed, match="larger"):
        fetch((tmp_path / "large").as_uri(), timeout=5, limit=1000)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"stamps": {"fetched": None, "installed": 1.0}}, "never patched"),
        ({"stamps": {"fetched": (NOW - timedelta(days=10)).timestamp(), "installed": NOW.timestamp()}}, "overdue"),
        ({"held": ["nginx"]}, "held back: nginx"),
        ({"half": ["nginx is half installed"]}, "half installed"),
        ({"report": {"faults": ["nginx.service does not come up again"]}}, "does not come up"),
        ({"reboot": ["a newer kernel"]}, r"a reboot is owed \(a newer kernel\), and .* leaves it to you"),
        ({"restart": ["nginx.service"]}, "not restarted since its files changed: nginx"),
        ({"restart": ["a", "b"], "report": {"at": NOW.timestamp() - 60, "left": ["b"]}}, r"changed: b\n"),
        ({"cves": LINES}, "CVE-2026-31001 in nginx, nginx-common: CERTFR-2026-ALE-014"),
    ],
)
def test_what_needs_somebody_is_said(changed: dict[str, Any], why: str) -> None:
    known = {"CVE-2026-31001": {"CERTFR-2026-ALE-014"}}
    check([judge("web1", a_host(), known)])
    with pytest.raises(Unmet, match=why):
        check([judge("web1", a_host(**changed), known)])


def test_a_reboot_that_comes_by_itself_needs_nobody_until_it_was_given_up() -> None:
    owed = a_host(reboot=["a newer kernel"])
    check([judge("web1", owed, {}, reboots=True)])
    check([judge("web1", a_host(reboot_failed=True), {}, reboots=True)])  # in the meantime somebody did it
    with pytest.raises(Unmet, match="given up; see: journalctl -u seawall-reboot"):
        check([judge("web1", owed | {"reboot_failed": True}, {}, reboots=True)])


def test_what_the_next_week_restarts_needs_nobody() -> None:
    check([judge("web1", a_host(restart=["nginx.service"], report={"at": NOW.timestamp() - 3600, "left": []}), {})])


def test_what_is_not_known_is_never_clean() -> None:
    with pytest.raises(Unreachable, match="debsecan"):
        check([judge("web1", a_host(), {}, ("debsecan: it does not answer",))])
    with pytest.raises(Unreachable, match="web1: gone"):
        check([silent("web1", Unreachable("gone", hint=""))])
    assert silent("web1", Unreachable("gone", hint="")).plain()["ok"] is False


def test_the_two_ends_of_a_pair_are_in_different_waves_the_twin_first() -> None:
    estate = an_estate()
    order = [[host.name for host in wave] for wave in waves(estate, list(estate.hosts.values()))]
    place = {name: n for n, wave in enumerate(order) for name in wave}
    assert place["twin"] < place["web"]
    assert place["even"] != place["odd"]


@pytest.mark.parametrize("role", [Role.DNS, Role.BASTION])
def test_those_that_stand_in_for_each_other_never_share_a_day(role: Role) -> None:
    some = {f"n{number}": a_host_of(f"n{number}", role, number) for number in range(7)}
    found = [host_data(replace(an_estate(), hosts=some), host) for host in some.values()]
    assert len({data["patch_day"] for data in found}) == len(some)
    assert len({data["patching"]["reboot_day"] for data in found}) == len(some)


@pytest.mark.parametrize("name", ["patching", "patch_state", "health", "surface", "uploads"])
def test_a_program_goes_to_its_host_in_one_piece(name: str) -> None:
    whole = text(name)
    compile(whole, name, "exec")
    assert not re.search(r"^(from|import) effects", whole, re.MULTILINE)


def test_what_was_not_asked_is_no_fault_and_what_answers_no_more_is() -> None:
    before = {"well": ["a", "b"], "unknown": [], "failed": ["old.service"]}
    assert worse(before, {"well": ["a"], "unknown": ["b"], "failed": ["old.service"]}) == ""
    assert worse(before, {"well": ["a"], "unknown": [], "failed": ["x"]}) == "b answers no more, x failed"


def test_a_pair_is_not_rebooted_on_one_day_either() -> None:
    days = {name: data_of(name)["patching"]["reboot_day"] for name in ("web", "twin", "even", "odd")}
    assert days["web"] != days["twin"]
    assert days["even"] != days["odd"]
    assert all(days[name] != data_of(name)["patch_day"] for name in days)


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [(["03:00", "05:00"], ["03:00", "04:59"], ["02:59", "05:00"]),
     (["23:00", "01:00"], ["23:00", "00:30"], ["22:59", "01:00", "12:00"])],
)  # fmt: skip
def test_a_window_may_go_over_midnight(window: list[str], inside: list[str], outside: list[str]) -> None:
    assert all(in_window(window, clock) for clock in inside)
    assert not any(in_window(window, clock) for clock in outside)


def test_services_are_restarted_from_the_bottom_up() -> None:
    units = ["ssh.service", "nginx.service", "cron.service", "seawall-php-shop.service", "postgresql@15-main.service"]
    assert sorted(units, key=on_host._rank) == [units[4], units[3], units[2], units[1], units[0]]
    assert [unit for unit in ("dbus.service", "seawall-drp@1.service", *units) if on_host.NEVER.match(unit)] == [
        "dbus.service", "seawall-drp@1.service"]  # fmt: skip
