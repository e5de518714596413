"""Keys outlive the fire: sealed as soon as there are any, replaced by no attacker's, enough with two papers."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from beginnings import installed
from chain import BORG, fault, good, install, on, typed
from hardening import SEAWALL, own_lab

from backups.escrow.holders import ON_A_BACKUP_SERVER, ON_A_TWIN
from effects.clock import wait_until
from effects.reach import known_hosts_line
from effects.run import Result, attempt
from estate.problem import Failed
from inventory import load
from lab import Lab

pytestmark = pytest.mark.lab
PEOPLE = ("alice", "bob", "carol")
SAVED = "/srv/vhosts/ledger.example"
DIGESTS = f"cd {SAVED} && find . -type f -exec sha256sum {{}} + | sort"
REPOSITORIES = {f"{host}/{kind}@{side}" for host in ("web1", "twin1") for kind in ("files", "databases")
                for side in ("even", "odd")}  # fmt: skip


@dataclass(frozen=True)
class Room:
    """Where three people sit with their keys."""

    folder: Path

    def keys(self, *words: str) -> Result:
        return attempt([SEAWALL, "backup", "keys", *words], timeout=120)

    def passphrase(self, name: str) -> tuple[str, str]:
        return "--passphrase-file", str(self.folder / f"{name}.pass")

    def key(self, name: str) -> tuple[str, ...]:
        return "--key", str(self.folder / f"{name}.key"), *self.passphrase(name)

    def made(self, name: str) -> str:
        """A person's pair of keys; the public one."""
        path = self.folder / f"{name}.pass"
        path.touch(mode=0o600)
        path.write_text(f"correct horse of {name}\n", encoding="utf-8")
        said = good(self.keys("recipient", name, "--to", str(self.folder), "--json", *self.passphrase(name)))
        return str(said["public"])

    def paper(self, lab: Lab, name: str) -> Path:
        """What somebody types from their paper, into a file."""
        said = typed(lab, "backup", "keys", "paper", str(self.folder / f"{name}.key"), "--open", *self.passphrase(name))
        assert said.ok, said.err
        lines = [line.strip() for line in said.out.splitlines() if line.startswith("    ") and "  " in line.strip()]
        path = self.folder / f"{name}.typed"
        path.write_text("\n".join(lines[: [line.split()[0] for line in lines].index("END") + 1]), encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "vault-even", "vault-odd", "twin1"), above=installed()) as made:
        yield made


