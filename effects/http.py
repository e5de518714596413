"""Ask a web server at a given address for a site, over HTTPS, whatever DNS says at the moment."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from estate.problem import Missing, Unreachable, Untrusted

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LARGEST = 4 << 20  # bytes of a body that are read; the rest is not waited for
# A server that reloads closes connections whose question it has not read: nginx 1.22 up to 95 of 287, where it did so
# all the time. A GET may be sent again then (RFC 9110, 9.2.2).
CUT, TRIES = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError), 3
_LEGAL = "/%?&=+,;:@!$'()*~-._"  # what may stand in a path and its query as it is (RFC 3986)


@dataclass(frozen=True, slots=True)
class Response:
    """What a web server answered. Redirects are answers, and not followed."""

    status: int
    body: str  # UTF-8, what is none replaced; at most `LARGEST` bytes
    headers: Mapping[str, str]  # names in lower case
    seconds: float  # from the first packet to the end of the body


def get(  # one question, every part of it named
    domain: str, path: str, *, address: str, port: int = 443, timeout: float, trust: Path | None = None
) -> Response:
    """`https://domain/path` from the server at `address`, all within `timeout` seconds.

    The certificate must be for `domain` and signed by whom this system, or the PEM bundle `trust`, trusts. Raises
    Untrusted where it is not, Unreachable where nothing answers in time, Missing where the bundle can't be read.
    """
    server = f"{domain} at {address}" if port == 443 else f"{domain} at {address} port {port}"
    context = trusting(trust)
    start = time.monotonic()
    try:
        status, body, headers = _asked(domain, path, (address, port), context, start + timeout)
    except ssl.SSLCertVerificationError as fault:
        raise Untrusted(
            f"{server}: its certificate can't be trusted: {fault.verify_message}",
            hint=f"look at it: openssl s_client -connect {address}:{port} -servername {domain}",
        ) from None
    except (OSError, http.client.HTTPException) as fault:
        raise Unreachable(
            f"{server}: no answer over HTTPS: {str(fault) or type(fault).__name__}",
            hint="look whether its web server runs and the port is open: systemctl status nginx apache2",
        ) from None
    return Response(status, body, headers, round(time.monotonic() - start, 3))


def _asked(
    domain: str, path: str, server: tuple[str, int], context: ssl.SSLContext, end: float, tries: int = TRIES
) -> tuple[int, str, dict[str, str]]:
    try:
        with (
            socket.create_connection(server, timeout=max(end - time.monotonic(), 0.001)) as plain,
            context.wrap_socket(plain, server_hostname=domain) as secure,
        ):
            secure.sendall(_request(domain, path))
            return _read(_Received(secure, end))
    except CUT:
        if tries == 1:
            raise
        return _asked(domain, path, server, context, end, tries - 1)


class _Received(io.RawIOBase):
    """What comes in, with one time limit over all of it: a server that drips is as silent as one that is mute."""

    def __init__(self, secure: ssl.SSLSocket, end: float) -> None:
        self._secure, self._end = secure, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._secure.settimeout(left)
        return self._secure.recv_into(buffer)

    def makefile(self, *_: str) -> io.BufferedReader:
        """All that `http.client` asks of a socket."""
        return io.BufferedReader(self)


def _read(received: _Received) -> tuple[int, str, dict[str, str]]:
    answer = http.client.HTTPResponse(cast("socket.socket", received), method="GET")
    answer.begin()
    body = answer.read(LARGEST)
    if answer.length and len(body) < LARGEST:  # read(limit) takes a short body for a whole one
        raise http.client.IncompleteRead(body, answer.length)
    return (
        answer.status,
        body.decode("utf-8", errors="replace"),
        {name.lower(): value for name, value in answer.getheaders()},
    )


def _request(domain: str, path: str) -> bytes:
    lines = [f"GET {quote(path, safe=_LEGAL)} HTTP/1.1", f"Host: {domain}", "User-Agent: seawall"]
    return "\r\n".join([*lines, "Accept-Encoding: identity", "Connection: close", "", ""]).encode("ascii")


def trusting(trust: Path | None) -> ssl.SSLContext:
    """Whom this system trusts, and the PEM bundle `trust`. Raises Missing where that can't be read."""
    context = ssl.create_default_context()
    try:
        if trust is not None:
            context.load_verify_locations(cafile=trust)
    except OSError as fault:  # an SSLError is one: not PEM
        raise Missing(
            f"the PEM bundle {trust} can't be read: {fault.strerror or fault}",
            hint="drp.trust in the estate must name a file with certificates in PEM",
        ) from None
    return context
