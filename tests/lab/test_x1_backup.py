"""What is installed and what is saved, looked at as root on a production host who means harm."""

import re

import pytest
from chain import BORG, THERE, add_row, archives, estate_of, good, install, on, prepare, todays

from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

SECRETS = "/etc/seawall/secrets"
KILLED = "seawall-test-killed.service"


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    prepare(lab)


def url(lab: Lab, user: str, path: str, server: str = "vault-odd") -> str:
    return f"ssh://{user}@{lab.address(server)}:2222/srv/borg/{path}"


def borg(lab: Lab, host: str, *words: str, of: str = "web1") -> Result:
    """borg as root of `host` can call it: its key, the passphrase of `of`, and a memory of its own."""
    rsh = "ssh -i /etc/seawall/ssh/id_ed25519 -o BatchMode=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"
    env = [
        "BORG_BASE_DIR=/root/harm",
        f"BORG_PASSCOMMAND=cat {SECRETS}/passphrase.{of}",
        f"BORG_RSH={rsh}",
        "BORG_EXIT_CODES=modern",
        "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES",
    ]
    return lab.run(host, ["env", *env, BORG, *words], timeout=120)


def segments(lab: Lab, repository: str) -> dict[str, str]:
    """Checksums of a repository's data on its server."""
    said = lab.run("vault-odd", f"cd /srv/borg/{repository}/data && find . -type f -exec sha256sum {{}} +")
    assert said.ok, said.err
    return {path: digest for digest, path in (line.split() for line in said.out.splitlines())}


def test_installing_again_changes_nothing(lab: Lab) -> None:
    again = good(install(lab))
    assert {name: host["changes"] for name, host in again["hosts"].items()} == dict.fromkeys(
        ("web1", "twin1", "vault-even", "vault-odd"), 0
    )


def test_production_has_no_compiler_and_nothing_that_drives_other_hosts(lab: Lab) -> None:
    for module in ("pyinfra", "fabric", "hatchling"):
        assert "ModuleNotFoundError" in lab.run("web1", ["/opt/seawall/bin/python", "-c", f"import {module}"]).err
    assert lab.run("web1", ["/opt/seawall/bin/python", "-c", "import click, rich"]).ok
    assert not lab.run("web1", "command -v gcc || command -v cc || command -v clang").out


def test_only_root_reads_secrets(lab: Lab) -> None:
    for host in ("web1", "twin1"):
        assert lab.run(host, f"stat -c %a {SECRETS}").out.strip() == "700"
        modes = lab.run(host, f"stat -c '%a %U' {SECRETS}/* /etc/seawall/ssh/id_ed25519 /etc/seawall/estate.json").out
        assert set(modes.splitlines()) == {"600 root"}
    for vault in ("vault-even", "vault-odd"):
        assert not lab.run(vault, "ls -d /etc/seawall/secrets /etc/seawall/ssh /etc/seawall/estate.json").out


def test_a_host_holds_its_own_slice_and_its_partners_and_nothing_else(lab: Lab) -> None:
    mine = set(lab.run("web1", f"ls {SECRETS}").out.split())
    assert mine == {"passphrase.web1", "passphrase.twin1"}
    assert any(name.startswith("tsig.") for name in lab.run("twin1", f"ls {SECRETS}").out.split())
    piece = lab.run("web1", "cat /etc/seawall/estate.json").out
    assert '"twin1"' in piece
    assert not [name for name in ("ns1", "ns2", 'ssh_key": "') if name in piece]


def test_files_and_databases_are_saved_listed_and_in_time(lab: Lab) -> None:
    before = archives(lab)
    add_row(lab, 1001)
    files = good(on(lab, "web1", "backup", "files", "--json"))
    databases = good(on(lab, "web1", "backup", "databases", "--json"))
    assert {str(todays(lab))} <= {one["side"] for one in files}
    assert {(one["kind"], one["side"]) for one in databases} == {
        (engine, side) for engine in ("mariadb", "postgresql") for side in ("even", "odd")
    }
    assert all(one["error"] is None for one in files + databases)
    new = archives(lab) - before
    assert new == {(one["archive"], one["side"]) for one in files + databases}
    status = good(on(lab, "web1", "backup", "status", "--json"))
    assert status["level"] == "ok"
    assert [(host["host"], host["trouble"]) for host in status["hosts"]] == [("web1", [])]


def test_the_first_archive_of_files_is_on_both_sides(lab: Lab) -> None:
    sides = {side for name, side in archives(lab) if ".files." in name}
    assert sides == {"even", "odd"}


def test_no_secret_is_seen_in_a_process_list_or_in_a_log(lab: Lab) -> None:
    values = "\n".join(
        line
        for path in sorted((lab.directory / "secrets").iterdir())
        for line in path.read_text(encoding="utf-8").split()
    )
    assert len(values) > 20
    look = f"{THERE} backup databases > /run/said 2>&1 & while kill -0 $!; do ps axeww; done | grep -cF -f /run/values"
    for host in ("web1", "twin1", "vault-even", "vault-odd"):
        lab.run(host, "umask 077; cat > /run/values", stdin=values)
    assert lab.run("web1", f"cat {SECRETS}/* | grep -cF -f /run/values").out.strip() != "0"  # so this test can fail
    assert lab.run("web1", look, timeout=120).out.strip() == "0"
    for host in ("web1", "twin1", "vault-even", "vault-odd"):
        said = lab.run(
            host, "{ cat /run/said; journalctl --no-pager --all; cat /var/log/*.log; } | grep -cF -f /run/values"
        )
        lab.run(host, "rm -f /run/values /run/said")
        assert said.out.strip() == "0", host


