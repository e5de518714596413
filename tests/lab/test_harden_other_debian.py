"""Hardening on the other Debian: what holds on this machine's own release holds there too."""

from collections.abc import Iterator

import pytest
from chain import install
from hardening import SITES, SUITE, TMP, changes, counted, executes, lets_in, own_lab, status, ways_in

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab
from lab.image import KNOWN_SUITES

pytestmark = pytest.mark.lab
OTHER = next(suite for suite in KNOWN_SUITES if suite != SUITE)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "probe"), suite=OTHER) as made:
        yield made


def test_it_is_the_other_debian_and_a_dry_run_there_changes_nothing(lab: Lab) -> None:
    assert f"VERSION_CODENAME={OTHER}" in lab.run("web1", "cat /etc/os-release").out
    assert changes(counted(lab, "web1", "--dry-run"))["web1"] > 30
    assert "password" in ways_in(lab, "web1", 22)


def test_it_is_hardened_and_a_second_run_changes_nothing(lab: Lab) -> None:
    assert changes(counted(lab, "web1"))["web1"] > 30
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_it_holds_there(lab: Lab) -> None:
    assert ways_in(lab, "web1", 2222) == "publickey"
    assert not executes(lab, "web1", TMP)
    assert [status(lab, f"https://{site}/") for site in SITES] == ["200"] * len(SITES)
    assert not lab.run("probe", f"timeout 2 bash -c '</dev/tcp/{lab.address('web1')}/3306'").ok


def test_a_reboot_keeps_it(lab: Lab) -> None:
    lab.reboot("web1")
    late = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: lets_in(lab, "web1"), timeout=60, late=late)
    settled = "systemctl is-system-running | grep -qxE 'running|degraded'"
    wait_until(lambda: lab.run("web1", settled).ok, timeout=60, late=Failed("it never starts up", hint="look at it"))
    assert lab.run("web1", "systemctl --failed --no-legend --plain").out == ""
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_wheels_of_another_python_are_refused_with_the_way_on(lab: Lab) -> None:
    said = install(lab)
    assert not said.ok
    assert "web1: toolkit: environment: these wheels are for another Python than Python 3." in said.err
    assert "seawall.wheels" in said.err
    assert not lab.run("web1", "ls -d /opt/seawall").ok
