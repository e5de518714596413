"""apt's sources made safe: Debian's own with Debian's key, nothing unsigned, everything else as it was."""

import pytest

from playbooks.apt_sources import DEBIAN, KEYRING, in_doubt, is_debians, plain
from playbooks.apt_sources import made_safe as made_safe_by

LIST = "/etc/apt/sources.list"
OTHER = "/etc/apt/sources.list.d/other.sources"
CLOUD = """\
# See /etc/apt/mirrors
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm
Components: main

Types: deb
URIs: https://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
"""


def made_safe(files: dict[str, str], *mirrors: str) -> dict[str, str]:
    return made_safe_by(files, lambda uri: is_debians(uri, [plain(mirror) for mirror in mirrors]))


@pytest.mark.parametrize(
    ("uri", "own"),
    [
        ("http://deb.debian.org/debian", True),
        ("http://security.debian.org/", True),
        ("http://mirror.provider.example/debian/", False),
        ("https://anybody.example/debian-security", False),
        ("https://download.example/linux/debian", False),
        ("https://debian.org.attacker.example/x", False),
        ("file:/srv/packages", False),
    ],
)
def test_debians_own_archives_are_known(uri: str, own: bool) -> None:
    assert is_debians(uri) is own


def test_one_line_entries_of_debian_become_deb822_with_debians_key() -> None:
    text = "deb http://deb.debian.org/debian bookworm main contrib # ours\ndeb-src http://x.example/y bookworm main\n"
    safe = made_safe({LIST: text})
    assert safe[LIST] == f"# now in {DEBIAN}: deb http://deb.debian.org/debian bookworm\n" + text.splitlines()[1] + "\n"
    assert safe[DEBIAN] == (
        "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main contrib\n"
        f"Signed-By: {KEYRING}\n"
    )
    assert made_safe(safe) == {}


def test_what_moves_comes_beside_what_stands_there() -> None:
    there = f"Types: deb\nURIs: https://deb.debian.org/debian\nSuites: bookworm\nSigned-By: {KEYRING}\n"
    safe = made_safe({LIST: "deb [arch=amd64] http://security.debian.org/ bookworm-security main\n", DEBIAN: there})
    assert safe[DEBIAN].startswith(there)
    assert "Architectures: amd64\nSigned-By" in safe[DEBIAN]


def test_a_stanza_of_debian_without_a_key_gets_it_and_others_stay() -> None:
    safe = made_safe({DEBIAN: CLOUD})
    assert safe[DEBIAN] == CLOUD + f"Signed-By: {KEYRING}\n"
    assert made_safe(safe) == {}


@pytest.mark.parametrize("option", ["trusted=yes", "allow-insecure=yes", "allow-weak=yes", "check-valid-until=no"])
def test_no_line_does_without_a_signature(option: str) -> None:
    safe = made_safe({LIST: f"deb [signed-by=/k.asc {option}] https://x.example/apt stable main\n"})
    assert safe[LIST] == "deb [signed-by=/k.asc] https://x.example/apt stable main\n"
    line = f"deb [{option}] https://x.example/apt ./"
    assert made_safe({LIST: line})[LIST] == f"# disabled, nobody signs it: {line}\n"


def test_no_stanza_does_without_a_signature() -> None:
    text = "Types: deb\nTrusted: yes\nURIs: https://x.example/apt\nAllow-Insecure: yes\n# why\nSuites: stable\n"
    safe = "Types: deb\nURIs: https://x.example/apt\n# why\nSuites: stable\n"
    assert made_safe({OTHER: text})[OTHER] == f"{safe}Enabled: no\n"
    assert made_safe({OTHER: f"{text}Signed-By: /k.asc\n"})[OTHER] == f"{safe}Signed-By: /k.asc\n"


def test_a_key_within_a_stanza_is_kept() -> None:
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n"
    assert made_safe({OTHER: f"Types: deb\nURIs: https://x.example/debian\nSuites: a\n{key}"}) == {}


@pytest.mark.parametrize(
    ("uri", "as_apt_says"),
    [
        ("http://mirror.provider.example/debian", "http://mirror.provider.example/debian/"),
        ("mirror+file:///etc/apt/mirrors/debian.list", "mirror+file:/etc/apt/mirrors/debian.list/"),
    ],
)
def test_a_mirror_gets_debians_key_where_apt_knows_that_it_is_one(uri: str, as_apt_says: str) -> None:
    stanza = f"Types: deb\nURIs: {uri}\nSuites: bookworm\nComponents: main\n"
    assert made_safe({OTHER: stanza}) == {}
    assert made_safe({OTHER: stanza}, as_apt_says) == {OTHER: f"{stanza}Signed-By: {KEYRING}\n"}
    line = f"deb {uri} bookworm main\n"
    assert made_safe({LIST: line}) == {}
    assert f"URIs: {uri}\n" in made_safe({LIST: line}, as_apt_says)[DEBIAN]


def test_apt_is_asked_only_about_what_has_no_key() -> None:
    assert in_doubt({LIST: "deb http://mirror.example/debian bookworm main\n"})
    assert not in_doubt({LIST: "deb http://deb.debian.org/debian bookworm main\n"})
    assert not in_doubt({LIST: "deb [signed-by=/k.asc] http://mirror.example/debian bookworm main\n"})
