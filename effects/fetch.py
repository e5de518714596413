"""A document from the web, whole or not at all: one time limit, one size limit, a trusted sender."""

import ssl
import time
import urllib.request
from urllib.error import HTTPError, URLError

from estate.problem import BadEstate, Failed, Unreachable, Untrusted

SCHEMES = ("https://", "file://")  # over http anybody in between may say that all is well
PIECE = 1 << 16


def fetch(url: str, *, timeout: float, limit: int) -> bytes:
    """All of it, within `timeout` seconds and `limit` bytes; through the proxy that $https_proxy names, if any.

    Raises Unreachable where it does not come, Untrusted for a certificate that is not to be trusted ($SSL_CERT_FILE
    names other authorities), Failed where it is larger, BadEstate for a URL that is neither https nor a local file.
    """
    if not url.startswith(SCHEMES):
        raise BadEstate(f"{url} is not fetched: anybody in between could change it", hint="use https://, or file:///")
    end = time.monotonic() + timeout
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "seawall"})  # noqa: S310 - the scheme was looked at
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
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
    except (OSError, URLError) as fault:
        reason = getattr(fault, "reason", fault)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Untrusted(f"{url}: {reason.verify_message}", hint="look at who answers there") from None
        raise Unreachable(f"{url}: {reason}", hint="can this machine reach it? try: curl -I " + url) from None
    return bytes(found)
