"""What makes a run fast still answers truly: the shell that hosts are asked in."""

from collections.abc import Iterator

import paramiko
import pytest
from hardening import own_lab

from effects.clock import wait_until
from effects.reach import leave
from effects.shell import Shell
from estate.problem import Failed
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import Event, check, drive

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("vault-even", "vault-odd")) as made:
        yield made


@pytest.fixture
def client(lab: Lab) -> Iterator[paramiko.SSHClient]:
    client = paramiko.SSHClient()
    client.load_host_keys(str(lab.directory / "known_hosts"))
    client.connect(lab.address("vault-odd"), 22, "root", key_filename=str(lab.ssh_key), timeout=10)
    yield client
    leave(client)


def test_answers_are_those_of_a_shell_of_their_own(client: paramiko.SSHClient) -> None:
    shell = Shell(client)
    assert shell.ask("echo one; echo; printf 'zwei ü'").out == "one\n\nzwei ü"
    assert shell.ask("printf '\\n\\n'").out == "\n\n"
    assert shell.ask("true").out == ""
    failed = shell.ask("echo seen; echo why >&2; exit 7")
    assert (failed.code, failed.out, failed.err) == (7, "seen\n", "why\n")
    assert shell.ask("echo unheard >&2").err == ""
    assert shell.ask("echo other >&2; false").err == "other\n", "each question begins with nothing said"
    assert shell.ask("if then").code != 0, "what is no shell script is answered as well"
    assert "syntax" in shell.ask("if then").err.lower()


def test_a_question_gets_its_own_input_and_changes_nothing_for_the_next(client: paramiko.SSHClient) -> None:
    shell = Shell(client)
    assert shell.ask("cat", stdin="a $HOME `id`\n'b' \\n").out == "a $HOME `id`\n'b' \\n\n"
    assert shell.ask("cat").out == "", "without input it reads nothing, and not the next question"
    assert shell.ask("cd /tmp; x=1; set -e; umask 0; trap 'echo bye' EXIT; said() { :; }; cat").code == 0
    assert shell.ask('echo "$PWD ${x-none}"; umask').out == "/root none\n0022\n"
    many = "".join(f"{n}\n" for n in range(200_000))
    assert shell.ask("cat", stdin=many).out == many


def test_a_shell_that_ends_answers_no_more(client: paramiko.SSHClient) -> None:
    shell = Shell(client)
    assert not shell.ended()
    with pytest.raises(EOFError, match="ended"):
        shell.ask("kill -9 $$")
    assert shell.ended()
    assert Shell(client).ask("echo again").out == "again\n"
    leave(client)
    with pytest.raises(OSError, match="closed"):
        Shell(client)


def test_a_connection_that_is_lost_amid_a_question_fails_its_host_alone_and_is_made_up_for(lab: Lab) -> None:
    estate = load(lab.estate_file)
    hosts = [host_data(estate, estate.hosts[name]) for name in ("vault-odd", "vault-even")]
    hangs = "/usr/local/bin/getent"
    lab.guest("vault-odd").run(f"printf '#!/bin/sh\\nexec sleep 99\\n' > {hangs}; chmod 755 {hangs}")

    def cut(event: Event) -> None:
        if event["host"] == "vault-odd" and event["event"] == "connected":
            wait_until(lambda: lab.run("vault-odd", "pgrep -x sleep").ok, timeout=20, late=late)
            lab.run("vault-odd", f"rm {hangs}; pkill -KILL -f '^sshd: root'; pkill -x sleep")

    late = Failed("nothing was asked", hint="look at playbooks/accounts.py")
    cut_off = drive(hosts, ["accounts"], timeout=60, on_event=cut)
    assert (cut_off["vault-odd"].kind, cut_off["vault-even"].ok) == ("failed", True)
    assert "accounts: groups: could not ask the host" in cut_off["vault-odd"].error
    check(drive(hosts, ["accounts"]))
    assert [outcome.changes for outcome in drive(hosts, ["accounts"]).values()] == [0, 0]
