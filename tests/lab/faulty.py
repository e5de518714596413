"""What the tests of faults do on hosts: everything that a file system has, descriptions of trees, kills at instants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from chain import THERE, good

from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

NUMBERS = count()
# Of everything one; 10 GB that take nothing; a path that is nearly as long as Linux takes it.
FURNISH = """
import os, socket, sys
os.makedirs("empty/within")
with open("sparse", "wb") as hole:
    hole.write(b"begin"); hole.seek(10 * 2**30); hole.write(b"end")
for name in (b"two\\nlines", b"caf\\xe9", b"-rf", b" blank ", b"'quoted'"):
    open(name, "wb").write(name)
open("one", "w").write("linked"); os.link("one", "empty/two"); os.link("one", "three")
os.symlink("/nowhere", "dangling"); os.symlink("three", "link")
os.mkfifo("pipe", 0o640); os.mknod("null", 0o20666, os.makedev(1, 3))
there = socket.socket(socket.AF_UNIX); there.bind("socket")
os.setxattr("one", "user.note", b"kept\\0all"); os.setxattr("empty", "user.of", b"a directory")
open("able", "w").write("#!"); os.chmod("able", 0o4755)
os.setxattr("able", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
os.system("setfacl -m u:shop:r-x,g:ledger:--- able && setfacl -d -m u:ledger:rwx empty")
os.chown("three", 12345, 54321); os.chmod("empty/within", 0o3775)
top = os.open(".", os.O_RDONLY)
for _ in range(14):
    os.mkdir("d" * 250); os.chdir("d" * 250)
open("deep", "w").write("at the bottom")
os.fchdir(top)
os.utime("one", ns=(10**18 + 1, 10**18 + 123456789)); os.utime("empty", ns=(1, 999999999))
os.utime("link", ns=(5, 7 * 10**17 + 3), follow_symlinks=False)
open("fast", "w").write("can't be changed"); os.system("chattr +i fast; chattr +a two*")
"""
# All that a tree is, as JSON: what `FURNISH` made is the same there and in its copy.
DESCRIBE = """
import fcntl, hashlib, json, os, stat, struct, sys
found, first = {}, {}
def flags(path):
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        got = fcntl.ioctl(handle, 0x80086601, b"\\0" * 4)
        return struct.unpack("i", got)[0] & 0x70  # immutable, only to be appended to, not to be dumped
    finally:
        os.close(handle)
def describe(path, name):
    s = os.lstat(path)
    regular, link = stat.S_ISREG(s.st_mode), stat.S_ISLNK(s.st_mode)
    held = os.readlink(path).hex() if link else None
    if regular and s.st_size < 10**6:
        held = hashlib.sha256(open(path, "rb").read()).hexdigest()
    elif regular:
        with open(path, "rb") as file:
            held = [file.read(5).hex(), file.seek(-3, 2), file.read().hex(), s.st_blocks * 512 < 2**25]
    names = [] if stat.S_ISFIFO(s.st_mode) or stat.S_ISCHR(s.st_mode) else os.listxattr(path, follow_symlinks=False)
    attributes = {key: os.getxattr(path, key, follow_symlinks=False).hex() for key in sorted(names)}
    linked = None if stat.S_ISDIR(s.st_mode) else first.setdefault(s.st_ino, name)
    flagged = flags(path) if regular or stat.S_ISDIR(s.st_mode) else None
    found[name] = [s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns, s.st_size * regular, s.st_rdev, held, linked,
                   attributes, flagged]
def walk(way):
    describe(b".", way.hex())
    for name in sorted(os.listdir(b".")):
        if stat.S_ISDIR(os.lstat(name).st_mode):
            back = os.open(".", os.O_RDONLY)
            os.chdir(name); walk(way + b"/" + name); os.fchdir(back); os.close(back)
        else:
            describe(name, (way + b"/" + name).hex())
os.chdir(sys.argv[1]); walk(b"")
print(json.dumps(found))
"""


@contextmanager
def small(lab: Lab, host: str, path: str, options: str) -> Iterator[None]:
    """A disk of its own at `path`, with the limits that a test wants."""
    assert lab.run(host, f"mkdir -p {path} && mount -t tmpfs -o {options} tmpfs {path}").ok
    try:
        yield
    finally:
        assert lab.run(host, f"umount {path}").ok


def python(lab: Lab, host: str, program: str, *words: str, cwd: str = "/") -> str:
    """What a program says on a host."""
    said = lab.run(host, ["env", f"--chdir={cwd}", "/opt/seawall/bin/python", "-c", program, *words], timeout=120)
    assert said.ok, said.err
    return said.out


def described(lab: Lab, host: str, tree: str) -> dict[bytes, list[Any]]:
    """All that a tree is: by path, its mode, owners, time, size, device, content, links, attributes, flags."""
    return {bytes.fromhex(name): about for name, about in json.loads(python(lab, host, DESCRIBE, tree)).items()}


def killed(lab: Lab, host: str, after: float, *words: str, alone: bool = False) -> Result:
    """A command that is killed after so many seconds: with all that it started, or `alone`."""
    whom = ["--foreground"] if alone else []
    return lab.run(host, ["timeout", *whom, "--signal=KILL", f"{after:.2f}", THERE, *words], timeout=120)


def begun(lab: Lab, host: str, pattern: str, *words: str) -> str:
    """Start a command in the background, and come back once a process of it fits `pattern`; its unit."""
    unit = f"faulty{next(NUMBERS)}"
    start = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", "--property=KillMode=process"]
    said = lab.run(host, [*start, THERE, *words])
    assert said.ok, said.err
    late = Failed(f"no process fits {pattern}", hint="look at the host")
    wait_until(lambda: lab.run(host, ["pgrep", "-f", pattern]).ok, timeout=60, late=late, every=0.01)
    return unit


def kill(lab: Lab, host: str, unit: str, *, alone: bool = False) -> None:
    """What `begun` started: with all that it started, or alone."""
    assert lab.run(host, f"systemctl kill --kill-whom={'main' if alone else 'all'} --signal=KILL {unit}").ok


def contents(lab: Lab, kind: str) -> dict[tuple[str, str], int]:
    """By archive and side, how many files the newest of a kind hold: a torn one has fewer."""
    found: dict[tuple[str, str], int] = {}
    for side in ("even", "odd"):
        class_ = "files" if kind == "files" else "databases"
        said = borg(lab, "twin1", side, class_, "info", "--json", f"--glob-archives=web1.{kind}.*", "--last=8")
        found |= {(one["name"], side): int(one["stats"]["nfiles"]) for one in good(said)["archives"]}
    return found


def borg(lab: Lab, host: str, side: str, kind: str, *words: str, archive: str = "") -> Result:
    """borg as root of `host` can call it: the writer on web1, who only reads on the twin."""
    user, past = ("borg-web1", ()) if host == "web1" else ("borg-web1-ro", ("--bypass-lock",))
    rsh = "ssh -i /etc/seawall/ssh/id_ed25519 -o BatchMode=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"
    secret = "BORG_PASSCOMMAND=cat /etc/seawall/secrets/passphrase.web1"
    env = ["BORG_BASE_DIR=/root/faulty", "BORG_HOST_ID=seawall-web1", secret, f"BORG_RSH={rsh}", "LANG=C.UTF-8"]
    url = f"ssh://{user}@{lab.address(f'vault-{side}')}:22/srv/borg/web1/{kind}{archive}"
    first, *others = words
    return lab.run(host, ["env", *env, "/opt/seawall/bin/borg", first, *past, *others, url], timeout=120)
