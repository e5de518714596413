"""A document from the web, whole or not at all: one time limit, one size limit, a trusted sender."""

import http.client
import ssl
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError

from estate.problem import BadEstate, Failed, Unreachable, Untrusted

SCHEMES = ("https://", "file://")  # over http anybody in between may say that all is well
PIECE = 1 << 16
REFUSED = "anybody in between could change it"


class _Trusted(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to where we would not have asked ourselves, nor to a file of this machine."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://"):
            raise Untrusted(f"{req.full_url} sends us on to {newurl}: {REFUSED}", hint="look at who answers there")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, *, timeout: float, limit: int) -> bytes:
    """All of it, within `timeout` seconds and `limit` bytes; through the proxy that $https_proxy names, if any.

    Raises Unreachable where it does not come, Untrusted for a certificate that is not to be trusted ($SSL_CERT_FILE
    names other authorities) and a redirect to anything but https, Failed where it is larger, BadEstate for a URL that
    is neither https nor a local file.
    """
    if not url.startswith(SCHEMES):
        raise BadEstate(f"{url} is not fetched: {REFUSED}", hint="use https://, or file:///")
    end = time.monotonic() + timeout
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "seawall"})  # noqa: S310 - the scheme was looked at
        with urllib.request.build_opener(_Trusted).open(request, timeout=timeout) as answer:
            found = bytearray()
            while piece := answer.read1(PIECE):
                found += piece
                if time.monotonic() > end:
                    raise TimeoutError(f"it did not end within {timeout:g} s")
                if len(found) > limit:
                    raise Failed(f"{url} is larger than {limit >> 20} MB", hint="look at what answers there")
            if (size := answer.headers.get("Content-Length")) and int(size) != len(found):
                raise ConnectionError(f"it ended after {len(found)} of {size} bytes")
    except HTTPError as fault:
        raise Unreachable(f"{url} answered {fault.code}", hint="look at it from here: curl -I " + url) from None
    except (OSError, http.client.HTTPException) as fault:  # an answer that breaks off is no OSError
        reason = getattr(fault, "reason", fault)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Untrusted(f"{url}: {reason.verify_message}", hint="look at who answers there") from None
        raise Unreachable(
            f"{url}: {reason or type(reason).__name__}", hint="can this machine reach it? try: curl -I " + url
        ) from None
    return bytes(found)
