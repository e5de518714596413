"""Sent by `seawall patches now`, before and after: do this host's sites answer, and which units failed?

`look` takes {sites: [{domain, path, expect}], patience: seconds} and answers {well: [domain], unknown: [domain],
failed: [unit]}. The sites are asked for on this host itself, over TLS, whatever DNS says; whose certificate that is,
others look at. A site that is not well is asked again until `patience` is over: applications take their time to
start. What there was no time to ask at all is unknown. A client's page, however slow, costs its own site only.
"""

import http.client
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import Any

PORT = 443
TIMEOUT = 10.0  # seconds for one site, from the connection to the last byte
BUDGET = 60.0  # seconds for one round of all of them
AT_ONCE = 32
BETWEEN = 1.0


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """What is well, and what is not."""
    seen = patiently(question["sites"], question["patience"])
    argv = ["systemctl", "list-units", "--failed", "--plain", "--no-legend"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    return {
        "well": [domain for domain, well in seen.items() if well],
        "unknown": [domain for domain, well in seen.items() if well is None],
        "failed": [line.split()[0] for line in said.splitlines() if line.strip()],
    }


def patiently(sites: "list[dict[str, str]]", patience: float) -> "dict[str, bool | None]":
    """As `tried`, and those that are not well again and again."""
    end = time.monotonic() + patience
    seen = tried(sites)
    while False in seen.values() and time.monotonic() < end:
        time.sleep(BETWEEN)
        seen |= tried([site for site in sites if seen[site["domain"]] is False])
    return seen


def tried(sites: "list[dict[str, str]]") -> "dict[str, bool | None]":
    """Whether each answers; None where the time of the round was over before its turn."""
    end = time.monotonic() + BUDGET

    def one(site: "dict[str, str]") -> "bool | None":
        return answers(site) if time.monotonic() < end else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((site["domain"] for site in sites), pool.map(one, sites), strict=True))


def answers(site: "dict[str, str]") -> bool:
    """200, with the words that a healthy site shows."""
    try:
        return not fault(site, TIMEOUT)
    except OSError:
        return False


def fault(site: "dict[str, str]", patience: float) -> str:
    """What is wrong with the answer of a site, here or at its `address`; nothing where it is well.

    Raises OSError where none comes within `patience` seconds.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = (site.get("address", "127.0.0.1"), PORT)
    with (
        socket.create_connection(where, patience) as plain,
        context.wrap_socket(plain, server_hostname=site["domain"], do_handshake_on_connect=False) as secure,
    ):
        # A limit of the socket's own is one for each read: a page that drips would never end. Not the method of
        # an SSLSocket: that forgets its TLS under the hands of who reads.
        late = Timer(patience, lambda: socket.socket.shutdown(secure, socket.SHUT_RDWR))
        late.start()
        try:
            return asked(secure, site)
        except http.client.HTTPException as why:
            return f"an answer that is none: {type(why).__name__}"
        finally:
            late.cancel()


def asked(secure: ssl.SSLSocket, site: "dict[str, str]") -> str:
    """As `fault`, over a connection that is there."""
    secure.do_handshake()
    request = f"GET {site['path']} HTTP/1.1\r\nHost: {site['domain']}\r\nConnection: close\r\n\r\n"
    secure.sendall(request.encode())
    answer = http.client.HTTPResponse(secure)
    answer.begin()
    if answer.status != 200:
        return str(answer.status)
    return (
        "" if site["expect"] in answer.read(4 << 20).decode("utf-8", "replace") else f"200 without “{site['expect']}”"
    )
