"""Put a numbered row into the ledger again and again and write down which ones were acknowledged.

Standard library only: it runs on the visitor. Every attempt looks the name up and connects anew, so it follows DNS;
every attempt has a number of its own, so a row that is there without having been acknowledged is told apart.
"""

import http.client
import json
import ssl
import sys
import time
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path

DOMAIN = "ledger.example"
CONNECT = 1.0  # seconds, per address that the name has
ANSWER = 2.0  # seconds
TRUST = ssl.create_default_context(cafile="/etc/seawall/ca.pem")


def add(number: int) -> None:
    """Return only when the ledger has acknowledged the row; raise OSError or HTTPException otherwise."""
    connection = http.client.HTTPSConnection(DOMAIN, timeout=CONNECT, context=TRUST)
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER)
        body = urllib.parse.urlencode({"number": number})
        connection.request("POST", "/add", body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        said = answer.read(200).decode("utf-8", "replace").strip()
        if (answer.status, said) != (200, f"ok {number}"):
            raise OSError(f"{answer.status} {said[:80]}")
    finally:
        connection.close()


def attempt(number: int) -> dict[str, object]:
    """One line of the record."""
    at, start = datetime.now(UTC), time.monotonic()
    error = ""
    try:
        add(number)
    except (OSError, http.client.HTTPException) as fault:
        error = f"{type(fault).__name__}: {fault}"
    ms = round((time.monotonic() - start) * 1000)
    return {"number": number, "at": at.isoformat(), "ok": not error, "ms": ms, "error": error}


def main(record: Path, every: float) -> None:
    """Go on from the last number until stopped, with `every` seconds from one row to the next."""
    written = record.read_text().splitlines() if record.exists() else []
    number = json.loads(written[-1])["number"] if written else 0
    due = time.monotonic()
    with record.open("a", encoding="utf-8") as lines:
        while True:
            number += 1
            print(json.dumps(attempt(number)), file=lines, flush=True)
            due = max(due + every, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
