"""Packages come from Debian, and from whom the estate names: each with its own key, everybody else refused.

A source that the estate does not know stays in its file, where `seawall surface` names it, but apt takes nothing
from it: its packages have a priority of -1 (apt_preferences(5)).
"""

import posixpath
import shlex
from collections.abc import Generator, Mapping
from urllib.parse import urlsplit

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.apt_sources import in_doubt, is_debians, made_safe, plain
from playbooks.operations import File, ask, files, put
from templates import render

STAGE = "/run/seawall/apt"
PARTS, KEYS = "/etc/apt/sources.list.d", "/etc/apt/keyrings"
OURS = "seawall-"  # how the files of the estate's origins begin
PREFERENCES = "/etc/apt/preferences.d/00seawall"
SAFE = "/etc/apt/apt.conf.d/99zz-seawall"
WEAK = ("APT::Get::AllowUnauthenticated", "Acquire::AllowInsecureRepositories", "Acquire::AllowWeakRepositories",
        "Acquire::AllowDowngradeToInsecureRepositories")  # fmt: skip
# With the new files apt must reach what it reached with the old ones. Where it reaches nothing, they must be readable.
SWAP = f"""
set -e; cd {STAGE}; mkdir -p lists/partial
apt() {{ apt-get -q -o Dir::Etc::sourcelist="$1/sources.list" -o Dir::Etc::sourceparts="$1/sources.list.d" \\
  -o Dir::State::lists={STAGE}/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \\
  -o APT::Update::Error-Mode=any -o Acquire::Retries=0 "$2"; }}
if ! apt {STAGE}/new update > said 2>&1; then
  if apt /etc/apt update > /dev/null 2>&1; then
    grep '^[EW]:' said >&2
    echo 'what says it is from Debian must be signed by Debian. If it is from others: take its entry out (grep -r URI' \
      '/etc/apt/sources.list*), and name it in the estate as [origins.NAME], with uri, suites, components and key' >&2
    exit 1
  fi
  apt {STAGE}/new indextargets > /dev/null
fi
if [ -e new/sources.list ]; then cp new/sources.list /etc/apt/.sources.list.stage; fi
for f in new/sources.list.d/*; do cp "$f" "{PARTS}/.$(basename "$f").stage"; done
for f in {PARTS}/.*.stage /etc/apt/.sources.list.stage; do
  if [ -e "$f" ]; then n=$(basename "$f" .stage); mv -fT "$f" "$(dirname "$f")/${{n#.}}"; fi
done
rm -rf {STAGE}"""


# Where apt has no lists at all it has to ask once.
WHOSE = """
ls /var/lib/apt/lists/*InRelease > /dev/null 2>&1 || apt-get -q update > /dev/null 2>&1
apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' 2> /dev/null | sort -u"""


@operation()
def safe_sources() -> Generator[StringCommand]:
    """Debian's entries with Debian's key, and no entry that needs no signature; tried before the files are swapped."""
    every = f"/etc/apt/sources.list {PARTS}/*.list {PARTS}/*.sources"
    seen: dict[str, str] = {}
    path = ""
    for line in ask(f'for f in {every}; do [ -e "$f" ] && echo "=$f" && sed "s/^/ /" "$f"; done; true'):
        if line.startswith("="):
            path = line[1:]
            seen[path] = ""
        else:
            seen[path] += f"{line[1:]}\n"
    told = [line.partition("|")[::2] for line in (ask(WHOSE) if in_doubt(seen) else ())]
    mirrors = {plain(uri) for origin, uri in told if origin in ("Debian", "Debian Backports")}
    changed = made_safe(seen, lambda uri: is_debians(uri, mirrors))
    if not changed:
        return
    yield StringCommand(
        f"rm -rf {STAGE}; mkdir -p {STAGE}/new/sources.list.d; cp -a {PARTS}/. {STAGE}/new/sources.list.d"
    )
    yield StringCommand(f"if [ -e /etc/apt/sources.list ]; then cp -a /etc/apt/sources.list {STAGE}/new; fi")
    for path, text in changed.items():
        yield put(f"{STAGE}/new/{posixpath.relpath(path, '/etc/apt')}", File(text))
    yield StringCommand(SWAP)


@operation()
def safe_settings() -> Generator[StringCommand]:
    """No setting of apt, in whichever file, that accepts what nobody signed."""
    names = "|".join(name.rpartition("::")[2] for name in WEAK)
    weak = rf'({names})([[:space:]]+"?)(1|true|yes|with|on|enable)("?[[:space:]]*;)'
    where = "/etc/apt/apt.conf /etc/apt/apt.conf.d"
    found = ask(f"grep -rlEi -e {shlex.quote(weak)} {where} 2>/dev/null || true")
    if found:
        edit = shlex.quote(rf"s/{weak}/\1\2false\4/gI")
        yield StringCommand(f"sed -i -E {edit} {' '.join(map(shlex.quote, found))}")


def _wanted() -> Mapping[str, File]:
    origins = host.data.origins
    suite = "".join(ask(". /etc/os-release; echo $VERSION_CODENAME"))
    sites = [urlsplit(origin["uri"]).hostname for origin in origins]
    found = {
        PREFERENCES: File(render("apt-preferences.j2", suite=suite, sites=sites)),
        SAFE: File(render("apt-safe.conf.j2", names=WEAK)),
    }
    for origin in origins:
        key = f"{KEYS}/{OURS}{origin['name']}.asc"
        found[key] = File(origin["key"].strip() + "\n")
        found[f"{PARTS}/{OURS}{origin['name']}.sources"] = File(render("origin.sources.j2", origin=origin, key=key))
    return found


def _gone() -> list[str]:
    """What an origin left that the estate no longer names."""
    there = ask(f"ls -d {PARTS}/{OURS}*.sources {KEYS}/{OURS}*.asc 2>/dev/null || true")
    names = {origin["name"] for origin in host.data.origins}
    return [path for path in there if posixpath.basename(path).removeprefix(OURS).rpartition(".")[0] not in names]


@deploy("Origins")
def origins() -> None:
    """Whose packages are taken, and by which key they are known."""
    files(name="origins: whose packages are taken", wanted=_wanted, absent=_gone)
    safe_settings(name="origins: nothing unsigned")
    safe_sources(name="origins: sources with their keys")
