"""Hardening when something is wrong: rules that lock us out, hosts that are down or foreign, changes made by hand."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hardening import (
    SEAWALL,
    TMP,
    changes,
    copied_estate,
    counted,
    executes,
    harden,
    lets_in,
    own_lab,
    ssh_port_answers,
)

from effects.clock import wait_until
from effects.run import attempt
from estate.problem import Failed
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import drive

pytestmark = pytest.mark.lab
SSHD = "/etc/ssh/sshd_config"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Hardened once; each test leaves it so."""
    with own_lab() as made:
        counted(made)
        yield made


@pytest.fixture
def other_estate(lab: Lab, tmp_path: Path) -> Path:
    return copied_estate(lab, tmp_path)


def comes_back(lab: Lab, host: str) -> None:
    late = Failed("still locked out", hint=f"look at {host}")
    wait_until(lambda: lets_in(lab, host), timeout=30, late=late)


def test_an_estate_that_forgets_control_is_undone_by_the_host_itself(lab: Lab, other_estate: Path) -> None:
    text = other_estate.read_text(encoding="utf-8")
    other_estate.write_text(re.sub(r"(?m)^addresses = .*$", 'addresses = ["192.0.2.1"]', text), encoding="utf-8")
    result = harden(lab, "ns1", estate=other_estate)
    assert result.code == 7, result.err
    assert "ns1" in result.err
    assert "hint:" in result.err
    assert not lets_in(lab, "ns1")  # so this test can fail
    comes_back(lab, "ns1")
    counted(lab, "ns1")
    assert changes(counted(lab, "ns1")) == {"ns1": 0}


def test_a_firewall_that_locks_control_out_is_undone_by_the_host_itself(lab: Lab) -> None:
    estate = load(lab.estate_file)
    data = host_data(estate, estate.hosts["ns1"])
    spoiled = data | {"control": ["192.0.2.1"], "openings": []}
    outcome = drive([spoiled], ["firewall"])["ns1"]
    assert "no new login is possible" in outcome.error
    assert not ssh_port_answers(lab, "ns1")  # so this test can fail
    comes_back(lab, "ns1")
    assert changes(counted(lab, "ns1")) == {"ns1": 0}


def test_what_waits_to_be_confirmed_is_undone_at_a_boot(lab: Lab) -> None:
    """The host goes down while a change that locks us out is on its disk, and no timer is left to undo it."""
    before = lab.run("ns1", f"cat {SSHD}").out
    tried = f"""set -e
        d=/var/lib/seawall/guard/sshd; mkdir -p $d; cp -p {SSHD} $d/before
        echo "cp -p $d/before {SSHD}; systemctl --no-block reload ssh || :" > $d/undo
        /usr/local/lib/seawall/guard arm sshd
        sed -i 's/^Port .*/Port 2299/' {SSHD}"""
    assert lab.run("ns1", tried).ok
    assert lab.run("ns1", f"cat {SSHD}").out != before
    lab.reboot("ns1")
    comes_back(lab, "ns1")
    assert lab.run("ns1", f"cat {SSHD}").out == before
    assert changes(counted(lab, "ns1")) == {"ns1": 0}


def test_a_way_back_that_broke_off_is_gone_to_its_end_by_the_next_run(lab: Lab) -> None:
    """And it is not written over: what it would put back then is the change that nobody has confirmed."""
    before = lab.run("ns1", f"cat {SSHD}").out
    broken = f"""set -e
        d=/var/lib/seawall/guard/sshd; cp -p {SSHD} $d/before
        echo "[ -e /run/mended ] && cp -p $d/before {SSHD} && systemctl --no-block reload ssh" > $d/undo
        touch $d/undoing; echo 'PermitTTY no' >> {SSHD}"""
    assert lab.run("ns1", f"{broken}; touch /run/mended").ok
    assert changes(counted(lab, "ns1"))["ns1"] >= 1
    assert lab.run("ns1", f"cat {SSHD}").out == before
    assert lab.run("ns1", "ls /var/lib/seawall/guard/sshd/undoing").code != 0


def test_a_second_driver_leaves_the_way_back_of_the_first_alone(lab: Lab) -> None:
    state = "/var/lib/seawall/guard/pam"
    armed = f"mkdir -p {state}; echo true > {state}/undo; /usr/local/lib/seawall/guard arm pam"
    assert lab.run("ns1", armed).ok
    second = lab.run("ns1", "/usr/local/lib/seawall/pam try seawall-faillock")
    assert second.code != 0
    assert "another change of pam waits to be confirmed" in second.err
    assert lab.run("ns1", f"cat {state}/undo").out == "true\n"
    assert changes(counted(lab, "ns1"))["ns1"] == 1  # it has waited
    assert changes(counted(lab, "ns1"))["ns1"] == 0


