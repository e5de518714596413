"""Programs that a host of the lab runs, fed with JSON: what listens, what asks, what floods."""

LISTEN = """
import socket, socketserver, sys, threading
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(b"here", self.client_address)
class Six(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6
socketserver.TCPServer(("0.0.0.0", 8080), socketserver.BaseRequestHandler)
Six(("::", 8080), Echo).serve_forever()
"""
ASK = """
import json, socket, sys
def ask(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        s.sendto(b"who", (address, port))
        try:
            return bool(s.recv(9))
        except OSError:
            return False
print(json.dumps([ask(*door) for door in json.load(sys.stdin)]))
"""
# Many connections at once, held: how many there are when each is made, refused, or was asked for three times in vain
# (tcp(7), TCP_INFO: its first byte is the state, 2 is SYN_SENT; its third the retransmissions).
FLOOD = """
import json, select, socket, sys
address, count = json.load(sys.stdin)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
held = [socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]
for s in held:
    s.connect_ex((address, 443))
def settled(s):
    state, _, again = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 3)
    return state != 2 or again >= 2
while not all(map(settled, held)):
    select.select([], [], [], 0.1)
print(sum(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == bytes([1]) for s in held))
"""
# Many connections at once, held for some seconds: how many the server speaks to.
HOLD = """
import json, socket, sys, time
addresses, port, count = json.load(sys.stdin)
held = []
for address in addresses * count:
    try:
        held.append(socket.create_connection((address, port), 2))
    except OSError:
        pass
time.sleep(4 if held else 0)
def greeted(s):
    s.settimeout(0.1)
    try:
        return s.recv(4) == b"SSH-"
    except OSError:
        return False
print(sum(greeted(s) for s in held))
"""
# A line of the journal, said by a program under another's name, some times.
JOIN = """
import ctypes, json, socket, sys
name, line, count = json.load(sys.stdin)
ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect("/dev/log")
for _ in range(count):
    log.send(line.encode())
"""
# A port taken, where that is allowed.
TAKE = """
import json, socket, sys
address, port = json.load(sys.stdin)
socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
"""