@pytest.fixture(scope="module")
def room(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Three people are named, two are needed; and the estate is installed."""
    found = Room(tmp_path_factory.mktemp("people"))
    found.made("mallory")  # who is named nowhere
    recipients = "\n".join(f'recipients.{name} = "{found.made(name)}"' for name in PEOPLE)
    text = lab.estate_file.read_text(encoding="utf-8")
    lab.estate_file.write_text(f"{text}\n[escrow]\nneeded = 2\n{recipients}\n", encoding="utf-8")
    said = install(lab)
    assert said.ok, said.err[-3000:]
    assert "sealed" in said.err
    late = Failed("the scheduler never took its first archives", hint="journalctl -u seawall-backup on web1")
    both = lambda: on(lab, "web1", "backup", "list").out.count("web1.files.") >= 2  # noqa: E731
    wait_until(both, timeout=400, late=late, every=1)
    return found


def held(lab: Lab) -> dict[str, str]:
    """Sealed files on every holder, with their digest and mode."""
    places = {"vault-even": ON_A_BACKUP_SERVER, "vault-odd": ON_A_BACKUP_SERVER, "twin1": ON_A_TWIN}
    look = "cd {} && sha256sum *.sealed && stat -c %a . *.sealed"
    return {host: lab.run(host, look.format(place)).out for host, place in places.items()}


def verify(lab: Lab, *words: str) -> Result:
    return typed(lab, "backup", "keys", "verify", "--json", *words)


def export(lab: Lab) -> Result:
    return typed(lab, "backup", "keys", "export", "--json")


def test_installing_leaves_every_key_in_escrow_on_every_side(lab: Lab, room: Room) -> None:
    found = good(verify(lab))
    assert {row["name"] for row in found["repositories"] if row["in_escrow"]} == REPOSITORIES
    copies = held(lab)
    assert len(set(copies.values())) == 1
    assert copies["twin1"].split()[1:] == [found["sealed"], "700", "600"]
    assert not lab.run("web1", f"ls {ON_A_BACKUP_SERVER} {ON_A_TWIN}").out  # whoever is root on production has none
    again = good(export(lab))
    assert (again["made"], again["number"], held(lab)) == (False, 1, copies)


def test_each_person_sees_that_their_key_works_and_two_that_all_keys_do(lab: Lab, room: Room) -> None:
    assert good(verify(lab, *room.key("bob")))["shares"] == ["bob"]
    assert set(good(verify(lab, *room.key("bob"), *room.key("carol")))["opened"]) == REPOSITORIES
    fault(verify(lab, *room.key("mallory")), 5, "is not sealed to the key", "alice", "carol")


def harm(lab: Lab, passphrase: str) -> None:
    """Whoever could write there, as nobody on production can: the passphrase of the repository's key is another."""
    secrets = f"BORG_PASSPHRASE='{passphrase}' BORG_NEW_PASSPHRASE=mallory"
    borg = f"env BORG_BASE_DIR=/tmp/harm {secrets} {BORG} --umask=0027 --lock-wait=60"
    change = f"runuser -u borg-web1 -- {borg} key change-passphrase /srv/borg/web1/files"
    said = lab.run("vault-odd", f"install -d -o borg-web1 /tmp/harm; {change}", timeout=90)
    assert said.ok, said.err


def test_a_key_that_somebody_changed_is_reported_never_sealed_and_put_back(lab: Lab, room: Room) -> None:
    before = held(lab)
    harm(lab, (lab.directory / "secrets/web1.passphrase").read_text(encoding="utf-8").strip())
    assert not on(lab, "twin1", "backup", "list", "--host=web1").ok  # so this test can fail
    fault(verify(lab), 1, "web1/files@odd: our passphrase does not open its key", "put-back web1/files@odd")
    fault(export(lab), 1, "web1/files@odd")
    assert held(lab) == before
    put_back = ("backup", "keys", "put-back", "web1/files@odd", "--json")
    assert not good(typed(lab, *put_back))["done"]
    fault(verify(lab), 1, "web1/files@odd")  # saying what would be done did nothing
    assert good(typed(lab, *put_back, "--yes"))["done"]
    good(verify(lab, *room.key("alice"), *room.key("bob")))
    assert on(lab, "twin1", "backup", "list", "--host=web1").ok


def test_a_holder_whose_copy_was_changed_or_taken_is_named_and_gets_only_what_it_lacks(lab: Lab, room: Room) -> None:
    name = good(verify(lab))["sealed"]
    lab.run("vault-even", f"echo changed >> {ON_A_BACKUP_SERVER}/{name}; cp {ON_A_BACKUP_SERVER}/{name} /root/changed")
    lab.run("twin1", f"rm {ON_A_TWIN}/{name}")
    fault(export(lab), 1, f"vault-even: {name} is not what was sealed")
    assert lab.run("vault-even", f"cmp {ON_A_BACKUP_SERVER}/{name} /root/changed").ok  # evidence, not overwritten
    assert lab.run("vault-even", f"mv {ON_A_BACKUP_SERVER}/{name} /root/evidence").ok
    good(export(lab))
    assert len(set(held(lab).values())) == 1


def test_a_file_is_found_and_brought_back_and_what_would_be_lost_is_counted(lab: Lab, room: Room) -> None:
    directory = f"{SAVED}/public"
    (found, *_) = good(on(lab, "web1", "backup", "find", f"{directory}/index.php", "--json"))
    assert {archive["side"] for archive in found["archives"]} == {"even", "odd"}
    good_one = lab.run("web1", f"cat {directory}/index.php").out
    lab.run("web1", f"echo harm > {directory}/index.php; echo mine > {directory}/later.php")
    side = good(on(lab, "twin1", "backup", "restore", f"{directory}/index.php", "--host=web1", "--json"))["into"]
    assert lab.run("twin1", f"cat {side}{directory}/index.php").out == good_one
    counted = good(on(lab, "web1", "backup", "restore", directory, "--swap", "--json"))
    assert [(row["changed"], row["only_here"]) for row in counted["lost"]] == [(1, 1)]
    assert lab.run("web1", f"cat {directory}/index.php").out == "harm\n"
    done = good(on(lab, "web1", "backup", "restore", directory, "--swap", "--yes", "--json"))
    assert lab.run("web1", f"cat {directory}/index.php").out == good_one
    assert lab.run("web1", f"cat {done['kept']}/public.0/later.php").out == "mine\n"
    fault(on(lab, "web1", "backup", "restore", "/srv/vhosts/nothing.example"), 3, "seawall backup find")


def test_from_one_backup_server_and_two_papers_everything_comes_back(lab: Lab, room: Room, tmp_path: Path) -> None:
    saved, digests = lab.directory, lab.run("web1", DIGESTS).out
    papers = {name: room.paper(lab, name) for name in PEOPLE}
    name = good(verify(lab))["sealed"]
    address = lab.address("vault-odd")

    for host in ("web1", "twin1", "vault-even"):  # the fire
        lab.halt(host)
    burnt = {path.name: path.read_bytes() for path in (saved / "estate.toml", saved / "ssh_key")}
    secrets = {path.name: path.read_text(encoding="utf-8").strip() for path in (saved / "secrets").glob("*.passphrase")}
    sealed = tmp_path / name  # by the server's console
    sealed.write_text(lab.run("vault-odd", f"cat {ON_A_BACKUP_SERVER}/{name}").out, encoding="utf-8")

    new = tmp_path / "new"
    _faults(room, sealed, papers, new)
    words = ("restore", str(sealed), "--to", str(new), "--json")
    one, two = ("--paper", str(papers["alice"])), ("--paper", str(papers["carol"]))
    good(room.keys(*words, *one, *two))
    assert {name: (new / name).read_bytes() for name in burnt} == burnt
    assert {name: (new / "secrets" / name).read_text(encoding="utf-8").strip() for name in secrets} == secrets
    assert good(room.keys(*words, *one, *two))["written"] == []  # again: nothing differs
    (new / "secrets/web1.passphrase").write_text("another\n", encoding="utf-8")
    fault(room.keys(*words, *one, *two), 6, "not overwritten", "web1.passphrase")
    (new / "secrets/web1.passphrase").write_text(secrets["web1.passphrase"] + "\n", encoding="utf-8")

    assert str(address) in (new / "READ-ME-FIRST.txt").read_text(encoding="utf-8")
    assert _extracted(new, tmp_path / "out") == digests
    assert len(digests.splitlines()) > 1


def _extracted(new: Path, out: Path) -> str:
    """By hand, as the letter says, with borg and nothing of ours; digests of what came back."""
    pinned = new / "known_hosts"
    vault = load(new / "estate.toml").hosts["vault-odd"]
    pinned.write_text(known_hosts_line(str(vault.ipv4), vault.ssh_port, vault.host_key), encoding="utf-8")
    ssh = f"ssh -i {new}/ssh_key -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile={pinned}"
    env = {
        "PATH": "/usr/bin:/bin", "BORG_BASE_DIR": str(new / "borg"), "BORG_RSH": ssh, "BORG_REMOTE_PATH": BORG,
        "BORG_REPO": f"ssh://root@{vault.ipv4}:{vault.ssh_port}/srv/borg/web1/files",
        "BORG_PASSCOMMAND": f"cat {new}/secrets/web1.passphrase",
    }  # fmt: skip
    borg = str(Path(SEAWALL).with_name("borg"))
    listed = attempt([borg, "list", "--bypass-lock", "--short"], timeout=60, env=env)
    assert listed.ok, listed.err
    out.mkdir()
    archive = max(name for name in listed.out.split() if name.startswith("web1.files."))
    got = attempt([borg, "extract", "--bypass-lock", f"::{archive}", SAVED.lstrip("/")], timeout=120, env=env, cwd=out)
    assert got.ok, got.err
    return attempt(["sh", "-c", DIGESTS.replace(SAVED, f"{out}{SAVED}")], timeout=60).out


def _faults(room: Room, sealed: Path, papers: dict[str, Path], new: Path) -> None:
    """One person alone, a wrong line, an old paper, a changed file: each is named, and nothing is written."""
    words = ("restore", str(sealed), "--to", str(new))
    alice, bob = (("--paper", str(papers[name])) for name in ("alice", "bob"))
    fault(room.keys(*words, *alice), 6, "one person alone can't open this", "2 of alice, bob, carol")
    fault(room.keys(*words, *alice, *alice), 6, "one person alone")
    text = papers["bob"].read_text(encoding="utf-8").splitlines()
    wrong = papers["bob"].with_name("wrong")
    wrong.write_text("\n".join([text[0], text[1][:-1] + ("0" if text[1][-1] != "0" else "1"), *text[2:]]))
    fault(room.keys(*words, *alice, "--paper", str(wrong)), 2, "line 2 is not what was printed")
    fault(room.keys(*words, *alice, *room.key("mallory")), 5, "is not sealed to the key", "an old paper")
    changed = sealed.with_name("changed")
    shutil.copy(sealed, changed)
    changed.write_text(sealed.read_text(encoding="utf-8").replace('"needed": 2', '"needed": 1'), encoding="utf-8")
    fault(room.keys("restore", str(changed), "--to", str(new), *alice, *bob), 5, "changed or damaged")
    assert not new.exists()
