"""What speaks against a recovery point: faults that were seen, and what became suspiciously small or old. Pure.

A site whose files or rows shrink by half between two proofs was emptied, by mistake or by somebody, whatever it
answers over HTTPS. The bound is coarse on purpose, and small numbers are left alone: who sees a finding that is always
there reads none.
"""

from datetime import UTC, datetime, timedelta

from backups.tables import ROWS, SUM, Evidence

LEAST = 0.5  # of what the last proof that held had counted
SMALL = 20  # what has no more than this may go, but for the last of all
SMALLER = "suspiciously small"  # what a finding of that begins with
COUNTS = ("files", "bytes", "rows", "tables")
NAMED, LONGEST = 20, 300  # tables of a database, and characters, that are told of what production says


def shrunk(before: Evidence | None, now: Evidence) -> list[str]:
    """What is less than half of what it was, in words; table by table where there are some."""
    found = []
    for word, was in (before or {}).items():
        counted = word in COUNTS or word.startswith(ROWS)
        if not counted or not isinstance(was, int):
            continue
        left = now.get(word)
        if was <= SMALL and not (word in COUNTS and was and left == 0):
            continue
        if not isinstance(left, int):
            found.append(f"{word}: {was} before, and now there are none")
        elif left < was * LEAST:
            found.append(f"{word}: {was} before, {left} now")
    return found


def differs(there: Evidence, here: Evidence) -> list[str]:
    """What is not as production counted it, in words, table by table.

    `there` may be of somebody who took production over: whatever it is, it is told in bounds.
    """
    found = []
    for word, counted in there.items():
        table = word.removeprefix(SUM)
        if counted == here.get(word) or (
            word.startswith(SUM) and there.get(f"{ROWS}{table}") != here.get(f"{ROWS}{table}")
        ):
            continue  # other rows have another sum: once is enough
        if word.startswith(SUM):
            found.append(f"{table} has as many rows as on production, but not the same")
        else:
            found.append(f"{word}: {counted} on production, {here.get(word, 'none')} here")
    more = [f"and {len(found) - NAMED} more"] if len(found) > NAMED else []
    return [*map(plain, found[:NAMED]), *more]


def plain(said: str) -> str:
    """What another host says, for a record and a terminal: one line, not too long, and no control characters."""
    short = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return "".join(one if one.isprintable() else "?" for one in short)


def stale(newest: str | float | None, most: timedelta, taken: datetime) -> str | None:
    """Why the newest business row is too old for a copy that was taken then; None where it is not.

    `newest`: an instant as SQL writes it, or seconds of Unix time. What can't be read as one is too old.
    """
    if newest is None:
        return "there is no newest row"
    try:
        at = datetime.fromtimestamp(float(newest), UTC) if _number(newest) else datetime.fromisoformat(str(newest))
    except (ValueError, OverflowError):
        return f"{newest!r} is no instant"
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    age = taken - at
    return f"its newest row is {_words(age)} older than the copy; {_words(most)} are allowed" if age > most else None


def _number(word: str | float) -> bool:
    return str(word).replace(".", "", 1).isdigit()


def _words(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))
