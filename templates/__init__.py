"""One jinja2 file per managed file or page; a missing value is an error, never an empty string."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from estate.problem import Failed

FOLDER = Path(__file__).parent


def _is_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html.j2")


_environment = Environment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    autoescape=_is_html,  # noqa: S701  # what is no HTML is text for people and servers
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(name: str, **values: object) -> str:
    """The template `name` (a file of this folder) filled in; HTML is escaped.

    Raises Failed where the template is not there or names a value that was not given.
    """
    try:
        return _environment.get_template(name).render(values)
    except TemplateError as fault:
        raise Failed(
            f"templates/{name}: {fault}", hint="install seawall again: its parts do not fit together"
        ) from None
