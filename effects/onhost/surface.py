"""Sent by `seawall surface`: what is installed and listens here, and what a removal would take along.

`look` takes {roots: [regular expression], paths: [of applications], stores: {directory: regular expression}, verify:
bool} and answers {packages: [{name, version, manual, needed, kept, holds, vital, foreign, kb}], listening: [{protocol,
address, port, program}], sources: [{entry, uri, debians}], changed: [path]}. With {remove: [package], disable: [path]}
it answers {gone: [package]}, which is what apt would remove, unused dependencies included; with {really: true} too it
has done so, and says what is {left: [package]}.
"""

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

FOLLOWED = ("PreDepends", "Depends", "Recommends")  # what apt's own autoremove follows
HARMLESS = re.compile(r"\S+\s+c /|missing\s+/usr/share/(doc|info|locale|man|lintian)/")
SOCKET = re.compile(r"(tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s")
TARGETS = "$(SOURCESENTRY)|$(REPO_URI)|$(ORIGIN)|$(METAKEY)|$(FILENAME)"
DEBIAN = ("Debian", "Debian Backports")  # as its archives call themselves
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
VALID = re.compile(r"^(\[GNUPG:\] GOODSIG .*|[0-9A-F]{40})$", re.MULTILINE)  # as gpgv says it, and as sqv


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """What is there; or what a removal would do, or has done."""
    if "remove" in question or "disable" in question:
        return remove(question.get("remove", []), question.get("disable", []), really=question.get("really", False))
    return {
        "packages": list(packages(question["roots"], question["paths"], question["stores"])),
        "listening": list(listening()),
        "sources": list(sources()),
        "changed": changed() if question["verify"] else [],
    }


def out(*argv: str, limit: float = 600, codes: "tuple[int, ...]" = (0,)) -> str:
    """Standard output of what must end with one of `codes`."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in codes:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def packages(roots: "list[str]", paths: "list[str]", stores: "dict[str, str]") -> "Iterator[dict[str, Any]]":
    """Everything that is installed; `needed`: by `roots`, by who owns `paths`, or by what Debian cannot do without.

    `holds`: its data lies in one of `stores`. `kept`: needed, or by such a one, or by what no source has.
    """
    cache: Any = import_module("apt").Cache()
    here = {package.name: package for package in cache if package.is_installed}
    vital = {name for name, package in here.items() if is_vital(package)}
    foreign = {name for name, it in here.items() if all(origin.archive == "now" for origin in it.installed.origins)}
    needed = closure(here, (vital | matching(here, roots) | owners(paths)) & set(here))
    full = [pattern for directory, pattern in stores.items() if any(Path(directory).glob("*"))]
    holds = matching(here, full)
    kept = closure(here, needed | foreign | holds)
    for name, package in sorted(here.items()):
        yield {
            "name": name,
            "version": package.installed.version,
            "manual": not package.is_auto_installed,
            "needed": name in needed,
            "kept": name in kept,
            "holds": name in holds,
            "vital": name in vital,
            "foreign": name in foreign,
            "kb": package.installed.installed_size // 1024,
        }


def matching(names: "Iterable[str]", patterns: "list[str]") -> "set[str]":
    """Those that one of the regular expressions fits as a whole."""
    return {name for name in names if any(re.fullmatch(pattern, name) for pattern in patterns)}


def owners(paths: "list[str]") -> "set[str]":
    """Packages that brought these; what no package brought has none."""
    lines = out("dpkg-query", "-S", *paths, codes=(0, 1)).splitlines() if paths else []
    named = (line.rpartition(": ")[0] for line in lines if not line.startswith("diversion"))
    return {name.partition(":")[0] for names in named for name in names.split(", ")}


def is_vital(package: Any) -> bool:
    """Essential, protected, or so important that Debian installs it everywhere (Debian Policy 2.5)."""
    record = package.installed.record
    protected = record.get("Protected") == "yes" or record.get("Important") == "yes"
    return package.essential or protected or package.installed.priority in ("required", "important")


def closure(here: "dict[str, Any]", start: "set[str]") -> "set[str]":
    """`start`, and what that needs."""
    found, todo = set(start), list(start)
    while todo:
        for group in here[todo.pop()].installed.get_dependencies(*FOLLOWED):
            for version in group.target_versions:
                name = version.package.name
                if name in here and version.package.is_installed and name not in found:
                    found.add(name)
                    todo.append(name)
    return found


def listening() -> "Iterator[dict[str, Any]]":
    """Sockets that others can reach: not those of the loopback."""
    for line in out("ss", "-tulpnH").splitlines():
        row = SOCKET.match(line)
        if row is None:  # the rest of a program's name, which may hold a newline and is anybody's to choose
            continue
        protocol, address, port = row.groups()
        plain = address.strip("[]").partition("%")[0]
        if plain != "*" and is_inside(plain):
            continue
        program = re.search(r'\("([^"]+)"', line)
        yield {"protocol": protocol, "address": plain, "port": int(port), "program": program[1] if program else ""}


def is_inside(address: str) -> bool:
    """Whether it is one of the loopback, also as IPv6 writes those of IPv4."""
    plain = ipaddress.ip_address(address)
    return (getattr(plain, "ipv4_mapped", None) or plain).is_loopback


def sources() -> "Iterator[dict[str, Any]]":
    """Where apt takes packages from, by entry of its files; and whether all of that is Debian's."""
    found: dict[tuple[str, str], set[tuple[str, Path]]] = {}
    for line in sorted(set(out("apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages").splitlines())):
        entry, uri, origin, key, file = line.split("|")
        signed = Path(file.rpartition(key.replace("/", "_"))[0] + "InRelease")
        found.setdefault((entry, uri), set()).add((origin, signed))
    for (entry, uri), lists in found.items():
        debians = all(origin in DEBIAN and is_debians(signed) for origin, signed in lists)
        yield {"entry": entry, "uri": uri, "debians": debians}


