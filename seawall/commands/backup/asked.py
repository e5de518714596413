"""What somebody typed after `seawall backup restore`: one subject, and the options that fit it."""

from dataclasses import dataclass, fields
from pathlib import Path

from estate.problem import BadEstate

# What each subject may be said with; what all may is not listed.
FITTING = {
    "PATH…": ("archive", "at", "to", "swap", "yes", "host"),
    "--database": ("archive", "at", "before", "latest", "into", "dump", "swap", "yes", "source", "host"),
    "--table": ("archive", "at", "before", "latest", "into", "dump", "host"),
    "--vhost": ("archive", "at", "to", "swap", "yes", "source", "host"),
    "--host": ("archive", "at", "to", "host"),
}
WORDS = {"before": "--before-transaction", "source": "--from"}


@dataclass(frozen=True, slots=True)
class Asked:
    """As click gives it."""

    wanted: tuple[str, ...]
    database: str | None
    table: str | None
    vhost: str | None
    archive: str | None
    at: str | None
    before: str | None
    latest: bool
    to: Path | None
    into: str | None
    dump: Path | None
    source: Path | None
    swap: bool
    yes: bool
    host: str | None
    dry_run: bool
    as_json: bool

    @property
    def subject(self) -> str:
        """What is to be brought back, a key of `FITTING`. Raises BadEstate for none, two, or a wrong option."""
        given = {
            "PATH…": bool(self.wanted),
            "--database": self.database is not None,
            "--table": self.table is not None,
            "--vhost": self.vhost is not None,
        }
        named = [subject for subject, is_given in given.items() if is_given]
        named = named or ["--host"] * bool(self.host and self.to)
        if len(named) != 1:
            raise BadEstate("say what to bring back, in one way", hint=f"one of: {', '.join(FITTING)} NAME --to DIR")
        every = {name for names in FITTING.values() for name in names}
        typed = [field.name for field in fields(self) if field.name in every and getattr(self, field.name)]
        if wrong := [name for name in typed if name not in FITTING[named[0]]]:
            raise BadEstate(
                f"{', '.join(map(_word, wrong))} says nothing with {named[0]}",
                hint=f"with {named[0]}: {', '.join(map(_word, FITTING[named[0]]))}",
            )
        self._require_one_way()
        return named[0]

    def _require_one_way(self) -> None:
        if self.yes and not self.swap:
            raise BadEstate("--yes says nothing without --swap", hint="to put it in its place: --swap, then --yes too")
        if self.source is not None and (not self.swap or self.archive or self.streamed or self.to or self.host):
            raise BadEstate("--from puts in place what a restore has brought", hint="--swap --from, and no time")
        if (self.archive is not None) + self.streamed > 1:
            raise BadEstate("say where to stop, in one way", hint="--archive NAME, --at TIME, or the others")
        if self.dump is not None and self.into is not None:
            raise BadEstate("--dump and --into are two ways", hint="a file, or a place in the server")
        if self.swap and (self.dump or self.into):
            raise BadEstate("--swap puts it in its place, and nowhere else", hint="leave out --into and --dump")

    @property
    def streamed(self) -> int:
        """In how many ways an instant of the stream was named; `--at` names one for files too."""
        return (self.at is not None) + (self.before is not None) + self.latest


def _word(name: str) -> str:
    return WORDS.get(name, f"--{name}")
