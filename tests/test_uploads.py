"""The program that mounts upload directories: where it walks, and what it leaves alone. It mounts in the lab."""

from pathlib import Path

import pytest

from effects.onhost import uploads


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for vhosts, a list and an fstab of the test's own."""
    for name, path in (("TOP", "vhosts"), ("LIST", "uploads"), ("FSTAB", "fstab")):
        kind = str if name == "TOP" else Path
        monkeypatch.setattr(uploads, name, kind(tmp_path / path))
    (tmp_path / "vhosts/shop/files").mkdir(parents=True)
    return tmp_path / "vhosts"


@pytest.mark.parametrize("name", ["shop/files", "shop/files/deep", "shop/files/deep/er"])
def test_a_link_anywhere_on_the_way_leads_astray(top: Path, name: str) -> None:
    real = top.parent / "elsewhere"
    (real / "files/deep/er").mkdir(parents=True)
    (top / "shop/files/deep/er").mkdir(parents=True)
    assert uploads.state(str(top / name)) == uploads.OWED  # so this test can fail
    for link in (top / "shop/files/deep", top / "shop/files", top / "shop"):
        if (top / name).is_relative_to(link):
            link.rename(real / "was")
            link.symlink_to(real / "was")
            assert (top / name).is_dir()
            assert uploads.state(str(top / name)) == uploads.ASTRAY
            link.unlink()
            (real / "was").rename(link)


def test_what_is_no_directory_and_what_is_not_there(top: Path) -> None:
    (top / "shop/file").touch()
    assert uploads.state(str(top / "shop/file")) == uploads.ASTRAY
    assert uploads.state(str(top / "shop/none")) == uploads.ABSENT


def test_one_that_is_in_the_way_keeps_no_other_from_being_tried(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried = []

    def act(path: str) -> None:
        with uploads.reached(path):
            tried.append(path)

    (top / "link").symlink_to(top / "shop")
    assert uploads.attend(act, [str(top / "link/files"), str(top / "none"), str(top / "shop/files")]) == 0
    assert tried == [str(top / "shop/files")]
    assert capsys.readouterr().err.count("not mounted") == 2


def test_what_the_kernel_refuses_is_a_failure() -> None:
    def refused(path: str) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    assert uploads.attend(refused, ["/srv/vhosts/a"]) == 1


def test_a_disk_of_an_administrators_own_is_awaited_and_a_bind_of_ours_is_not(top: Path) -> None:
    path, other = str(top / "shop/files"), "/srv/vhosts/b"
    uploads.FSTAB.write_text(
        f"# x {other} ext4 defaults\n{other} {other} none bind 0 0\n/dev/sdb1 {path} ext4 rw 0 2\n"
    )
    assert uploads.awaited() == {path}
    assert uploads.state(path) == uploads.OWN


def test_the_list_may_have_comments_and_may_not_be_there() -> None:
    assert uploads.listed() == []
    uploads.LIST.write_text("# ours\n\n/srv/vhosts/a/files\n")
    assert uploads.listed() == ["/srv/vhosts/a/files"]
