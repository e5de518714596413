"""What the estate explains of a host, and what not."""

from dataclasses import replace
from typing import Any

import pytest
from test_playbooks_rules import an_estate

from estate.model import Host
from estate.problem import Unmet, Unreachable
from supervision.asking import everywhere
from supervision.surface import COMPILERS, LEGACY, Surface, check, judge


def a_package(name: str, **changed: Any) -> dict[str, Any]:
    about = {"version": "1", "manual": True, "needed": False, "holds": False, "vital": False, "foreign": False, "kb": 1}
    return about | {"name": name, "kept": changed.get("needed", False)} | changed


def judged(*packages: dict[str, Any], host: Host | None = None, **changed: Any) -> Surface:
    estate = an_estate()
    seen = {"packages": list(packages), "listening": [], "sources": [], "changed": []}
    return judge(estate, host or estate.hosts["web"], seen | changed)


def listener(protocol: str, port: int) -> dict[str, Any]:
    return {"protocol": protocol, "address": "0.0.0.0", "port": port, "program": "python3"}  # noqa: S104 - as ss says it


def test_a_package_that_nobody_needs_is_named_and_what_it_brought_goes_along() -> None:
    found = judged(a_package("jq"), a_package("libjq1", manual=False), a_package("nginx", needed=True))
    assert [(extra.name, extra.kind) for extra in found.packages] == [("jq", "extra")]
    assert found.removable == ("jq",)


def test_compilers_and_legacy_clients_are_named_even_where_something_needs_them() -> None:
    found = judged(a_package("gcc-12", manual=False, needed=True), a_package("telnet"), a_package("gcc-12-base"))
    assert [(extra.name, extra.kind) for extra in found.packages[:2]] == [("gcc-12", "compiler"), ("telnet", "legacy")]
    assert "gcc-12" not in found.removable
    assert "telnet" in found.removable


@pytest.mark.parametrize("name", ["gcc", "g++-14", "make", "clang-19", "libssl-dev", "linux-headers-amd64", "dpkg-dev"])
def test_these_compile(name: str) -> None:
    assert COMPILERS.fullmatch(name)


@pytest.mark.parametrize("name", ["gcc-12-base", "libgcc-s1", "makedev", "binutils", "linux-image-amd64", "php-gd"])
def test_these_do_not(name: str) -> None:
    assert not COMPILERS.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["telnet", "rsh-client", "nis", "ftp", "tnftp", "tftp-hpa", "inetutils-telnet", "talk"]
)
def test_these_send_passwords_in_the_clear(name: str) -> None:
    assert LEGACY.fullmatch(name)
    assert not LEGACY.fullmatch("openssh-sftp-server")


def test_what_no_source_has_is_named_and_not_removed() -> None:
    found = judged(a_package("of-the-team", foreign=True))
    assert found.packages[0].kind == "foreign"
    assert found.removable == ()


def test_what_holds_data_or_serves_what_no_source_has_is_never_removed() -> None:
    found = judged(a_package("postgresql-15", holds=True, kept=True), a_package("jre", kept=True), a_package("jq"))
    assert [(extra.name, extra.kind) for extra in found.packages] == [
        ("postgresql-15", "data"), ("jre", "extra"), ("jq", "extra")
    ]  # fmt: skip
    assert found.removable == ("jq",)
    assert found.kept == {"postgresql-15", "jre"}


def test_the_estate_explains_packages_and_ports() -> None:
    estate = an_estate()
    asked = replace(estate.hosts["web"], packages=("jq",), listens=("tcp/8081",))
    ports = [listener("tcp", port) for port in (2222, 80, 443, 8081)]
    assert judged(a_package("jq"), host=asked, listening=ports).ok
    assert judged(listening=ports).listening == ("tcp/8081 (python3)",)
    assert judged(listening=[listener("udp", 68)]).ok


def test_a_source_that_is_not_debians_is_named_with_its_file() -> None:
    entry = {"entry": "/etc/apt/sources.list.d/x.list:3", "uri": "https://x.example/apt/", "debians": False}
    found = judged(sources=[entry, {"entry": "y:1", "uri": "http://mirror.example/debian/", "debians": True}])
    assert found.sources == ("https://x.example/apt/ (/etc/apt/sources.list.d/x.list:3)",)
    assert found.files == ("/etc/apt/sources.list.d/x.list",)


def test_a_host_whose_answer_makes_no_sense_is_unknown_and_holds_up_nobody() -> None:
    hosts = [an_estate().hosts[name] for name in ("web", "twin")]
    found = everywhere(hosts, lambda host: {"twin": "well"}[host.name])
    assert found["twin"] == "well"
    assert "web: its answer makes no sense" in str(found["web"])


def test_what_is_left_to_explain_is_a_failure_and_so_is_silence() -> None:
    check([judged()])
    with pytest.raises(Unmet):
        check([judged(changed=["/usr/bin/ls"])])
    with pytest.raises(Unreachable):
        check([Surface("web", unknown="web does not answer")])
