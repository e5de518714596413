"""Ticket systems. Each can be asked what it has, so that what it has is not told twice, even where an answer was lost.

GLPI: apirest.md of its repository. Zammad: docs.zammad.org, and its source for what a search looks at: a condition asks
the database, words ask an index that lags behind. GitLab: docs.gitlab.com, Issues API and Notes API.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from drp.outbox.message import Message
from effects.rest import Answer, Later, Service
from estate.problem import Failed, Problem, Untrusted

PAGES = 10  # of a hundred, that are looked through in GitLab for what an answer was lost about
MANY = 9999  # follow-ups of one ticket
LONGEST = 200  # characters of a topic


class Desk(Protocol):
    """A ticket system."""

    def find(self, mark: str) -> str | None:
        """The newest ticket with `mark` in its title."""

    def said(self, ticket: str) -> str | None:
        """All that stands in it; None where it is gone."""

    def open(self, title: str, body: str) -> str:
        """A new ticket; what it is called."""

    def add(self, ticket: str, body: str) -> None:
        """More of the same incident."""


def tell(desk: Desk, message: Message, ticket: str | None) -> str:
    """What the ticket is called that says it now. `ticket` is the one its incident is known to have.

    Where the ticket takes no more (somebody has closed or locked it), what follows gets a ticket of its own.
    """
    said = desk.said(ticket) if ticket is not None else None
    if said is None:
        ticket = desk.find(message.thread_mark)
        said = desk.said(ticket) if ticket is not None else None
    if ticket is None or said is None:
        return desk.open(_title(message), message.body)
    if message.mark in said:
        return ticket
    try:
        desk.add(ticket, message.body)
    except Failed:
        return desk.open(_title(message), f"This goes on from {ticket}.\n\n{message.body}")
    return ticket


def _title(message: Message) -> str:
    """None of them takes one that is longer than 250 characters."""
    return f"{message.topic[:LONGEST]} [{message.thread_mark}]"


def there(answer: Answer, *names: str) -> Any:
    """What stands there in an answer. Raises Later where it is no such answer: a proxy's page, or half of one."""
    found = answer.json
    try:
        for name in names:
            found = found[name]
    except (KeyError, TypeError, IndexError):
        raise Later(f"the answer has no {'.'.join(names)}: {answer.excerpt}") from None
    return found


@dataclass(frozen=True, slots=True)
class Glpi:
    """In a session that `session` opened."""

    service: Service

    def find(self, mark: str) -> str | None:
        asked = {
            "criteria[0][field]": "1",  # the title; 2 is the number
            "criteria[0][searchtype]": "contains",
            "criteria[0][value]": mark,
            "forcedisplay[0]": "2",
            "sort": "2",
            "order": "DESC",
            "range": "0-0",
        }
        rows = self.service.ask("GET", f"/search/Ticket?{urlencode(asked)}").json.get("data") or []
        return str(rows[0]["2"]) if rows else None

    def said(self, ticket: str) -> str | None:
        try:
            found = self.service.ask("GET", f"/Ticket/{ticket}")
        except Failed:  # 404, or deleted for good
            return None
        if there(found, "is_deleted"):
            return None
        more = self.service.ask("GET", f"/Ticket/{ticket}/ITILFollowup?range=0-{MANY}")
        return "\n".join([str(there(found, "content")), *(str(one["content"]) for one in more.json)])

    def open(self, title: str, body: str) -> str:
        made = self.service.ask("POST", "/Ticket", {"input": {"name": title, "content": _html(body)}})
        return str(there(made, "id"))

    def add(self, ticket: str, body: str) -> None:
        more = {"itemtype": "Ticket", "items_id": int(ticket), "content": _html(body)}
        self.service.ask("POST", "/ITILFollowup", {"input": more})


