"""How people prove themselves: key files, papers, shares, passphrases. None of them is ever on a command line."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from backups.escrow import paper, papers, people
from backups.escrow.contents import Contents, from_document
from backups.escrow.sealing import Sealed
from effects import secrets
from estate.problem import BadEstate, Missing, Untrusted
from estate.secret import Secret

F = TypeVar("F", bound=Callable[..., Any])
SHORTEST = 12  # characters of a new passphrase: whoever has the file can try a thousand a second on rented machines
TYPED = "-"


@dataclass(frozen=True, slots=True)
class Ways:
    """What was given to open a sealed file with."""

    keys: tuple[Path, ...]
    papers: tuple[str, ...]  # files, or TYPED
    by_passphrase: bool
    passphrase_files: tuple[Path, ...]

    @property
    def any(self) -> bool:
        """Whether anything was given."""
        return bool(self.keys or self.papers or self.by_passphrase)


def passphrase_file_option(function: F) -> F:
    """`--passphrase-file FILE`, once for each passphrase that would be asked for, in that order."""
    return click.option(
        "--passphrase-file", "passphrase_files", multiple=True, type=click.Path(path_type=Path),
        help="Read the passphrase from FILE (mode 0600) and don't ask; repeat it in the order of the questions.",
    )(function)  # fmt: skip


def ways_options(function: F) -> F:
    """`--key`, `--paper`, `--with-passphrase`, `--passphrase-file`; passed on as `ways: Ways`."""

    @wraps(function)
    def act(
        keys: tuple[Path, ...],
        paper_files: tuple[str, ...],
        by_passphrase: bool,
        passphrase_files: tuple[Path, ...],
        **given: Any,
    ) -> Any:
        return function(ways=Ways(keys, paper_files, by_passphrase, passphrase_files), **given)

    for option in (
        click.option(
            "--with-passphrase", "by_passphrase", is_flag=True, help="Open it with the passphrase of [escrow]."
        ),
        click.option(
            "--paper",
            "paper_files",
            multiple=True,
            metavar="FILE",
            help="Typed lines of a paper or of a share; - to type them now. Repeatable.",
        ),
        click.option(
            "--key", "keys", multiple=True, type=click.Path(path_type=Path), help="A person's key file. Repeatable."
        ),
        passphrase_file_option,
    ):
        act = option(act)
    return cast("F", act)


def content_of(path: Path) -> str:
    """A file that somebody named. Raises Missing."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise Missing(f"{path} can't be read: {fault}", hint="look at its name and rights: ls -l") from None


def a_passphrase(what: str, given: list[Path], *, new: bool = False) -> str:
    """The next of the files that were named, or asked for without echo; a new one twice. It is taken out of `given`."""
    if given:
        found = secrets.resolve(Secret(file=str(given.pop(0).resolve())), base=Path("/"))
    elif not sys.stdin.isatty():
        raise Missing(f"{what} has to be typed, and this is no terminal", hint="name a file: --passphrase-file FILE")
    else:
        found = str(click.prompt(what, hide_input=True, confirmation_prompt=new, err=True))
    if new and len(found) < SHORTEST:
        raise BadEstate(
            f"a passphrase of {len(found)} characters is guessed", hint=f"take {SHORTEST} or more: five words"
        )
    return found


def opened(sealed: Sealed, ways: Ways) -> Contents:
    """What is in it. Raises Refused for too few people, Untrusted for wrong keys and changed files."""
    given = list(ways.passphrase_files)
    if ways.by_passphrase:
        return from_document(sealed.open_by(a_passphrase("the passphrase of [escrow]", given)))
    return from_document(sealed.open_with({number: share for _, number, share in shares(sealed, ways, given)}))


def shares(sealed: Sealed, ways: Ways, given: list[Path]) -> list[tuple[str, int, bytes]]:
    """Whose, which number, and the share, for every key and paper."""
    found = [sealed.share_of(open_key(path, given)) for path in ways.keys]
    return found + [_share(sealed, source, given) for source in ways.papers]


def open_key(path: Path, given: list[Path]) -> people.Private:
    """A person's key file."""
    content = content_of(path)
    people.public_of(content)
    return people.open_key_file(content, a_passphrase(f"the passphrase of {path}", given))


def _share(sealed: Sealed, source: str, given: list[Path]) -> tuple[str, int, bytes]:
    it = papers.read(_typed() if source == TYPED else _lines(Path(source)))
    if isinstance(it, papers.SealedKey):
        it = it.open(a_passphrase("the passphrase of this paper", given))
    if isinstance(it, papers.Key):
        _require_signer(sealed, it.signer)
        return sealed.share_of(it.private)
    if it.of != sealed.id or not 0 < it.number <= len(sealed.head.recipients):
        raise Untrusted(
            f"this share is of another sealed file than number {sealed.head.number}",
            hint="ask for a share of this very file: seawall backup keys share FILE --key NAME.key",
        )
    return list(sealed.head.recipients)[it.number - 1], it.number, it.share


def _require_signer(sealed: Sealed, known: bytes | None) -> None:
    """Whoever has root on a backup server can seal an estate of his own to the same people."""
    if known is not None and known != sealed.signer:
        raise Untrusted(
            f"this was sealed by {papers.code(sealed.signer)}, and the paper knows {papers.code(known)}",
            hint="take another holder's copy. Only where the control machine got a new ssh key since: use --key",
        )


def _lines(path: Path) -> bytes:
    try:
        return paper.read(content_of(path).splitlines())
    except paper.BadLine as fault:
        raise BadEstate(f"{path}: {fault}", hint="mend that line, then run the same command again") from None


def _typed() -> bytes:
    """Line by line; a wrong one is said at once, and typed again."""
    click.echo("Type the lines of the paper, each with its number; the last begins with END.", err=True)
    try:
        return paper.joined(_each(iter(_asked, None)))
    except paper.BadLine as fault:
        raise BadEstate(str(fault), hint="run the same command again") from None


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("line", prompt_suffix=" > ", err=True))
    line = sys.stdin.readline()
    if not line:
        raise BadEstate(f"the last line, {paper.LAST}, is missing", hint="type all lines of the paper")
    return line


def _each(typed: Iterable[str]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for written in typed:
        if not written.strip():
            continue
        try:
            line = paper.read_line(written)
        except paper.BadLine as fault:
            click.echo(f"  {fault}; type it again", err=True)
            continue
        found[line.number] = line.data
        if line.number == 0:
            break
    return found


def together(names: Sequence[str]) -> str:
    """Of people, as a sentence has them."""
    return ", ".join(names) or "nobody"
