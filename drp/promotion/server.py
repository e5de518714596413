"""A Knot or a BIND on a Debian host: its configuration as it reads it itself, and another one in its place.

Nothing of ours is there and nothing is left, but the configuration that stood, among Debian's own backups: outside of
any directory that an include takes whole. Secrets go through standard input and output of ssh alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from drp.promotion import bind, knot
from drp.promotion.asked import Ours, by_hand
from effects.remote import Remote
from estate.problem import Failed, Missing, Refused

LIMIT = 60.0  # seconds
BUSY, CHANGED, WRONG = 75, 76, 77  # exit codes of the programs below
WHICH = """for unit in knot named; do
    systemctl is-active --quiet "$unit" || continue
    echo "$unit"
    tr '\\0' ' ' < "/proc/$(systemctl show --property MainPID --value "$unit")/cmdline"
    exit
done"""
# What is to stand comes on standard input. READ, CHECK, SAVE and RELOAD are the server's own.
PUT = """set -eu; umask 077
exec 9> /run/lock/seawall-promote; flock -n 9 || exit 75
file=$(readlink -f "$1"); new=$(dirname "$file")/.seawall-promote
{ echo "# $4"; cat; } > "$new"; chown "$5" "$new"; chmod 640 "$new"
READ > "$new.read"; sum=$(sha256sum < "$new.read"); rm "$new.read"
[ "${sum%% *}" = "$2" ] || { rm "$new"; exit 76; }
CHECK "$new" >&2 || { rm "$new"; exit 77; }
SAVE
[ -e "$3" ] || cp --preserve=all "$file" "$3"
mv "$new" "$file"
logger -t seawall "$4"
RELOAD"""
BACK = """set -eu; [ -e "$2" ] || exit 0
file=$(readlink -f "$1"); old=$(dirname "$file")/.seawall-promote
cp --preserve=all "$2" "$old"; mv "$old" "$file"
RELOAD"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Of name server."""

    name: str
    unit: str
    file: str
    owner: str  # who has to read it, and its group: nobody else may, as it has secrets
    read: str
    check: str
    save: str
    reload: str
    promoted: Callable[[str, Sequence[str], Ours], str]
    unsigned: Callable[[str, str], bool]
    plain: Callable[[str], str]  # what it gives out, as `promoted` writes it

    def program(self, text: str) -> str:
        """With this kind's own commands."""
        for word in ("read", "check", "save", "reload"):
            text = text.replace(word.upper(), getattr(self, word))
        return text


KINDS = {
    "knot": Kind(
        "Knot", "knot", "/etc/knot/knot.conf", "knot:knot", "knotc conf-export",
        "conf() { knotc -c \"$1\" conf-check; }; conf", "true", "knotc reload >&2",
        knot.promoted, knot.unsigned, knot.plain,
    ),
    "named": Kind(
        "BIND", "named", "/etc/bind/named.conf", "root:bind", "named-checkconf -p", "named-checkconf", "rndc sync >&2",
        "rndc reconfig >&2", bind.promoted, bind.unsigned, str,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server reads when it starts."""

    kind: Kind
    text: str
    digest: str  # SHA-256 of how the server itself gives it out


def standing(remote: Remote) -> Standing:
    """Raises Missing where no name server runs, Refused where it reads something else than Debian's one does."""
    unit, _, line = remote.run(["sh", "-c", WHICH], timeout=LIMIT).partition("\n")
    kind = KINDS.get(unit)
    if kind is None:
        raise Missing(
            f"{remote.host.name}: neither Knot nor BIND runs there", hint="systemctl status knot named, there"
        )
    if {"-c", "-C", "-t"} & set(line.split()):
        raise by_hand(f"{remote.host.name}: {kind.name} reads another configuration than {kind.file}: {line.strip()}")
    said = remote.run(["sh", "-c", kind.read], timeout=LIMIT)
    return Standing(kind, kind.plain(said), sha256(said.encode()).hexdigest())


def put(remote: Remote, was: Standing, text: str, kept: str, note: str) -> None:
    """`text` in its place, and read by the server; what stood stays in `kept`.

    Raises Refused where something else stands meanwhile or somebody else is at it, Failed where the server refuses it:
    then nothing was changed.
    """
    kind, server = was.kind, remote.host.name
    line = " ".join(note.split())  # the first one of the file
    argv = ["sh", "-c", kind.program(PUT), "sh", kind.file, was.digest, kept, line, kind.owner]
    done = remote.attempt(argv, timeout=LIMIT, stdin=text)
    if done.code == BUSY:
        raise Refused(f"{server}: somebody else is promoting it", hint="wait, then run the same command again")
    if done.code == CHANGED:
        raise Refused(f"{server}: {kind.file} was changed meanwhile", hint="run the same command again, and look anew")
    if done.code == WRONG:
        raise by_hand(f"{server}: {kind.name} refuses what would stand in {kind.file}: {done.said}")
    if not done.ok:
        raise Failed(
            f"{server}: {kind.name} can't be told: {done.said}",
            hint=f"look at its log: journalctl -u {kind.unit}",
        )


def again(remote: Remote, kind: Kind) -> None:
    """It reads what stands: who wrote it may have been cut off before that."""
    remote.run(["sh", "-c", kind.reload], timeout=LIMIT)


def put_back(remote: Remote, kind: Kind, kept: str) -> None:
    """What stood, from `kept`."""
    remote.run(["sh", "-c", kind.program(BACK), "sh", kind.file, kept], timeout=LIMIT)
