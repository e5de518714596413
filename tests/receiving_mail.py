"""A mail server for tests/receivers.py."""

import socket
from base64 import b64decode
from socketserver import StreamRequestHandler, ThreadingTCPServer

from received import CONTEXT, FAULTS, HEARD, LOCK, PASSWORD, STOP


class Mail(StreamRequestHandler):
    """A submission server (RFC 6409) that lets nobody in without TLS and a password."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            self.fault = FAULTS["mail"].pop(0) if FAULTS["mail"] else ""
            if self.fault == "hang":
                STOP.wait()
            self.secure = self.known = False
            self.say("421 come later" if self.fault == "421" else "220 receiver")
            self.sender, self.to = "", list[str]()
            while line := self.rfile.readline():
                if not self.command(line.decode().strip()):
                    return
        except (OSError, ValueError):
            pass

    def say(self, *lines: str) -> bool:
        for line in lines:
            self.wfile.write(f"{line}\r\n".encode())
        return True

    def command(self, line: str) -> bool:  # noqa: PLR0911 - one return an answer
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                more = ["250-AUTH PLAIN"] if self.secure else ["250-STARTTLS"]
                return self.say("250-receiver", *more, "250 8BITMIME")
            case "STARTTLS":
                self.say("220 go ahead")
                self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.secure = True
                return True
            case "AUTH":
                self.known = b64decode(rest.split()[-1]).split(b"\0")[2] == PASSWORD.encode()
                return self.say("235 welcome" if self.known else "535 5.7.8 wrong password")
            case "MAIL":
                return self.say("250 ok" if self.known else "530 5.7.0 who are you?")
            case "RCPT":
                who = line.partition("<")[2].partition(">")[0]
                if who.startswith("gone@"):
                    return self.say("550 5.1.1 no such user")
                self.to.append(who)
                return self.say("250 ok")
            case "DATA":
                return self.data()
            case "QUIT":
                self.say("221 bye")
                return False
        return self.say("250 ok")

    def data(self) -> bool:
        self.say("354 go ahead")
        lines = list[bytes]()
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if self.fault == "554":
            return self.say("554 5.7.1 I do not like it")
        with LOCK:
            HEARD["mail"].append({"to": list(self.to), "text": b"".join(lines).decode()})
        if self.fault == "lost":
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        return self.say("250 2.0.0 taken")


class MailServer(ThreadingTCPServer):
    """On a port of its own."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who leaves in the middle is part of the tests."""
