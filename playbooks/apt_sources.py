"""apt's source files, read and made safe. Pure.

Debian's own entries are pinned to Debian's key and stand as deb822. Whatever turns a signature off is taken out; an
entry of others that has no key then, and so could not be read without it, is disabled. Everything else stays as it
was written: whose it is, `seawall surface` says. Whose a mirror is, its address does not say: apt's own lists do.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from urllib.parse import urlsplit

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN = "/etc/apt/sources.list.d/debian.sources"
# sources.list(5): each of them accepts what nobody signed, or what is no more valid.
UNSAFE = ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure", "check-valid-until")
Debians = Callable[[str], bool]  # whether a URI is Debian's
_LINE = re.compile(r"^(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)[ \t]*([^#\n]*)(#.*)?$")
_FIELD = re.compile(r"^([A-Za-z-]+):\s*(.*)$")


def is_debians(uri: str, mirrors: Collection[str] = ()) -> bool:
    """Whether an entry without a key is Debian's own, or one of the `mirrors` that apt itself knows to be Debian's."""
    return (urlsplit(uri).hostname or "").endswith(".debian.org") or plain(uri) in mirrors


def plain(uri: str) -> str:
    """As apt writes it, but for the slash at its end: "mirror+file:///x" is "mirror+file:/x"."""
    return uri.replace(":///", ":/").rstrip("/")


def in_doubt(files: Mapping[str, str]) -> bool:
    """Whether there is an entry without a key, and its address does not say whose it is."""
    return made_safe(files, lambda _: True) != made_safe(files, is_debians)


def made_safe(files: Mapping[str, str], debians: Debians) -> dict[str, str]:
    """Path to text of the files that must change; `files` are all of apt's sources."""
    moved: list[str] = []
    safe = {
        path: _deb822(text, debians) if path.endswith(".sources") else _lines(text, moved, debians)
        for path, text in files.items()
    }
    if moved:
        stanzas = [safe.get(DEBIAN, "").rstrip("\n"), *moved]
        safe[DEBIAN] = "\n\n".join(stanza for stanza in stanzas if stanza) + "\n"
    return {path: text for path, text in safe.items() if text != files.get(path)}


def _lines(text: str, moved: list[str], debians: Debians) -> str:
    return "".join(f"{_line(line, moved, debians)}\n" for line in text.splitlines())


def _line(line: str, moved: list[str], debians: Debians) -> str:
    match = _LINE.match(line.strip())
    if match is None:
        return line
    kind, options, uri, suite, components, _ = match.groups()
    given = dict(option.partition("=")[::2] for option in (options or "").split())
    safe = {key: value for key, value in given.items() if key.lower() not in UNSAFE}
    if "signed-by" not in safe and debians(uri):
        fields = {"Types": kind, "URIs": uri, "Suites": suite, "Components": components.strip()}
        extra = {"arch": "Architectures"}
        fields |= {extra[key]: value.replace(",", " ") for key, value in safe.items() if key in extra}
        fields |= {"Signed-By": KEYRING}
        moved.append("\n".join(f"{key}: {value}" for key, value in fields.items() if value))
        return f"# now in {DEBIAN}: {kind} {uri} {suite}"
    if safe == given:
        return line
    if "signed-by" not in safe:
        return f"# disabled, nobody signs it: {line.strip()}"
    kept = f"[{' '.join(f'{key}={value}' for key, value in safe.items())}] " if safe else ""
    return f"{kind} {kept}{uri} {suite} {components.strip()}".rstrip()


def _deb822(text: str, debians: Debians) -> str:
    stanzas = re.split(r"(\n[ \t]*\n+)", text)
    return "".join(_stanza(part, debians) if n % 2 == 0 else part for n, part in enumerate(stanzas))


def _stanza(stanza: str, debians: Debians) -> str:
    written = stanza.splitlines(keepends=True)
    lines = list(_without_unsafe(written))
    fields = {match[1].lower(): match[2] for line in lines if (match := _FIELD.match(line))}
    uris = fields.get("uris", "").split()
    end = "" if not lines or lines[-1].endswith("\n") else "\n"
    if uris and "signed-by" not in fields and all(map(debians, uris)):
        lines.append(f"{end}Signed-By: {KEYRING}\n")
    elif lines != written and "signed-by" not in fields:
        lines = [*(line for line in lines if not line.lower().startswith("enabled:")), f"{end}Enabled: no\n"]
    return "".join(lines)


def _without_unsafe(lines: list[str]) -> Iterator[str]:
    """Without those fields, and the lines that continue them."""
    leave_out = False
    for line in lines:
        if match := _FIELD.match(line):
            leave_out = match[1].lower() in UNSAFE
        if not (leave_out and (match or line[:1] in " \t")):
            yield line