def session(service: Service, token: str) -> Service:
    """A session of the user of `token`. Whatever GLPI has against it is about the tokens, not about a message."""
    try:
        begun = service.ask("GET", "/initSession", headers={"Authorization": f"user_token {token}"})
    except Failed as fault:
        raise Untrusted(fault.what, hint="look at token and app_token of the channel") from None
    return Service(
        service.name, service.url, {**service.headers, "Session-Token": there(begun, "session_token")}, service.trust
    )


def leave(service: Service) -> None:
    """End the session; one that stays ends by itself."""
    with suppress(Problem):
        service.ask("GET", "/killSession")


def _html(text: str) -> str:
    """GLPI's texts are HTML."""
    return escape(text).replace("\n", "<br>\n")


@dataclass(frozen=True, slots=True)
class Zammad:
    """As an agent of the group."""

    service: Service
    group: str
    customer: str

    def find(self, mark: str) -> str | None:
        asked = {
            "condition[ticket.title][operator]": "contains",
            "condition[ticket.title][value]": mark,
            "expand": "true",
            "sort_by": "created_at",
            "order_by": "desc",
            "limit": "100",
        }
        found = self.service.ask("GET", f"/api/v1/tickets/search?{urlencode(asked)}").json
        numbers = [int(one["id"]) for one in found if mark in one["title"]]
        return str(max(numbers)) if numbers else None

    def said(self, ticket: str) -> str | None:
        try:
            found = self.service.ask("GET", f"/api/v1/ticket_articles/by_ticket/{ticket}").json
        except Failed:
            return None
        return "\n".join(str(one["body"]) for one in found)

    def open(self, title: str, body: str) -> str:
        ticket = {"title": title, "group": self.group, "customer": self.customer, "article": _note(title, body)}
        return str(there(self.service.ask("POST", "/api/v1/tickets", ticket), "id"))

    def add(self, ticket: str, body: str) -> None:
        article = {"ticket_id": int(ticket), **_note(body.partition("\n")[0], body)}
        self.service.ask("POST", "/api/v1/ticket_articles", article)


def _note(subject: str, body: str) -> dict[str, Any]:
    return {"subject": subject, "body": body, "content_type": "text/plain", "type": "note", "internal": False}


@dataclass(frozen=True, slots=True)
class Gitlab:
    """As the user of a token that may report."""

    service: Service
    project: str

    def find(self, mark: str) -> str | None:
        asked = "scope=created_by_me&order_by=created_at&sort=desc"
        found = self._all(f"{self._issues}?{asked}", PAGES)
        return next((str(one["iid"]) for one in found if mark in one["title"]), None)

    def said(self, ticket: str) -> str | None:
        try:
            found = self.service.ask("GET", f"{self._issues}/{ticket}")
        except Failed:
            return None
        notes = self._all(f"{self._issues}/{ticket}/notes?sort=desc", MANY)
        return "\n".join([str(there(found, "description")), *(str(one["body"]) for one in notes)])

    def open(self, title: str, body: str) -> str:
        issue = {"title": title, "description": _verbatim(body), "confidential": True}
        return str(there(self.service.ask("POST", self._issues, issue), "iid"))

    def add(self, ticket: str, body: str) -> None:
        self.service.ask("POST", f"{self._issues}/{ticket}/notes", {"body": _verbatim(body)})

    @property
    def _issues(self) -> str:
        return f"/api/v4/projects/{quote(self.project, safe='')}/issues"

    def _all(self, path: str, pages: int) -> Iterator[Any]:
        """Every row of a list that comes in pages. The search by words is not asked: it looks at an index."""
        page = "1"
        for _ in range(pages):
            answer = self.service.ask("GET", f"{path}&per_page=100&page={page}")
            yield from answer.json
            page = answer.headers.get("x-next-page", "")
            if not page:
                return


def _verbatim(text: str) -> str:
    """No line of it is an order to GitLab ("/close"), a mention of somebody, or lost in a paragraph."""
    return f"```text\n{text.replace('```', chr(39) * 3)}```\n"
