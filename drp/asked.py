"""What was asked for when a plan was looked at, by its seal.

So whoever carries a plan out types its seal and nothing else, and what is carried out is that plan or nothing.
"""

from pydantic import TypeAdapter

from drp import job as jobs
from drp.scope import EVERYTHING, Scope
from effects import files

SCOPES = "scopes.json"
KEPT = 100  # plans that were looked at last
_SCOPES = TypeAdapter(dict[str, Scope])


def remember(seal: str, scope: Scope) -> None:
    """That the plan with that seal is what comes of it."""
    known = {key: value for key, value in _known().items() if key != seal}
    kept = dict([*known.items(), (seal, scope)][-KEPT:])
    jobs.DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(jobs.DIRECTORY / SCOPES, _SCOPES.dump_json(kept).decode(), mode=0o600)


def recalled(seal: str) -> Scope:
    """What was asked for when that plan was looked at; `seal` may be its beginning."""
    return next((scope for key, scope in reversed(_known().items()) if key.startswith(seal)), EVERYTHING)


def known(seal: str) -> bool:
    """Whether a plan with that seal was looked at here; of the last KEPT."""
    return any(key.startswith(seal) for key in _known())


def _known() -> dict[str, Scope]:
    try:
        return _SCOPES.validate_json((jobs.DIRECTORY / SCOPES).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # who looked at a plan looks at it again
        return {}
