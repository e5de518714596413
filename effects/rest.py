"""Ask a service on the web that speaks JSON. What failed is told by what can be done about it, and names no secret."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from effects.http import LARGEST, trusting
from estate.problem import BadEstate, Failed, Unreachable, Untrusted

LIMIT = 20.0  # seconds for each part of an answer
BUSY = (408, 409, 425, 429)  # "not now", beside what the server has gone wrong with (RFC 9110, RFC 8470, RFC 6585)


class Later(Unreachable):
    """It was not taken, or nobody knows: the answer did not come. `after`: seconds that the service asks for."""

    def __init__(self, what: str, *, hint: str = "it is tried again", after: float = 0.0) -> None:
        super().__init__(what, hint=hint)
        self.after = after


@dataclass(frozen=True, slots=True)
class Service:
    """Where it is, what it is called in messages, and the headers of every question: they may hold a token."""

    name: str
    url: str
    headers: Mapping[str, str]
    trust: Path | None = None

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> "Answer":
        """The answer to `method` at `path` below the URL, with `body` as JSON, or as it is where it is bytes.

        Raises Later where it is worth another try, Untrusted where it does not let us in, Failed where it says no.
        """
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {} if sent is None else {"Content-Type": "application/json"}
        answer = self.exchange(method, path, sent, {**self.headers, **kind, **(headers or {})})
        if 200 <= answer.status < 300:
            return answer
        raise self._refused(answer)

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> "Answer":
        """The answer, whatever it says, to a question with exactly these headers. Raises Later and Untrusted."""
        url = urlsplit(self.url)
        if url.scheme != "https" or not url.hostname:
            raise BadEstate(f"{self.name} has no address of https://", hint="look at its channel in the estate")
        context = _trusting(self.trust)
        line = http.client.HTTPSConnection(url.hostname, url.port, timeout=LIMIT, context=context)
        try:
            asked = (url.path.rstrip("/") + path) if path else (url.path or "/")
            asked += f"?{url.query}" if url.query else ""
            line.request(method, asked, body, {"User-Agent": "seawall", "Accept": "application/json", **headers})
            got = line.getresponse()
            return Answer(got.status, got.read(LARGEST), {name.lower(): value for name, value in got.getheaders()})
        except ssl.SSLCertVerificationError as fault:
            raise Untrusted(
                f"{self.name}: its certificate can't be trusted: {fault.verify_message}",
                hint="drp.trust names authorities beside the system's",
            ) from None
        except (OSError, http.client.HTTPException) as fault:
            raise Later(f"{self.name} does not answer: {str(fault) or type(fault).__name__}") from None
        finally:
            line.close()

    def _refused(self, answer: "Answer") -> Unreachable | Untrusted | Failed:
        what = f"{self.name} answered {answer.status}: {answer.excerpt}"
        if answer.status in BUSY or answer.status >= 500:
            return Later(what, after=answer.after)
        if answer.status == 401:
            return Untrusted(what, hint="is its token right, and not over?")
        return Failed(what, hint="look at its rights and settings, then: seawall drp tickets --again")


@lru_cache(maxsize=2)
def _trusting(trust: Path | None) -> ssl.SSLContext:
    """Made once a process, which lives for a round: to read all authorities of a system takes longer than to ask."""
    return trusting(trust)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]  # names in lower case

    @property
    def json(self) -> Any:
        """The body as data. Raises Later where it is none: a proxy's page instead of an answer, or half of one."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Later(f"the answer is no JSON: {self.excerpt}") from None

    @property
    def excerpt(self) -> str:
        """Its beginning, for a message."""
        return " ".join(self.body[:200].decode("utf-8", "replace").split()) or "nothing"

    @property
    def after(self) -> float:
        """Seconds that it asks to wait (RFC 9110 10.2.3); dates, which clocks disagree about, count as none."""
        said = self.headers.get("retry-after", "")
        return float(said) if said.isdecimal() else 0.0
