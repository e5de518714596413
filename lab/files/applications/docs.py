"""Write the documents of docs.example: 20,000 small files and one of 200 MB that does not compress."""

import random
import sys
from pathlib import Path

DIRECTORIES = 100
FILES_EACH = 200
LARGE_MB = 200

root = Path(sys.argv[1])
rng = random.Random(7)  # noqa: S311 - the same documents in every lab
root.mkdir()
(root / "index.html").write_text("<!doctype html><title>Seawall docs</title><h1>Seawall docs</h1>\n")
for directory in range(DIRECTORIES):
    shelf = root / f"shelf-{directory:03}"
    shelf.mkdir()
    for number in range(FILES_EACH):
        body = rng.randbytes(rng.randrange(200, 2000)).hex()
        (shelf / f"page-{number:03}.html").write_text(f"<!doctype html><p>{directory}/{number}</p><pre>{body}</pre>\n")
with (root / "archive.bin").open("wb") as large:
    for _ in range(LARGE_MB):
        large.write(rng.randbytes(1 << 20))
