"""Who gets in: what is written for sshd, sudo and login.defs, before any host is touched."""

from hypothesis import given
from hypothesis import strategies as st

from estate.policy import Cryptography
from inventory.access import ClientData, PersonData
from playbooks.accounts import authorized, sudoers
from playbooks.passwords import settled
from playbooks.sshd import CLASSIC, POST_QUANTUM, key_exchange

ALICE = PersonData(name="alice", keys=["ssh-ed25519 A"], ends="2027-07-01", sudo=["/usr/bin/id", "/bin/a -b"])
BOB = PersonData(name="bob", keys=["ssh-ed25519 B"], ends="2027-07-01", sudo=[])
ROOT = PersonData(name="carol", keys=[], ends="2027-07-01", sudo=["ALL"])


def test_a_command_is_allowed_exactly_as_it_is_written() -> None:
    lines = [line for line in sudoers([ALICE, BOB, ROOT]).splitlines() if "NOPASSWD" in line]
    assert lines == [
        'alice ALL=(root) NOPASSWD: /usr/bin/id "", /bin/a -b',
        "carol ALL=(ALL:ALL) NOPASSWD: ALL",
    ]


def test_a_key_of_the_staff_has_an_end_and_a_clients_key_one_command() -> None:
    files = authorized([ALICE], [ClientData(user="docs", begins="/docs.example", keys=["ssh-ed25519 C"])])
    content = {path.rsplit("/", 1)[1]: file.content for path, file in files.items()}
    assert content == {
        "alice": 'expiry-time="20270701" ssh-ed25519 A\n',
        "docs": 'restrict,command="internal-sftp -u 022 -d /docs.example" ssh-ed25519 C\n',
    }


def test_strict_offers_only_what_a_quantum_computer_does_not_break_and_the_host_knows() -> None:
    known = {*CLASSIC, POST_QUANTUM[-1]}
    assert key_exchange(known, Cryptography.STRICT) == [POST_QUANTUM[-1]]
    assert key_exchange(known, Cryptography.COMPATIBLE) == [POST_QUANTUM[-1], *CLASSIC]


keys = st.sampled_from(("UMASK", "#UMASK", "PASS_MAX_DAYS", "OTHER", ""))
lines = st.lists(st.tuples(keys, st.sampled_from(("\t", " ", "=")), st.sampled_from(("022", "1"))).map("".join))


@given(lines, st.sampled_from(("\t", "=")))
def test_settings_are_said_once_and_everything_else_stays(before: list[str], separator: str) -> None:
    wanted = {"UMASK": "027", "PASS_MAX_DAYS": "60"}
    after = settled("".join(f"{line}\n" for line in before), separator, wanted)
    assert settled(after, separator, wanted) == after
    for key, value in wanted.items():
        assert after.splitlines().count(f"{key}{separator}{value}") == 1
    others = [line for line in before if not line.startswith(tuple(wanted))]
    assert [line for line in after.splitlines() if not line.startswith(tuple(wanted))] == others
