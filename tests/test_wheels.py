"""The toolkit on its way to hosts: the same wheels are the same file."""

import os
from pathlib import Path

from seawall.wheels import _packed, wanted


def test_the_same_wheels_are_packed_to_the_same_bytes_and_other_ones_to_another_name(tmp_path: Path) -> None:
    for name in ("b.whl", "a.whl"):
        (tmp_path / name).write_bytes(name.encode())
    first = _packed(tmp_path)
    before = first.read_bytes()
    os.utime(tmp_path / "a.whl", (1, 1))  # built again
    assert _packed(tmp_path) == first
    assert first.read_bytes() == before
    (tmp_path / "a.whl").write_bytes(b"other")
    assert _packed(tmp_path) != first


def test_octodns_comes_only_with_a_package_of_it() -> None:
    assert wanted(()) == ("seawall",)
    assert wanted(("octodns-bind>=1.1,<2",)) == ("seawall[octodns]", "octodns-bind>=1.1,<2")
