"""OVH's API as far as zones go, in memory: what it takes and refuses, in its words; and its faults.

After https://eu.api.ovh.com/v1/domain.json, python-ovh, and what is told in its issues: filters are patterns, the type
of a record is read-only, what is staged is seen by nobody before it is refreshed, and answers get lost.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from effects.ovh import Keys
from effects.rest import Answer, Later

KEYS = Keys("app-key", "app-5ecret", "consumer-5ecret")
TYPES = "A AAAA CAA CNAME DKIM DMARC DNAME HTTPS LOC MX NAPTR NS PTR RP SPF SRV SSHFP SVCB TLSA TXT".split()  # noqa: SIM905 - as it is read
WINDOW = 30  # seconds that a signature lives
Zone = dict[int, dict[str, Any]]


class Killed(BaseException):
    """The one who asks is dead."""


@dataclass
class Ovh:
    """One customer with one zone."""

    zone: str = "shop.example"
    name: str = "OVH"
    url: str = "https://eu.api.ovh.com/1.0"
    staged: Zone = field(default_factory=dict)
    published: Zone = field(default_factory=dict)
    refreshes: int = 0
    ahead: int = 0  # seconds, of its clock
    valid: bool = True  # the consumer key
    granted: tuple[str, ...] = ("GET", "PUT", "POST", "DELETE", "refresh")
    expires: str | None = None
    asked: list[str] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)  # by number of the question; "-" before a word: it counts
    before: dict[int, Callable[["Ovh"], None]] = field(default_factory=dict)  # what others do just then

    def holding(self, records: Iterable[tuple[str, str, str]]) -> "Ovh":
        """With these records (type, name below the zone's, target), published."""
        for number, (kind, sub, target) in enumerate(records, 101):
            self.staged[number] = {"fieldType": kind, "subDomain": sub, "target": target, "ttl": 3600}
        self.published = {number: dict(one) for number, one in self.staged.items()}
        return self

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """As `effects.rest.Service`."""
        number = len(self.asked)
        self.asked.append(f"{method} {path}")
        if somebody := self.before.get(number):
            somebody(self)
        fault = self.faults.get(number, self.faults.get(-1, ""))
        if fault == "killed":
            raise Killed
        if fault in ("429", "500", "503", "400"):
            after = {"retry-after": "7"} if fault == "429" else {}
            return Answer(int(fault), b'{"message":"as ordered"}', after)
        if fault == "reset":
            raise Later("OVH does not answer: connection reset")
        status, said = self._answer(method, path, body, headers)
        if fault == "-killed":
            raise Killed
        if fault == "-lost":
            raise Later("OVH does not answer: connection reset")
        return Answer(status, json.dumps(said).encode(), {})

    def _answer(  # noqa: PLR0911 - one return an answer
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        if path == "/auth/time":
            return 200, int(time.time()) + self.ahead
        if refused := self._refused(method, path, body or b"", headers):
            status, code, message = refused
            return status, {"errorCode": code, "httpCode": f"{status} Refused", "message": message}
        if path == "/auth/currentCredential":
            rules = [
                {"method": "POST" if it == "refresh" else it, "path": f"/domain/zone/*{'refresh' * (it == 'refresh')}"}
                for it in self.granted
            ]
            return 200, {"status": "validated", "expiration": self.expires, "rules": rules}
        where = unquote(urlsplit(path).path)
        base = f"/domain/zone/{self.zone}"
        if not where.startswith(f"{base}/"):
            return 404, {"message": "This service does not exist", "httpCode": "404 Not Found"}
        if (method, where) == ("POST", f"{base}/refresh"):
            self.refreshes += 1
            self.published = {number: dict(one) for number, one in self.staged.items()}
            return 200, None
        given = json.loads(body or b"{}")
        if where == f"{base}/record":
            return self._create(given) if method == "POST" else self._list(parse_qs(urlsplit(path).query, True))
        return self._record(method, int(where.rpartition("/")[2]), given)

    def _refused(  # noqa: PLR0911 - one return an answer
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str, str] | None:
        at = headers["X-Ovh-Timestamp"]
        parts = [KEYS.secret, KEYS.consumer, method, self.url + path, body.decode(), at]
        right = "$1$" + hashlib.sha1("+".join(parts).encode()).hexdigest()  # noqa: S324 - as the real one
        if headers["X-Ovh-Application"] != KEYS.application:
            return 403, "INVALID_KEY", "Invalid application key"
        if headers["X-Ovh-Consumer"] != KEYS.consumer:
            return 403, "NOT_CREDENTIAL", "This credential does not exist"
        if not self.valid:
            return 403, "INVALID_CREDENTIAL", "This credential is not valid"
        if abs(int(at) - time.time() - self.ahead) > WINDOW:
            return 400, "QUERY_TIME_OUT", "Query out of time"
        if headers["X-Ovh-Signature"] != right:
            return 400, "INVALID_SIGNATURE", "Invalid signature"
        if ("refresh" if path.endswith("/refresh") else method) not in self.granted:
            return 403, "NOT_GRANTED_CALL", "This call has not been granted"
        return None

    def _list(self, asked: Mapping[str, list[str]]) -> tuple[int, Any]:
        def like(pattern: str, value: str) -> bool:
            parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
            return re.fullmatch("".join(parts), value, re.IGNORECASE) is not None

        return 200, [
            number for number, one in self.staged.items() if all(like(v[0], str(one[k])) for k, v in asked.items())
        ]

    def _create(self, given: dict[str, Any]) -> tuple[int, Any]:
        if given["fieldType"] not in TYPES:
            return 400, {"message": f"[fieldType] Given data ({given['fieldType']}) does not belong to the enumeration"}
        number = max(self.staged, default=100) + 1
        self.staged[number] = given
        return 200, {"id": number, "zone": self.zone, **given}

    def _record(self, method: str, number: int, given: dict[str, Any]) -> tuple[int, Any]:
        if number not in self.staged:
            return 404, {"message": f"The requested object (id = {number}) does not exist"}
        if method == "GET":
            return 200, {"id": number, "zone": self.zone, **self.staged[number]}
        if method == "DELETE":
            del self.staged[number]
        elif "fieldType" in given:
            return 400, {"message": "Try to alter read-only properties: fieldType"}
        else:
            self.staged[number] |= given
        return 200, None
