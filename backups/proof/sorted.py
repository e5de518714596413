"""The items of an archive by the tree that they belong to: read and decrypted once, however many trees there are.

In a file without a name, for a million of them take a gigabyte as objects, and a hundred megabytes there.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from backups.proof.opened import packed, unpacked


class Sorted:
    """`members`: of each tree the paths that it wants, as in the archive. `folder`: where the file has room."""

    def __init__(self, items: Iterable[Any], members: Sequence[Sequence[str]], folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._places = [array("Q") for _ in members]
        self._wants: dict[str, list[int]] = {}
        for number, paths in enumerate(members):
            for path in paths:
                self._wants.setdefault(path, []).append(number)
        for item in items:
            self._sort(item)
        self._file.flush()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def of(self, number: int) -> Iterator[Any]:
        """The items of one tree, in their order; and what links of its may lead to, wherever that is."""
        for place in self._places[number]:
            self._file.seek(place)
            size = int.from_bytes(self._file.read(4), "big")
            yield unpacked(self._file.read(size))

    def _sort(self, item: Any) -> None:
        master = item.get("hardlink_master") and "chunks" in item
        numbers = range(len(self._places)) if master else self._whose(item.path)
        if not numbers:
            return
        data = packed(item, chunks=True)
        place = self._file.tell()
        self._file.write(len(data).to_bytes(4, "big") + data)
        for number in numbers:
            self._places[number].append(place)

    def _whose(self, path: str) -> dict[int, None]:
        found = dict[int, None]()
        while path:
            found |= dict.fromkeys(self._wants.get(path, ()))
            path = path.rpartition("/")[0]
        return found
