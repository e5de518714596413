"""What makes a run fast still answers truly: the shell that hosts are asked in."""

from collections.abc import Iterator

import paramiko
import pytest
from hardening import own_lab

from effects.reach import leave
from effects.shell import Shell
from lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("vault-odd",)) as made:
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


def test_a_shell_that_ends_answers_no_more(lab: Lab, client: paramiko.SSHClient) -> None:
    shell = Shell(client)
    assert not shell.ended()
    with pytest.raises(EOFError):
        shell.ask("kill -9 $$")
    assert shell.ended()
    assert Shell(client).ask("echo again").out == "again\n"
