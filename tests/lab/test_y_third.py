"""A third copy in a real S3 server, judged as who has lost both backup servers, and as who has robbed one of them.

The lab is one backup server and the probe, in whose network the S3 server runs. The tests run in the order of the file.
"""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chain import toolkit
from hardening import SEAWALL, own_lab
from s3 import ACCESS, S3, SECRET, s3_server

from backups.third import settings as third_settings
from backups.third.store import Store, store
from effects.run import Result, attempt
from estate.problem import Missing, Refused, Untrusted
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import check, drive
from seawall.commands.install import third_data

pytestmark = pytest.mark.lab
VAULT = "vault-odd"
HERE = "/srv/borg/web1/files"
BORG = "BORG_PASSPHRASE=secret BORG_BASE_DIR=/tmp/borg /opt/seawall/bin/borg"
SEAL = "0123456789abcdef0123456789abcdef"
THIRD = """
[third_copy]
endpoint = "{endpoint}"
bucket = "third"
access_key = {{ file = "secrets/s3.access" }}
secret_key = {{ file = "secrets/s3.secret" }}
seal = {{ file = "secrets/third.seal" }}
servers = ["vault-odd"]
trust = "s3.pem"
"""
Out = list[dict[str, Any]]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab((VAULT, "probe")) as made:
        yield made


@pytest.fixture(scope="module")
def s3(lab: Lab) -> Iterator[S3]:
    with s3_server(lab) as server:
        _ask_for_it(lab, server)
        yield server


def _ask_for_it(lab: Lab, server: S3) -> None:
    for name, value in {"s3.access": ACCESS, "s3.secret": SECRET, "third.seal": SEAL}.items():
        path = lab.directory / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(f"{value}\n", encoding="utf-8")
    shutil.copy(server.certificate, lab.directory / "s3.pem")
    with lab.estate_file.open("a", encoding="utf-8") as file:
        file.write(THIRD.format(endpoint=server.endpoint))


def typed(lab: Lab, *words: str) -> Result:
    """On the control machine."""
    return attempt([SEAWALL, "backup", "third", *words, "--estate", str(lab.estate_file)], timeout=120)


def copied(lab: Lab) -> str:
    """On the backup server, as its timer does it; what it said where it failed."""
    seen = "journalctl -qu seawall-third -o cat --cursor-file=/run/cursor"
    return lab.run(
        VAULT, f"{seen} > /dev/null; systemctl start seawall-third || {seen} | grep -v new.files", timeout=120
    ).out


def listed(lab: Lab) -> Out:
    result = typed(lab, "list", "--json")
    assert result.ok, result.err
    found: Out = json.loads(result.out)
    return found


def saved(lab: Lab, name: str, content: str) -> None:
    """An archive more, as its client makes it."""
    script = f"mkdir -p /root/live && cat > /root/live/{name} && cd /root && {BORG} create {HERE}::{name} live"
    done = lab.run(VAULT, f"{script} && chown -R borg-web1:borg-web1 {HERE}", stdin=content)
    assert done.ok, done.err


def bucket(lab: Lab) -> Store:
    return store(third_settings.of(load(lab.estate_file), lab.directory))


