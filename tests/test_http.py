"""A site is asked for at an address, over real TLS; and so is a document, and the sites of a host by itself."""

import socket
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest
from self_signed import self_signed

from effects.fetch import fetch
from effects.http import LARGEST, TRIES, Response, get
from effects.onhost import health
from estate.problem import Missing, Unreachable, Untrusted

STOP = Event()
LATER = list[str]()  # who asked for an application that needs its time to start


RELOADS = list[str]()  # how often a server closed a connection unread


class Site(BaseHTTPRequestHandler):
    """Says what it was asked for; some paths misbehave."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/reloading"):
            RELOADS.append(self.path)
            if self.path == "/reloading-ever" or RELOADS.count(self.path) < TRIES:
                self.close_connection = True
                return
        body = f"{self.headers['Host']} {self.path} é".encode()
        status = {"/maintenance": 503, "/away": 302}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Retry-After", "120")
        self.send_header("Location", "http://127.0.0.1:9/list")
        if self.path == "/later":
            LATER.append("asked")
            body = b"up" if len(LATER) > 2 else b"starting"
        if self.path == "/large":
            body = b"x" * (LARGEST + 1)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ff\r\ncut")
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(body) + (7 if self.path == "/short" else 0)))
        self.end_headers()
        if self.path.startswith("/drip"):
            while not STOP.wait(0.05):
                self.wfile.write(b".")
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests are quiet."""


class Server(ThreadingHTTPServer):
    """Visitors who leave in the middle are part of the tests."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signs itself, for shop.example, and its key beside it."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def port(pem: Path) -> Iterator[int]:
    server = Server(("127.0.0.1", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, pem.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    STOP.clear()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        STOP.set()
        server.shutdown()
        thread.join()
        server.server_close()


def ask(path: str, port: int, trust: Path | None, *, domain: str = "shop.example", timeout: float = 5) -> Response:
    return get(domain, path, address="127.0.0.1", port=port, timeout=timeout, trust=trust)


def test_the_site_is_asked_for_by_name_at_the_address(port: int, pem: Path) -> None:
    got = ask("/a b?c=é", port, pem)
    assert (got.status, got.body) == (200, "shop.example /a%20b?c=%C3%A9 é")
    assert got.headers["retry-after"] == "120"
    assert 0 < got.seconds < 5


def test_a_path_can_not_smuggle_a_header_in(port: int, pem: Path) -> None:
    assert ask("/\r\nHost: other.example", port, pem).body.startswith("shop.example /%0D%0AHost:%20other")


def test_maintenance_is_an_answer(port: int, pem: Path) -> None:
    assert ask("/maintenance", port, pem).status == 503


def test_a_certificate_nobody_vouches_for_is_untrusted(port: int) -> None:
    with pytest.raises(Untrusted, match="self-signed") as told:
        ask("/", port, None)
    assert "openssl s_client" in told.value.hint


def test_a_certificate_for_another_name_is_untrusted(port: int, pem: Path) -> None:
    with pytest.raises(Untrusted, match=r"other\.example"):
        ask("/", port, pem, domain="other.example")


def test_nothing_listening_is_unreachable(pem: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="Connection refused"):
            ask("/", unused.getsockname()[1], pem)


def test_a_server_that_never_answers_costs_the_time_limit_only(pem: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        start = monotonic()
        with pytest.raises(Unreachable, match="timed out"):
            ask("/", mute.getsockname()[1], pem, timeout=0.3)
        assert monotonic() - start < 2


def test_a_server_that_drips_costs_the_time_limit_only(port: int, pem: Path) -> None:
    start = monotonic()
    with pytest.raises(Unreachable, match=r"in time|timed out"):
        ask("/drip", port, pem, timeout=0.5)
    assert monotonic() - start < 2


def test_an_answer_that_breaks_off_is_none(port: int, pem: Path) -> None:
    with pytest.raises(Unreachable):
        ask("/short", port, pem, timeout=0.5)


def test_a_server_that_reloads_is_asked_again_but_not_for_ever(port: int, pem: Path) -> None:
    RELOADS.clear()
    assert ask("/reloading", port, pem).status == 200
    assert len(RELOADS) == TRIES
    with pytest.raises(Unreachable, match="closed connection without response"):
        ask("/reloading-ever", port, pem)
    assert RELOADS.count("/reloading-ever") == TRIES


def test_a_large_body_is_cut(port: int, pem: Path) -> None:
    assert len(ask("/large", port, pem).body) == LARGEST


def test_a_bundle_that_can_not_be_read_is_missing(port: int, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="No such file"):
        ask("/", port, tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(Missing, match=r"bad\.pem"):
        ask("/", port, tmp_path / "bad.pem")


@pytest.fixture
def there(port: int, pem: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where documents are fetched from, and the sites of "this host" are."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setattr(health, "PORT", port)
    monkeypatch.setattr(health, "TIMEOUT", 1.0)
    return f"https://localhost:{port}"


def test_a_document_comes_whole_or_is_unreachable(there: str) -> None:
    assert fetch(f"{there}/list", timeout=5, limit=1000).decode().endswith("/list \u00e9")
    with pytest.raises(Unreachable, match="IncompleteRead"):
        fetch(f"{there}/chunks", timeout=5, limit=1000)
    with pytest.raises(Unreachable, match="ended after"):
        fetch(f"{there}/short", timeout=5, limit=1000)


def test_a_server_that_speaks_no_http_is_unreachable(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Site, "protocol_version", "NONSENSE/9")
    with pytest.raises(Unreachable, match="NONSENSE"):
        fetch(f"{there}/list", timeout=5, limit=1000)


def test_nobody_is_followed_to_where_anybody_may_answer(there: str) -> None:
    with pytest.raises(Untrusted, match=r"sends us on to http://127\.0\.0\.1:9/list"):
        fetch(f"{there}/away", timeout=5, limit=1000)


def a_site(domain: str, path: str = "/", expect: str = "") -> dict[str, str]:
    return {"domain": domain, "path": path, "expect": expect or domain}


def test_a_page_that_drips_costs_its_own_site_and_nothing_else(there: str) -> None:
    sites = [a_site("shop.example"), *(a_site("slow.example", f"/drip{n}", "never") for n in range(20))]
    assert there
    assert health.tried(sites) == {"shop.example": True, "slow.example": False}


def test_sites_that_were_not_asked_in_time_are_unknown(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "AT_ONCE", 1)
    monkeypatch.setattr(health, "BUDGET", 0.5)
    sites = [a_site("slow.example", "/drip", "never"), a_site("shop.example")]
    assert there
    assert health.tried(sites) == {"slow.example": False, "shop.example": None}


def test_an_application_gets_time_to_start(there: str) -> None:
    assert there
    LATER.clear()
    asked = a_site("shop.example", "/later", "up")
    assert health.tried([asked]) == {"shop.example": False}
    assert health.patiently([asked], 20) == {"shop.example": True}
