"""Sent by `seawall patches now`, before and after: do this host's sites answer, and which units failed?

`look` takes {sites: [{domain, path, expect}]} and answers {well: [domain], failed: [unit]}. The sites are asked for
on this host itself, over TLS, whatever DNS says; whose certificate that is, others look at.
"""

import http.client
import socket
import ssl
import subprocess
from typing import Any

TIMEOUT = 10.0


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """What is well, and what is not."""
    argv = ["systemctl", "list-units", "--failed", "--plain", "--no-legend"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    return {
        "well": [site["domain"] for site in question["sites"] if answers(site)],
        "failed": [line.split()[0] for line in said.splitlines() if line.strip()],
    }


def answers(site: "dict[str, str]") -> bool:
    """200, with the words that a healthy site shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=site["domain"]) as secure,
        ):
            asked = f"GET {site['path']} HTTP/1.1\r\nHost: {site['domain']}\r\nConnection: close\r\n\r\n"
            secure.sendall(asked.encode())
            answer = http.client.HTTPResponse(secure)
            answer.begin()
            return answer.status == 200 and site["expect"] in answer.read(4 << 20).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return False
