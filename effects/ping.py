"""Tell a URL something, and go on: nobody waits for whoever listens there."""

import http.client
import urllib.request
from threading import Thread

from estate.problem import BadEstate

LIMIT = 10.0  # seconds in all
SCHEMES = ("https://", "http://")


def ping(url: str, body: str) -> bool:
    """POST `body` (at most 10,000 characters of it); whether it was taken within LIMIT seconds.

    Raises BadEstate for anything but http and https. The URL is never part of an error: who knows it can lie to it.
    """
    if not url.startswith(SCHEMES):
        raise BadEstate("the heartbeat is no URL of https:// or http://", hint="look at the file that [backup] names")
    taken: list[bool] = []
    thread = Thread(target=lambda: taken.append(_post(url, body[-10_000:])), daemon=True)
    thread.start()
    thread.join(LIMIT)
    return taken == [True]


def _post(url: str, body: str) -> bool:
    request = urllib.request.Request(url, body.encode(errors="replace"), {"User-Agent": "seawall"})  # noqa: S310 - looked at
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:  # noqa: S310 - as above
            return 200 <= int(answer.status) < 300
    except (OSError, http.client.HTTPException, ValueError):
        return False
