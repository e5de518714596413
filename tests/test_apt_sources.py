"""apt's sources made safe: Debian's own with Debian's key, nothing unsigned, everything else as it was."""

import pytest

from playbooks.apt_sources import DEBIAN, KEYRING, is_debians, made_safe

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


@pytest.mark.parametrize(
    ("uri", "own"),
    [
        ("http://deb.debian.org/debian", True),
        ("http://security.debian.org/", True),
        ("http://mirror.provider.example/debian/", True),
        ("http://mirror.provider.example/debian-security", True),
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
