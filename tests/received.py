"""What the receivers of tests/receivers.py have been told, and how they are to misbehave."""

import ssl
import threading
from collections import defaultdict
from typing import Any

USER_TOKEN, APP_TOKEN, TOKEN, PASSWORD = "user-t0ken", "app-t0ken", "t0ken", "pa55word"
STOP = threading.Event()
LOCK = threading.Lock()
FAULTS: dict[str, list[str]] = defaultdict(list)  # by receiver; each is used up by one request that would change it
TICKETS: dict[str, list[dict[str, Any]]] = defaultdict(list)  # by receiver, oldest first
HEARD: dict[str, list[dict[str, Any]]] = defaultdict(list)  # of webhook and mail server
SESSIONS: set[str] = set()
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
