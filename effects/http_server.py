"""One page over HTTP, for a program of the same machine or network that asks now and then."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from estate.problem import BadEstate, Missing, Problem

SILENCE = 10.0  # seconds for a client that says nothing
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def serve(where: str, path: str, page: Callable[[], str]) -> None:
    """Answer GET `path` at `where`, "127.0.0.1:9199", for ever; each answer is made anew.

    Raises BadEstate where that is no address, Missing where it can't be listened to.
    """
    address, _, port = where.rpartition(":")
    if not address or not port.isdigit() or int(port) > 65535:
        raise BadEstate(f"{where} is no address to listen at", hint="write it as 127.0.0.1:9199")
    try:
        server = ThreadingHTTPServer((address.strip("[]"), int(port)), _answering(path, page))
    except OSError as fault:
        raise Missing(
            f"can't listen at {where}: {fault.strerror}", hint=f"who does? ss -ltnp 'sport = :{port}'"
        ) from None
    with server:
        server.serve_forever()


def _answering(path: str, page: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        timeout = SILENCE

        def do_GET(self) -> None:
            try:
                code, body = (200, page()) if self.path == path else (404, f"there is {path}\n")
            except (Problem, OSError) as fault:  # the monitor must see that nothing is known
                code, body = 503, f"{fault}\n"
            content = body.encode()
            self.send_response(code)
            self.send_header("Content-Type", TEXT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            """Who asks every few seconds needs no line in a log."""

    return Answer
