"""Those who are told, as one program: GLPI, Zammad, GitLab and a webhook over HTTPS, and a mail server with STARTTLS.

They take what the real ones take, refuse what those refuse, in their words, and misbehave where a test says so. In a
process of their own: whoever tests a sender that is killed forks, and a process with threads must not.

    python receivers.py CERTIFICATE        prints its ports as JSON; ends with its standard input
"""

import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from received import APP_TOKEN, CONTEXT, FAULTS, HEARD, LOCK, SESSIONS, STOP, TICKETS, TOKEN, USER_TOKEN
from receiving_mail import Mail, MailServer


def control(path: str, body: Any) -> Any:
    """What a test says and asks."""
    if path == "/control/reset":
        for store in (FAULTS, TICKETS, HEARD):
            store.clear()
    if path == "/control/faults":
        FAULTS[body["of"]] = list(body["faults"])
    if path == "/control/close":
        TICKETS[body["of"]][-1]["closed"] = True
    if path == "/control/delete":
        TICKETS[body["of"]][-1]["deleted"] = True
    return {"tickets": TICKETS, "heard": HEARD, "sessions": len(SESSIONS), "faults": FAULTS}


class Web(BaseHTTPRequestHandler):
    """All of them on one port, each below a path of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    next_page = ""

    def do_GET(self) -> None:
        self.answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(body)

    def answer(self, body: bytes | None) -> None:
        url = urlsplit(self.path)
        name = url.path.split("/")[1]
        parts: Callable[..., tuple[int, Any]] | None = APPLICATIONS.get(name)
        if name == "control":
            self.say(200, control(url.path, json.loads(body or b"{}")))
            return
        if parts is None:
            self.say(404, {"error": "404 Not Found"})
            return
        fault = FAULTS[name].pop(0) if body is not None and FAULTS[name] else ""
        if fault in ("reset", "hang"):
            if fault == "hang":
                STOP.wait()
            self.drop()
            return
        if fault in ("429", "500", "503", "400", "403"):
            self.say(int(fault), {"message": f"{fault} as ordered, {self.headers['Authorization']}"}, after=fault)
            return
        with LOCK:
            status, said = parts(self, url.path.removeprefix(f"/{name}"), parse_qs(url.query), body)
        if fault == "lost":
            self.drop()
        elif fault == "html":
            self.say(200, "<html>a proxy</html>")
        else:
            self.say(status, said)

    def drop(self) -> None:
        """As a firewall that forgets a connection, or a server that dies."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def say(self, status: int, said: Any, *, after: str = "") -> None:
        text = said if isinstance(said, str) else json.dumps(said)
        self.send_response(status)
        if after == "429":
            self.send_header("Retry-After", "60")
        if isinstance(said, list) and self.next_page:
            self.send_header("X-Next-Page", self.next_page)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        pass


def glpi(  # noqa: C901, PLR0911 - one return an answer
    web: Web, path: str, asked: dict[str, list[str]], body: bytes | None
) -> tuple[int, Any]:
    """apirest.php of GLPI 10."""
    path = path.removeprefix("/apirest.php")
    if web.headers["App-Token"] != APP_TOKEN:
        return 400, ["ERROR_WRONG_APP_TOKEN_PARAMETER", "parameter app_token seems wrong"]
    if body is None and web.headers["Content-Type"]:
        return 400, ["ERROR_JSON_PAYLOAD_FORBIDDEN", "GET Request should not have json payload (http body)"]
    if path == "/initSession":
        if web.headers["Authorization"] != f"user_token {USER_TOKEN}":
            return 401, ["ERROR_GLPI_LOGIN_USER_TOKEN", "parameter user_token seems invalid"]
        SESSIONS.add(session := f"session-{len(SESSIONS)}-{id(web)}")
        return 200, {"session_token": session}
    if web.headers["Session-Token"] not in SESSIONS:
        return 401, ["ERROR_SESSION_TOKEN_INVALID", "session_token seems invalid"]
    if path == "/killSession":
        SESSIONS.discard(web.headers["Session-Token"])
        return 200, {}
    mine = TICKETS["glpi"]
    if path == "/search/Ticket":
        assert asked["criteria[0][field]"] == ["1"]
        words = asked["criteria[0][value]"][0]
        found = [one for one in reversed(mine) if words in one["title"] and not one.get("deleted")]
        data = [{"1": one["title"], "2": one["id"]} for one in found[:1]]
        return 200 if len(found) < 2 else 206, {"totalcount": len(found), "count": len(data), "data": data}
    if body is not None:
        return _glpi_add(path, json.loads(body).get("input"))
    ticket = next((one for one in mine if str(one["id"]) == path.split("/")[2]), None)
    if ticket is None:
        return 404, ["ERROR_ITEM_NOT_FOUND", "Item not found"]
    if path.endswith("/ITILFollowup"):
        return 200, [{"id": n, "content": escape(text)} for n, text in enumerate(ticket["more"])]
    content = escape(ticket["text"])
    return 200, {"id": ticket["id"], "content": content, "is_deleted": int(bool(ticket.get("deleted")))}


