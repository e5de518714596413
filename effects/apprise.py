"""Debian's apprise, which tells a hundred services. It reads their URLs from a file: none is on a command line.

What it says may hold such a URL: its exit code is for messages, its words are not.
"""

from effects.run import Result, attempt


def notify(config: str, title: str, text: str, *, timeout: float) -> Result:
    """Tell whoever stands in `config`, within `timeout` seconds. Raises as `effects.run.attempt`."""
    return attempt(["apprise", f"--config={config}", f"--title={title}"], timeout=timeout, stdin=text)
