"""OVHcloud's API: signed questions, each with a time limit; what failed is told by what can be done about it.

A question is signed with the time of the API, which is asked once: a clock that is off here does no harm. What is busy,
breaks or loses its answer is asked again, as long as `PATIENCE` lasts.

Sources: https://github.com/ovh/python-ovh (how to sign, and what the codes of errors mean), the schema at
https://eu.api.ovh.com/v1/domain.json, and what others met: https://github.com/ovh/php-ovh/issues/97 (400 for a wrong
signature), https://github.com/rmbolger/Posh-ACME/issues/537 (400 for a clock that is off).
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from effects.rest import BUSY, Answer, Later
from estate.problem import Failed, Missing, Untrusted

ENDPOINTS = {
    "ovh-eu": "https://eu.api.ovh.com/1.0",
    "ovh-ca": "https://ca.api.ovh.com/1.0",
    "ovh-us": "https://api.us.ovhcloud.com/1.0",
}
PATIENCE = 30.0  # seconds for one question, all that it is asked again included
PAUSE = 0.5  # seconds before it is asked again; twice as long each time, or as long as the API says


class Gone(Missing):
    """There is no such zone or record."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of an application, and of the customer who let it in."""

    application: str
    secret: str = field(repr=False)
    consumer: str = field(repr=False)


class Line(Protocol):
    """Where the API is; `effects.rest.Service` is one."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def url(self) -> str:
        """Of the API, with its version."""

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever it says. Raises Later where there is none."""


class Api:
    """One customer's access. May be used by several threads."""

    def __init__(self, line: Line, keys: Keys, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._line, self._keys, self._wait = line, keys, wait
        self._ahead: int | None = None  # seconds that the API's clock is ahead of this one

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, again: bool = True) -> Answer:
        """The answer to a signed question. `again`: it may be asked twice although the first time may have counted.

        Raises Later where it was not heard, or nobody knows; Untrusted where the keys are not taken, Gone, Failed.
        """
        left, pause = PATIENCE, PAUSE
        while True:
            try:
                return self._asked(method, path, body)
            except Later as fault:
                pause = max(pause, fault.after)
                if pause > left or not (again or isinstance(fault, NotHeard)):
                    raise
            self._wait(pause)
            left, pause = left - pause, pause * 2

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        answer = self._signed(method, path, body)
        if _code(answer) == "QUERY_TIME_OUT":  # a clock was set since it was looked at
            self._ahead = None
            answer = self._signed(method, path, body)
        if 200 <= answer.status < 300:
            return answer
        raise self._refused(answer, f"{method} {path}")

    def _signed(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        text = "" if body is None else json.dumps(body)
        at = str(self._now())
        keys, url = self._keys, self._line.url.rstrip("/") + path
        parts = f"{keys.secret}+{keys.consumer}+{method}+{url}+{text}+{at}"
        headers = {
            "X-Ovh-Application": keys.application,
            "X-Ovh-Consumer": keys.consumer,
            "X-Ovh-Timestamp": at,
            "X-Ovh-Signature": "$1$" + hashlib.sha1(parts.encode(), usedforsecurity=False).hexdigest(),
        }
        kind = {"Content-Type": "application/json"} if text else {}
        return self._line.exchange(method, path, text.encode() or None, headers | kind)

    def _now(self) -> int:
        if self._ahead is None:
            answer = self._line.exchange("GET", "/auth/time", None, {})
            if answer.status != 200:
                raise self._refused(answer, "GET /auth/time")
            self._ahead = int(answer.json) - int(time.time())
        return int(time.time()) + self._ahead

    def _refused(self, answer: Answer, what: str) -> Later | Untrusted | Gone | Failed:
        said = f"{self._line.name} answered {answer.status} to {what}: {answer.excerpt}"
        if answer.status in BUSY:
            return NotHeard(said, hint="run the same command again", after=answer.after)
        if answer.status >= 500:
            return Later(said, hint="run the same command again", after=answer.after)
        if hint := REMEDIES.get(_code(answer)):
            return Untrusted(said, hint=hint)
        if answer.status == 404:
            return Gone(said, hint="look at it in OVH's web interface: does this customer have it?")
        return Failed(said, hint="look at it in OVH's web interface, then run the same command again")


class NotHeard(Later):
    """It was refused for now, and did not count."""


_NEW = "make a new one with createToken of the API, and put it where the estate says it is kept"
REMEDIES = {
    "INVALID_CREDENTIAL": f"the consumer key is over, or was taken back: {_NEW}",
    "NOT_CREDENTIAL": f"the consumer key is not known: {_NEW}",
    "INVALID_KEY": f"the application key is not known: {_NEW}",
    "INVALID_SIGNATURE": "application_secret is not that of application_key: compare them",
    "QUERY_TIME_OUT": "a clock that runs wild: date -u here, and https://eu.api.ovh.com/1.0/auth/time",
    "NOT_GRANTED_CALL": f"the consumer key has no right to that (docs/dns.md says which it needs): {_NEW}",
}


def _code(answer: Answer) -> str:
    """What a refusal is called; "" of none."""
    if answer.status < 400:
        return ""
    try:
        said = answer.json
    except Later:
        return ""
    return str(said.get("errorCode", "")) if isinstance(said, dict) else ""