def test_root_on_production_can_neither_delete_nor_compact(lab: Lab) -> None:
    victim = max(name for name, side in archives(lab) if side == "odd" and ".files." in name)
    there, repository = segments(lab, "web1/files"), url(lab, "borg-web1", "web1/files")
    assert "refused: deleting" in borg(lab, "web1", "delete", f"{repository}::{victim}").err
    borg(lab, "web1", "compact", "--threshold=0", repository)
    assert there.items() <= segments(lab, "web1/files").items()
    assert (victim, "odd") in archives(lab)


def test_a_key_opens_no_shell(lab: Lab) -> None:
    ssh = "ssh -i /etc/seawall/ssh/id_ed25519 -p 2222 -o BatchMode=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"
    for host, user in (("web1", "borg-web1"), ("twin1", "borg-web1-ro")):
        said = lab.run(host, f"{ssh} {user}@{lab.address('vault-odd')} 'id; cat /etc/passwd' < /dev/null")
        assert "uid=" not in said.out
        assert "root:" not in said.out
    assert not lab.run("web1", f"{ssh} root@{lab.address('vault-odd')} id").ok


def test_who_only_knocks_is_not_banned_from_the_backups(lab: Lab) -> None:
    knock = f"for n in $(seq 12); do timeout 2 bash -c '</dev/tcp/{lab.address('vault-odd')}/2222'; done"
    assert lab.run("twin1", knock).ok
    assert not good(on(lab, "twin1", "backup", "list", "--host=web1", "--json"))["faults"]
    assert lab.address("twin1") not in lab.run("vault-odd", "fail2ban-client get sshd banip").out


def test_a_key_opens_no_other_hosts_repository(lab: Lab) -> None:
    assert borg(lab, "web1", "list", url(lab, "borg-web1", "web1/files")).ok  # so this test can fail
    for user in ("borg-web1", "borg-twin1"):
        said = borg(lab, "web1", "list", url(lab, user, "twin1/files"), of="twin1")
        assert not said.ok
        assert "2026-" not in said.out


def test_the_twin_reads_and_can_neither_write_nor_delete(lab: Lab) -> None:
    before = archives(lab)
    repository, name = url(lab, "borg-web1-ro", "web1/files"), max(n for n, s in before if s == "odd" and "files" in n)
    assert borg(lab, "twin1", "list", "--bypass-lock", repository).ok
    out = lab.run("twin1", "rm -rf /root/out; mkdir /root/out; cd /root/out && true")
    assert out.ok
    listed = borg(lab, "twin1", "extract", "--bypass-lock", "--stdout", f"{repository}::{name}", "etc/hostname")
    assert listed.out.strip() == "web1"
    for harm in (
        ("create", f"{repository}::web1.files.2027-01-01T00:00:00Z", "/etc/hostname"),
        ("create", "--bypass-lock", f"{repository}::web1.files.2027-01-01T00:00:00Z", "/etc/hostname"),
        ("delete", f"{repository}::{name}"),
        ("delete", "--bypass-lock", f"{repository}::{name}"),
        ("compact", repository),
    ):
        assert not borg(lab, "twin1", *harm).ok, harm
    assert archives(lab) == before


@pytest.mark.parametrize("whom", ["all", "main"])
def test_the_run_after_a_killed_one_is_whole(lab: Lab, whom: str) -> None:
    before = archives(lab)
    run = f"systemd-run --quiet --collect --unit={KILLED} -p KillMode=process {THERE} backup databases"
    assert lab.run("web1", run).ok
    late = Failed("no archive was ever begun", hint="look at web1")
    wait_until(lambda: lab.run("web1", "pgrep -f 'bin/borg create'").ok, timeout=60, late=late, every=0.02)
    assert lab.run("web1", f"systemctl kill --kill-whom={whom} -s KILL {KILLED}").ok
    assert not good(on(lab, "twin1", "backup", "list", "--host=web1", "--json"))["faults"]  # whoever needs it now
    taken = good(on(lab, "web1", "backup", "databases", "--json"))
    assert len(taken) == 4
    assert not [one for one in taken if one["error"]]
    found = archives(lab)
    assert {(one["archive"], one["side"]) for one in taken} <= found
    assert before <= found
    names = borg(lab, "web1", "list", "--consider-checkpoints", "--short", url(lab, "borg-web1", "web1/databases")).out
    assert not re.search(r"checkpoint", names)


def test_a_host_without_a_slice_says_what_to_type(lab: Lab) -> None:
    said = on(lab, "vault-odd", "backup", "files")
    assert said.code == 3
    assert "seawall install" in said.err
    assert estate_of(lab).hosts["web1"].twin == "twin1"