def is_debians(signed: Path) -> bool:
    """Whether Debian's key signed it: "Origin: Debian" can be said by anybody. One good signature is enough for apt."""
    with TemporaryDirectory() as folder:
        gpgv = ("gpgv", "--status-fd=1", "--keyring", KEYRING)  # Debian 12's; Debian 13 has the other
        sqv = ("sqv", "--keyring", KEYRING, f"--output={folder}/read", "--cleartext")
        return bool(VALID.search(out(*(gpgv if which("gpgv") else sqv), str(signed), codes=(0, 1, 2))))


def changed() -> "list[str]":
    """Files that are not as their package brought them; configuration, and missing documentation, aside."""
    lines = out("dpkg", "--verify", codes=(0, 1)).splitlines()
    return [line.split(maxsplit=1)[-1] for line in lines if line.strip() and not HARMLESS.match(line)]


def remove(names: "list[str]", files: "list[str]", *, really: bool) -> "dict[str, Any]":
    """What goes; done where `really`. Never a purge: postgresql-15 would take every cluster along (its postrm)."""
    answer: dict[str, Any] = {"gone": [], "left": []}
    if names:
        simulated = out("apt-get", "-s", "remove", "--autoremove", *names)
        answer["gone"] = re.findall(r"^Remv (\S+)", simulated, re.MULTILINE)
    if really and names:
        out("apt-get", "-qy", "-o", "DPkg::Lock::Timeout=300", "remove", "--autoremove", *names, limit=1800)
        known = out("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n").splitlines()
        there = {line.split()[0] for line in known if line.endswith(" installed")}
        answer["left"] = [name for name in answer["gone"] if name.partition(":")[0] in there]
    for path in map(Path, files if really else []):
        path.rename(path.with_name(f"{path.name}.disabled"))  # apt reads .list and .sources alone
    return answer | {"disabled": files if really else []}
