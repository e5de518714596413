"""A report on paper: the same page, printed by WeasyPrint. On the control machine, where that is installed."""

from pathlib import Path
from typing import Any, NoReturn

from effects import files
from estate.problem import Missing

HINT = (
    "on the control machine: pip install 'seawall[pdf]', and apt install libpango-1.0-0 libpangoft2-1.0-0 "
    "libharfbuzz-subset0 fonts-dejavu-core; or print the page with a browser: --html FILE"
)
SHEET = """
@page { size: A4; margin: 14mm 12mm; @bottom-right { content: counter(page) ' / ' counter(pages); font-size: 8pt } }
"""


def write(html: str, path: Path) -> None:
    """Print `html` to `path`. Nothing is fetched. Raises Missing without WeasyPrint, or what it needs of the system."""
    try:
        import weasyprint  # noqa: PLC0415  # a second to load, and not there on managed hosts
    except (ImportError, OSError) as fault:
        raise Missing(f"no PDF can be made here: {fault}", hint=HINT) from None
    sheet = weasyprint.CSS(string=SHEET)
    made: bytes = weasyprint.HTML(string=html, url_fetcher=_nothing).write_pdf(stylesheets=[sheet])
    files.write_bytes(path, made)


def _nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"a report loads nothing, and asked for {url}")
