"""Who gets in and who does not: logins that are tried, from the control machine and from elsewhere, rules that are bad.

The tests run in the order of the file, on one host that is hardened once; each leaves it in order.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from beginnings import hardened
from doors import HOST, Door, as_bob, good_password
from hardening import ANY_KEY, SEAWALL, changes, counted, own_lab, ssh_port_answers

import templates
from effects.clock import Stopwatch
from effects.remote import Remote
from effects.run import attempt
from inventory import load
from playbooks.guard import WORK
from playbooks.sshd import MAIN, RULES

pytestmark = pytest.mark.lab
KEYS = "/etc/ssh/seawall/authorized_keys"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with own_lab((HOST, "probe"), above=hardened()) as made:
        found = Door(made, tmp_path_factory.mktemp("keys"))
        counted(
            made,
            HOST,
            estate=found.estate("alice", "bob", "carol until = 2020-01-01", 'dave hosts = ["ns1"]\nuntil = 2099-12-31'),
        )
        yield found


def test_root_comes_from_control_alone_even_with_the_right_key(door: Door) -> None:
    assert door.from_control("root", "id -un").out == "root\n"
    refused = door.from_elsewhere("ssh -p 2222", door.lab.ssh_key, f"root@{door.lab.address(HOST)} id -un")
    assert "Permission denied (publickey)" in refused.err


def test_staff_have_accounts_of_their_own_and_the_sudo_that_is_theirs(door: Door) -> None:
    assert door.from_control("alice", "id -Gn").out == "alice seawall-staff\n"
    assert door.from_control("alice", "sudo -n id -u").code != 0  # with an argument: not as written
    assert door.from_control("alice", "sudo -n id").out.startswith("uid=0")
    assert "password is required" in door.from_control("alice", "sudo -n systemctl stop nginx").err
    assert "COMMAND=/usr/bin/id" in door.run("cat /var/log/sudo.log").out
    assert not door.from_elsewhere("ssh -p 2222", door.keys / "alice", f"alice@{door.lab.address(HOST)} id").ok


def test_who_may_no_longer_or_not_here_gets_in_nowhere(door: Door) -> None:
    assert not door.from_control("carol", "id").ok
    assert not door.from_control("dave", "id").ok
    assert not door.run("id dave").ok
    door.run("usermod --expiredate '' carol")  # the key has its own end
    assert not door.from_control("carol", "id").ok
    assert door.harden(door.estate("alice", "bob", "carol until = 2020-01-01"), "accounts") == 1


def test_nobody_gives_himself_another_key(door: Door) -> None:
    door.public("mallory")
    own = f"mkdir -p ~/.ssh && echo '{door.public('mallory')}' >> ~/.ssh/authorized_keys"
    assert door.from_control("alice", own).ok
    assert not door.from_control("alice", "id", key="mallory").ok
    door.run(f"echo '{door.public('mallory')}' > {KEYS}/postgres; echo '{door.public('mallory')}' >> {KEYS}/alice")
    assert door.from_control("alice", "id", key="mallory").ok  # so this test can fail
    assert door.harden(door.estate("alice", "bob"), "accounts") >= 1
    assert not door.from_control("alice", "id", key="mallory").ok
    assert door.run(f"ls {KEYS}").out.split() == ["alice", "bob", "docs"]


def test_a_client_brings_files_from_anywhere_and_leaves_his_directory_nowhere(door: Door) -> None:
    door.run("ln -sfn /etc/passwd /srv/vhosts/docs.example/public/passwd; ln -sfn /srv/vhosts/ledger.example "
             "/srv/vhosts/docs.example/public/neighbour; chown -h docs: /srv/vhosts/docs.example/public/*")  # fmt: skip
    script = ["put /etc/hostname public/brought.txt", "-get public/passwd stolen", "-ls public/neighbour",
              "-ls public/neighbour/", "-ls ..", "-ls /ledger.example", "-get /etc/passwd stolen",
              "-put /etc/hostname ../mine"]  # fmt: skip
    sftp = "cd /tmp && sftp -P 2222 -b -"
    seen = door.from_elsewhere(sftp, door.keys / "client", f"docs@{door.lab.address(HOST)}", stdin="\n".join(script))
    assert seen.ok, seen.err
    assert door.lab.run("probe", "curl -sf https://docs.example/brought.txt").out == "probe\n"
    assert not door.lab.run("probe", "test -e /tmp/stolen").ok
    assert len(re.findall(r"(?i)denied|not found|no such", seen.err)) >= 6, seen.err
    assert "shop.example" not in seen.out + seen.err
    assert door.run("find /srv/vhosts -maxdepth 1 -name mine").out == ""


def test_a_client_runs_nothing_and_reaches_nothing(door: Door) -> None:
    target, key = f"docs@{door.lab.address(HOST)}", door.keys / "client"
    assert "sftp connections only" in door.from_elsewhere("ssh -p 2222", key, f"{target} id").out
    assert "uid=" not in door.from_elsewhere("ssh -tt -p 2222", key, target, stdin="id\n").out
    tunnel = "ssh -p 2222 -o ExitOnForwardFailure=yes -W 127.0.0.1:443"
    assert "forwarding failed" in door.from_elsewhere(tunnel, key, target).err


def test_who_leaves_is_gone_in_one_run_and_may_come_back(door: Door) -> None:
    assert door.from_control("bob", "echo mine > kept; nohup sleep 600 > /dev/null 2>&1 & sleep 0").ok
    assert door.run("pgrep -u bob sleep").ok
    door.run("echo '* * * * * true' | crontab -u bob -")
    estate = door.estate("alice")
    assert changes(counted(door.lab, "--dry-run", HOST, estate=estate))[HOST] >= 3
    assert door.harden(estate, "accounts") >= 3
    assert not door.from_control("bob", "id").ok
    assert not door.run("pgrep -u bob").ok
    assert door.run("getent shadow bob").out.startswith("bob:!")
    assert door.run("id -Gn bob").out == "bob\n"
    assert "bob" not in door.run("cat /etc/sudoers.d/*; ls /var/spool/cron/crontabs").out
    assert door.run("cat /home/.former/bob-*/kept").out == "mine\n"
    assert door.harden(estate, "accounts") == 0
    assert door.harden(door.estate("alice", "bob"), "accounts") >= 2
    assert door.from_control("bob", "ls").out == ""


def test_a_farewell_that_was_cut_short_is_completed(door: Door) -> None:
    estate = door.estate("alice")
    door.run(f"rm {KEYS}/bob; usermod --lock --expiredate 1 bob")  # as far as a dead run came
    assert door.harden(estate, "accounts") >= 1
    assert not door.run("test -e /home/bob").ok
    assert door.run("id -Gn bob").out == "bob\n"
    door.harden(door.estate("alice", "bob"), "accounts")


def test_where_keys_must_live_in_hardware_others_open_nothing_and_control_still_works(door: Door) -> None:
    door.harden(door.estate(sftp=False, more="[ssh]\nhardware_keys = true\n"), "sshd")
    assert not door.from_control("alice", "id").ok
    assert door.from_control("root", "id -un").out == "root\n"
    door.harden(door.estate("alice", "bob"), "accounts", "sshd")
    assert door.from_control("alice", "id -un").out == "alice\n"


def test_strict_cryptography_keeps_out_what_is_older_and_lets_our_own_tools_through(door: Door) -> None:
    older = "-o KexAlgorithms=curve25519-sha256,diffie-hellman-group16-sha512"
    tried = f"ssh {ANY_KEY} {older} -p 2222 root@{door.lab.address(HOST)} true".split()
    assert "no matching key exchange" not in attempt(tried, timeout=20).err  # so this test can fail
    estate = door.estate("alice", "bob", more='[ssh]\ncryptography = "strict"\n')
    assert door.harden(estate, "sshd") == 1
    assert "no matching key exchange" in attempt(tried, timeout=20).err
    assert door.harden(estate, "sshd") == 0
    found = load(estate)
    with Remote(found.hosts[HOST], found.control) as remote:
        assert remote.run(["id", "-un"], timeout=10) == "root\n"
        assert remote.run(["cat"], timeout=10, stdin="x" * 70_000) == "x" * 70_000
    assert door.harden(door.estate("alice", "bob"), "sshd") == 1


def test_what_other_files_and_options_say_is_put_right(door: Door) -> None:
    open_doors = "Port 2222\\nPort 22\\nUsePAM yes\\nPasswordAuthentication yes\\nPermitRootLogin yes\\n"
    door.run(f"printf '{open_doors}' > {MAIN}; printf '{open_doors}' > {RULES.replace('seawall', 'other')}")
    door.run("echo 'SSHD_OPTS=-oMaxAuthTries=9' > /etc/default/ssh; systemctl restart ssh")
    ways = f"ssh {ANY_KEY} -p 2222 -o PreferredAuthentications=none root@{door.lab.address(HOST)} true"
    assert "password" in attempt(ways.split(), timeout=20).err
    estate = door.estate("alice", "bob")
    assert door.harden(estate, "sshd") == 1
    assert "(publickey)" in attempt(ways.split(), timeout=20).err
    assert door.run("ss -Hltn sport = :22").out == ""
    assert "=9" not in door.run("cat /etc/default/ssh /proc/$(systemctl show -p MainPID --value ssh)/cmdline").out
    assert door.harden(estate, "sshd") == 0


BAD = ("AllowUsers nobody", "AllowGroups nobody-has-this-group", "Port 2223", "ListenAddress 192.0.2.1",
       "Match User root\n    DenyUsers root", "Match User root\n    AuthorizedKeysFile /nonexistent")  # fmt: skip


def spoiled(rules: str, bad: str) -> str:
    """Rules with a mistake in them, where it counts."""
    if bad.startswith(("Port", "AllowGroups")):
        return re.sub(rf"(?m){bad.split(maxsplit=1)[0]} .*", bad, rules)
    return rules.replace("Match Address", f"{bad}\n\nMatch Address", 1) if "Match" in bad else f"{bad}\n{rules}"


@pytest.mark.parametrize("bad", BAD)
def test_rules_that_sshd_accepts_and_that_lock_out_are_refused(door: Door, bad: str) -> None:
    rules = door.run(f"cat {RULES}").out
    work = f"{WORK}/sshd"
    door.lab.run(HOST, f"mkdir -p {work}; cp {MAIN} {work}/main; cat > {work}/rules", stdin=spoiled(rules, bad))
    assert door.run(f"/usr/sbin/sshd -t -f {work}/rules").ok  # sshd itself sees nothing wrong
    tried = door.run("/usr/local/lib/seawall/sshd try")
    assert tried.code == 1
    assert "refused" in tried.err
    door.opens_again()
    assert door.run(f"cat {RULES}").out == rules


WHEEL = r"sed -i '/pam_wheel\.so/d' /etc/pam.d/su"


@pytest.mark.parametrize(
    ("template", "right", "wrong"),
    [
        ("sshd.conf.j2", "PubkeyAcceptedAlgorithms {{ machines", "PubkeyAcceptedAlgorithms {{ people"),
        ("pam.sh.j2", WHEEL, "sed -i '/pam_unix/i account requisite pam_deny.so' /etc/pam.d/common-account; " + WHEEL),
    ],
)
def test_a_mistake_of_our_own_is_undone_by_the_host_itself(
    door: Door, tmp_path: Path, template: str, right: str, wrong: str
) -> None:
    """Both pass every check that a host can make: only a new login tells."""
    ours = shutil.copytree(Path(templates.__file__).parent, tmp_path / "templates")
    text = (ours / template).read_text(encoding="utf-8")
    assert right in text
    (ours / template).write_text(text.replace(right, wrong), encoding="utf-8")
    door.run("sed -i /pam_wheel/d /etc/pam.d/su")
    paths = f"PYTHONPATH={tmp_path}:{Path(templates.__file__).parents[1]}"
    estate = door.estate(sftp=False, more="[ssh]\nhardware_keys = true\n")
    watch = Stopwatch()
    result = attempt(["env", paths, SEAWALL, "harden", HOST, "--estate", str(estate)], timeout=120, cwd=tmp_path)
    assert result.code == 7, result.err
    assert "no new login is possible" in result.err
    assert not door.from_control("root", "true").ok  # so this test can fail
    door.opens_again()
    assert watch.seconds < 45
    counted(door.lab, HOST, estate=door.estate("alice", "bob"))


def test_the_port_is_changed_in_one_run_and_the_firewall_follows(door: Door) -> None:
    moved = door.estate("alice", "bob", ssh_port="2022")
    assert changes(counted(door.lab, HOST, estate=moved))[HOST] >= 2
    assert door.from_control("root", "id -un", port=2022).ok
    assert not ssh_port_answers(door.lab, HOST)
    assert "--dport 2222" not in door.run("iptables -S; ip6tables -S").out
    assert changes(counted(door.lab, HOST, estate=moved)) == {HOST: 0}
    back = door.estate("alice", "bob")
    assert changes(counted(door.lab, HOST, "--port", "2022", estate=back))[HOST] >= 2
    assert door.from_control("root", "id -un").ok
    assert "--dport 2022" not in door.run("iptables -S; ip6tables -S").out


def test_a_weak_password_is_refused_and_a_good_one_taken(door: Door) -> None:
    first, second = good_password(), good_password()
    door.run(f"echo bob:{first} | chpasswd; chage -m 0 bob")
    for weak in ("short-1A", "aaaaBBBB1111-2222", first):
        assert not door.run(as_bob(f"printf '%s\\n' {first} {weak} {weak} | passwd")).ok, weak
    assert door.run(as_bob(f"printf '%s\\n' {first} {second} {second} | passwd")).ok
    assert door.run("getent shadow bob").out.startswith("bob:$y$")


def test_a_password_has_an_end_and_the_key_opens_all_the_same(door: Door) -> None:
    assert door.harden(door.estate("alice", "bob"), "passwords") == 1
    assert door.run("getent shadow bob").out.split(":")[3:7] == ["1", "60", "14", "30"]
    door.run("chage -d 2020-01-01 bob")
    assert door.from_control("bob", "id -un").out == "bob\n"
    assert door.harden(door.estate("alice", "bob"), "passwords") == 0


def test_wrong_passwords_lock_and_su_is_for_nobody(door: Door) -> None:
    hers = good_password()
    door.run(f"chage -d $(date +%F) bob; echo alice:{hers} | chpasswd")
    su = as_bob(f"echo {hers} | su alice -c 'id -un'")
    assert "Permission denied" in door.run(su).err
    door.run("gpasswd -a bob sugroup; faillock --user alice --reset")
    assert door.run(su).out == "alice\n"  # so the rest can fail
    door.run(as_bob("for n in 1 2 3 4 5; do (echo wrong | su alice -c id) & done; wait"))
    assert not door.run(su).ok
    assert door.from_control("alice", "id -un").out == "alice\n"
    door.run("faillock --user alice --reset; gpasswd -d bob sugroup")
    assert door.run("su alice -c 'id -un'").out == "alice\n"  # root, as ever


def test_root_has_no_password_and_no_account_of_the_system_a_shell(door: Door) -> None:
    assert door.run("passwd -S root").out.split()[1] == "L"
    door.run(f"echo root:{good_password()} | chpasswd; chage -d 2020-01-01 -M 60 root; usermod -s /bin/sh postgres")
    door.run("useradd --system -s /usr/sbin/nologin empty; passwd -d empty")
    assert door.from_control("root", "true").ok
    assert door.harden(door.estate("alice", "bob"), "passwords") == 1
    assert door.run("passwd -S root").out.split()[1] == "L"
    assert door.run("passwd -S empty").out.split()[1] == "L"
    assert door.run("getent passwd postgres").out.endswith(":/usr/sbin/nologin\n")
    assert door.from_control("root", "id -un").out == "root\n"
    assert door.run("runuser -u postgres -- psql -tc 'select 1'").ok


def test_in_the_end_a_run_changes_nothing(door: Door) -> None:
    estate = door.estate("alice", "bob")
    counted(door.lab, HOST, estate=estate)  # after deploys that ran alone
    assert changes(counted(door.lab, HOST, estate=estate)) == {HOST: 0}
