"""What is known of the last run's files: the same in whatever order it is asked, and nothing of what is torn."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from backups.proof.index import Index, Known, count

HERE = Path(__file__).stat()


@contextmanager
def kept(shards: list[list[str]]) -> Iterator[Path]:
    """An index of those parts, each path with content of its own."""
    with TemporaryDirectory() as folder:
        top = Path(folder)
        for number, paths in enumerate(shards):
            with closing(Index(top / "none", top / "now", str(number))) as index:
                for turn, path in enumerate(paths):
                    index.keep(path, HERE, f"{path} {turn}".encode("utf-8", "surrogateescape"), b"about")
        yield top


PATHS = st.lists(st.text("ab/\udcff", min_size=1, max_size=3), max_size=40, unique=True)


@given(PATHS, st.randoms(use_true_random=False), st.integers(1, 3))
def test_each_row_is_found_in_any_order_and_no_other(paths: list[str], chance: object, of: int) -> None:
    shards = [[path for path in paths if len(path) % of == shard] for shard in range(of)]
    right = {
        path: f"{path} {turn}".encode("utf-8", "surrogateescape") for shard in shards for turn, path in enumerate(shard)
    }
    asked = [*paths, *paths, "absent", *sorted(paths)]
    chance.shuffle(paths)  # type: ignore[attr-defined]
    with kept(shards) as top, closing(Index(top / "now", top / "new", "0")) as index:
        for path in [*asked, *paths]:
            row = index.row(path)
            assert (row and row.content) == right.get(path)
            assert row is None or row.is_of(HERE)


@given(PATHS)
def test_a_path_is_known_if_it_was_kept(paths: list[str]) -> None:
    with kept([paths[::2]]) as top, closing(Known(top / "now")) as known:
        holds = known.paths()
        assert [holds(path) for path in paths] == [path in paths[::2] for path in paths]


def test_a_torn_part_is_no_part_and_hides_no_other(tmp_path: Path) -> None:
    with kept([["a"], ["b"]]) as top:
        torn = top / "now/0"
        torn.write_bytes(torn.read_bytes()[:5000])
        (top / "now/2").write_bytes(b"never a database")
        with closing(Index(top / "now", top / "new", "0")) as index:
            assert index.row("a") is None
            assert index.row("b") is not None
        count(top / "now", top / "new")
        assert sorted(path.name for path in (top / "now").iterdir()) == ["0"]