def test_what_roots_own_shell_says_is_no_answer(lab: Lab) -> None:
    lab.run("ns1", "cp -p /root/.bashrc /root/.kept; sed -i '1i echo hello' /root/.bashrc")
    said = counted(lab, "ns1")
    lab.run("ns1", "mv /root/.kept /root/.bashrc")
    assert changes(said) == {"ns1": 0}


def test_a_host_that_gives_no_sensible_answer_does_not_end_the_run_of_the_others(lab: Lab) -> None:
    """Whoever is root there can make its programs say anything."""
    liar = '#!/bin/sh\n[ "$1" = passwd ] || exec /usr/bin/getent "$@"\necho nonsense\n'
    lab.run("ns1", "cat > /usr/local/bin/getent; chmod 755 /usr/local/bin/getent", stdin=liar)
    document = json.loads(harden(lab, "--json", "ns1", "ns2").out)
    lab.run("ns1", "rm /usr/local/bin/getent")
    assert document["hosts"]["ns2"]["ok"]
    assert "is not understood" in document["hosts"]["ns1"]["error"]
    counted(lab, "ns1")


def test_a_reload_that_a_dead_run_owed_is_done(lab: Lab) -> None:
    lab.run("web1", "touch /etc/nginx/conf.d/seawall.conf")
    assert changes(counted(lab, "web1")) == {"web1": 1}
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_what_somebody_changed_by_hand_is_put_right(lab: Lab) -> None:
    lab.run("web1", "iptables -I SEAWALL 1 -p tcp --dport 3306 -j ACCEPT; mount -o remount,bind,exec /tmp")
    lab.run("web1", "rm /etc/fail2ban/jail.d/seawall.local")
    assert changes(counted(lab, "--dry-run", "web1"))["web1"] >= 3
    assert changes(counted(lab, "web1"))["web1"] >= 3
    assert "3306" not in lab.run("web1", "iptables -S SEAWALL").out
    assert not executes(lab, "web1", TMP)
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_user_whose_processes_run_is_put_right_too(lab: Lab) -> None:
    lab.run("web1", "sed -i -E 's#^(shop:.*):/srv/vhosts/shop.example:.*#\\1:/home/shop:/bin/sh#' /etc/passwd")
    assert lab.run("web1", "getent passwd shop").out.endswith(":/home/shop:/bin/sh\n")
    assert "shop" in lab.run("web1", "ps -eo user=").out.split()
    assert changes(counted(lab, "web1")) == {"web1": 1}
    assert lab.run("web1", "getent passwd shop").out.endswith(":/srv/vhosts/shop.example:/usr/sbin/nologin\n")


def test_a_broken_site_never_reaches_nginx(lab: Lab) -> None:
    lab.run("web1", "echo nonsense > /etc/nginx/conf.d/other.conf")
    result = harden(lab, "web1")
    lab.run("web1", "rm /etc/nginx/conf.d/other.conf")
    assert result.code == 7
    assert "other.conf" in result.err
    assert lab.run("probe", "curl -sf https://docs.example/").ok
    counted(lab, "web1")


def test_a_host_that_is_down_is_named_and_holds_up_nobody(lab: Lab) -> None:
    lab.halt("ns2")
    result = harden(lab, "--json")
    lab.boot("ns2")
    document = json.loads(result.out)
    assert result.code == 4
    assert "ns2" in result.err
    assert [name for name, host in document["hosts"].items() if not host["ok"]] == ["ns2"]


def test_a_host_with_another_key_is_not_talked_to(lab: Lab, other_estate: Path, tmp_path: Path) -> None:
    attempt(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(tmp_path / "other")], timeout=20)
    other = " ".join((tmp_path / "other.pub").read_text(encoding="utf-8").split()[:2])
    text = other_estate.read_text(encoding="utf-8")
    pinned = re.search(r'(?s)\[hosts\.ns1\].*?host_key = "([^"]*)"', text)
    assert pinned
    other_estate.write_text(text.replace(pinned[1], other), encoding="utf-8")
    result = harden(lab, "ns1", estate=other_estate)
    assert result.code == 5, result.err
    assert "ns1" in result.err
    assert "Traceback" not in result.err


def test_a_mistyped_host_is_a_fault_with_a_suggestion(lab: Lab) -> None:
    result = harden(lab, "web2")
    assert result.code == 2
    assert "did you mean web1" in result.err


def test_ctrl_c_ends_the_child_too(lab: Lab) -> None:
    # A runner in the background hands its children an ignored SIGINT; a terminal does not.
    argv = ["env", "--default-signal=INT", SEAWALL, "harden", "--estate", str(lab.estate_file)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # connected: the child runs
        children = attempt(["ps", "-o", "pid=", "--ppid", str(process.pid)], timeout=10).out.split()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert children
    assert not [pid for pid in children if Path("/proc", pid).exists()]