def _glpi_add(path: str, made: Any) -> tuple[int, Any]:
    if not isinstance(made, dict):
        return 400, ["ERROR_BAD_ARRAY", "input parameter must be an array of objects"]
    if path == "/Ticket":
        return 201, {"id": _opened("glpi", made["name"], made["content"]), "message": ""}
    ticket = next((one for one in TICKETS["glpi"] if one["id"] == made["items_id"]), None)
    if path != "/ITILFollowup" or made["itemtype"] != "Ticket" or ticket is None or ticket.get("closed"):
        return 400, ["ERROR_GLPI_ADD", "You don't have permission to perform this action."]
    ticket["more"].append(made["content"])
    return 201, {"id": 1, "message": ""}


def zammad(  # noqa: PLR0911 - one return an answer
    web: Web, path: str, asked: dict[str, list[str]], body: bytes | None
) -> tuple[int, Any]:
    """Zammad 6. A search by words asks an index that has not seen anything yet."""
    if web.headers["Authorization"] != f"Token token={TOKEN}":
        return 401, {"error": "Authentication required"}
    mine = TICKETS["zammad"]
    made = json.loads(body) if body else {}
    match re.sub(r"/\d+", "/N", path):
        case "/api/v1/tickets/search":
            assert asked["condition[ticket.title][operator]"] == ["contains"]
            words = asked["condition[ticket.title][value]"][0] if "query" not in asked else "\0"
            assert asked["expand"] == ["true"]
            return 200, [{"id": one["id"], "title": one["title"]} for one in mine if words in one["title"]]
        case "/api/v1/ticket_articles/by_ticket/N":
            ticket = next((one for one in mine if one["id"] == int(path.rpartition("/")[2])), None)
            if ticket is None or ticket.get("deleted"):
                return 404, {"error": "Couldn't find Ticket"}
            return 200, [{"id": n, "body": text} for n, text in enumerate([ticket["text"], *ticket["more"]])]
        case "/api/v1/tickets":
            if made["group"] != "Support":
                return 422, {"error": f"No lookup value found for 'group': {made['group']!r}"}
            return 201, {"id": _opened("zammad", made["title"], made["article"]["body"])}
        case "/api/v1/ticket_articles":
            ticket = next(one for one in mine if one["id"] == made["ticket_id"])
            if ticket.get("closed"):
                return 422, {"error": "Cannot follow-up on a closed ticket. Please create a new ticket."}
            ticket["more"].append(made["body"])
            return 201, {"id": 1}
    return 404, {"error": "No route matches"}


def gitlab(  # noqa: PLR0911 - one return an answer
    web: Web, path: str, asked: dict[str, list[str]], body: bytes | None
) -> tuple[int, Any]:
    """GitLab's API, version 4, with pages of two however many are asked for, as a busy one may have them."""
    if web.headers["PRIVATE-TOKEN"] != TOKEN:
        return 401, {"message": "401 Unauthorized"}
    project, _, rest = path.removeprefix("/api/v4/projects/").partition("/")
    if unquote(project) != "ops/incidents":
        return 404, {"message": "404 Project Not Found"}
    mine = TICKETS["gitlab"]
    made = json.loads(body) if body else {}
    if rest == "issues" and body is not None:
        assert made["confidential"]
        return 201, {"iid": _opened("gitlab", made["title"], made["description"])}
    if rest == "issues":
        assert "search" not in asked
        rows = [{"iid": one["id"], "title": one["title"]} for one in reversed(mine) if not one.get("deleted")]
        return 200, _page(web, rows, asked)
    _, number, *notes = rest.split("/")
    ticket = next((one for one in mine if one["id"] == int(number) and not one.get("deleted")), None)
    if ticket is None:
        return 404, {"message": "404 Issue Not Found"}
    if not notes:
        return 200, {"iid": ticket["id"], "description": ticket["text"]}
    if body is None:
        return 200, _page(web, [{"body": text} for text in reversed(ticket["more"])], asked)
    if ticket.get("closed"):
        return 403, {"message": "403 Forbidden"}  # its discussion is locked
    ticket["more"].append(made["body"])
    return 201, {"id": 1}


def _page(web: Web, rows: list[Any], asked: dict[str, list[str]]) -> list[Any]:
    page = int(asked["page"][0])
    web.next_page = str(page + 1) if len(rows) > page * 2 else ""
    return rows[page * 2 - 2 : page * 2]


def _opened(of: str, title: str, text: str) -> int:
    assert len(title) <= 250
    TICKETS[of].append({"id": 40 + len(TICKETS[of]), "title": title, "text": text, "more": []})
    return int(TICKETS[of][-1]["id"])


def hook(web: Web, path: str, asked: dict[str, list[str]], body: bytes | None) -> tuple[int, Any]:
    """Takes each Idempotency-Key once, and answers the same again."""
    heard = {
        "key": web.headers["Idempotency-Key"],
        "signature": web.headers["X-Seawall-Signature"],
        "body": (body or b"").decode(),
        "asked": asked,
    }
    if heard["key"] not in [one["key"] for one in HEARD["hook"]]:
        HEARD["hook"].append(heard)
    return 202, {}


APPLICATIONS = {"glpi": glpi, "zammad": zammad, "gitlab": gitlab, "hook": hook}


class WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who leaves in the middle is part of the tests."""


def main(certificate: str) -> None:
    CONTEXT.load_cert_chain(certificate, certificate.replace(".pem", ".key"))
    web, mail = WebServer(("127.0.0.1", 0), Web), MailServer(("127.0.0.1", 0), Mail)
    web.socket = CONTEXT.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
    for server in (web, mail):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"web": web.server_address[1], "mail": mail.server_address[1]}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