def fetched(lab: Lab, into: Path, *words: str) -> list[str]:
    """The archives of a copy that was fetched to here, opened by borg with nothing but its passphrase."""
    result = typed(lab, "fetch", VAULT, "web1", "files", "--into", str(into), *words)
    assert result.ok, result.err
    borg = Path(SEAWALL).with_name("borg")
    known = {"BORG_PASSPHRASE": "secret", "BORG_BASE_DIR": str(into.parent / "base"), "PATH": "/usr/bin:/bin",
             "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}  # fmt: skip
    out = attempt([str(borg), "list", "--short", str(into)], timeout=60, env=known)
    assert out.ok, out.err
    extracted = into.parent / "extracted"
    shutil.rmtree(extracted, ignore_errors=True)
    extracted.mkdir()
    names = out.out.split()
    assert attempt([str(borg), "extract", f"{into}::{names[0]}"], timeout=60, env=known, cwd=extracted).ok
    assert (extracted / "live" / names[0]).read_text(encoding="utf-8") == f"content of {names[0]}"
    return names


def test_a_backup_server_gets_what_it_needs_and_a_second_run_changes_nothing(lab: Lab, s3: S3) -> None:
    estate = load(lab.estate_file)
    vault = estate.hosts[VAULT]
    bare = {
        "wheels": toolkit(),
        "packages": ["seawall"],
        "slice": "",
        "known_hosts": "",
        "secrets": {},
        "clients": {},
        "quotas": {},
    }
    data: Any = {**host_data(estate, vault), **bare, **third_data(lab.estate_file, estate, vault)}
    for deploy in ("install", "vault"):
        check(drive([data], [deploy]))
    assert [outcome.changes for outcome in drive([data], ["vault"]).values()] == [0]
    assert lab.run(VAULT, "stat -c %a /etc/seawall/third.json").out == "600\n"
    assert "seawall-third" in lab.run(VAULT, "systemctl list-timers --no-legend").out


def test_without_a_bucket_that_locks_nothing_is_sent(lab: Lab, s3: S3) -> None:
    lab.run(VAULT, f"useradd --system borg-web1; install -d {HERE} && {BORG} init -e repokey {HERE}")
    saved(lab, "one", "content of one")
    assert "seawall backup third bucket" in copied(lab)
    bucket(lab).client.make_bucket("third")
    with pytest.raises(Refused, match="has no object lock"):
        bucket(lab).require_lock()
    bucket(lab).client.remove_bucket("third")
    assert typed(lab, "bucket").out == "third: made\n"


def test_what_is_new_is_copied_once_under_names_that_say_nothing(lab: Lab, s3: S3) -> None:
    assert copied(lab) == ""
    first = {stored.name for stored in bucket(lab).versions()}
    saved(lab, "two", "content of two")
    assert copied(lab) == ""
    versions = list(bucket(lab).versions())
    assert [row["number"] for row in listed(lab)] == [2, 1]
    assert first < {stored.name for stored in versions}
    assert len({stored.name for stored in versions}) == len(versions)
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in first)


def test_a_run_that_is_killed_goes_on_where_it_was(lab: Lab, s3: S3) -> None:
    script = f"for n in $(seq 8); do echo $n > /root/live/two; {BORG} create {HERE}::a$n /root/live; done"
    assert lab.run(VAULT, script, timeout=120).ok
    sent = "/var/lib/seawall/third/web1.files.sent"
    kill = f"timeout 60 sh -c 'until [ $(cat {sent} 2>/dev/null | wc -l) -ge 5 ]; do :; done'"
    start, end = (
        "systemctl start --no-block seawall-third",
        "systemctl kill -s KILL seawall-third; systemctl stop seawall-third",
    )
    assert lab.run(VAULT, f"{start}; {kill}; {end}; cat {sent}").out.count('"digest"') >= 5
    assert copied(lab) == ""
    versions = list(bucket(lab).versions())
    twice = len(versions) - len({stored.name for stored in versions})
    assert twice <= 1, "more was sent twice than what was on its way when it died"
    assert lab.run(VAULT, f"test -e {sent}").code == 1


def test_who_has_robbed_the_backup_server_destroys_nothing(lab: Lab, s3: S3) -> None:
    """He has its keys and its seal: he deletes, overwrites, takes locks away, and adds a copy that leads astray."""
    robbed = bucket(lab)
    there = list(robbed.versions())
    for stored in there:
        with pytest.raises(Untrusted, match="object lock"):
            robbed.remove(stored)
        robbed.client.remove_object("third", stored.name)
    name = there[0].name
    robbed.put(name, io.BytesIO(b"garbage"), 7, there[0].until.replace(year=2027, microsecond=0))
    lab.run(VAULT, "rm -rf /srv/borg /var/lib/seawall/third")
    assert [row["number"] for row in listed(lab)] == [3, 2, 1]
    proof = typed(lab, "prove", "--share", "1", "--json")
    assert json.loads(proof.out)[0]["proven_files"] > 16
    assert proof.code == Missing.exit_code, "what was never copied is not passed over"
    assert "no copy of web1 databases" in proof.err
    assert "web1 files" not in proof.err


def test_a_repository_comes_back_from_the_store_alone(lab: Lab, s3: S3, tmp_path: Path) -> None:
    assert fetched(lab, tmp_path / "newest/files")[:2] == ["one", "two"]
    second = listed(lab)[1]["taken"]
    assert fetched(lab, tmp_path / "older/files", "--before", second) == ["one"]


def test_a_store_that_is_down_and_keys_that_are_wrong_are_told_apart(lab: Lab, s3: S3) -> None:
    kept = lab.directory / "secrets/s3.secret"
    kept.write_text("wrong\n", encoding="utf-8")
    assert typed(lab, "list").code == Untrusted.exit_code
    kept.write_text(f"{SECRET}\n", encoding="utf-8")
    s3.process.kill()
    down = typed(lab, "list")
    assert down.code == 4
    assert "does not answer" in down.err
