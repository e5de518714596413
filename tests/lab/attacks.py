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
# Many connections at once, held: how many there are after two retransmissions.
FLOOD = """
import json, select, socket, sys, time
address, count = json.load(sys.stdin)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
held = [socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]
for s in held:
    s.connect_ex((address, 443))
time.sleep(4)
poll = select.poll()
for s in held:
    poll.register(s, select.POLLOUT)
print(sum(1 for _, event in poll.poll(0) if event == select.POLLOUT))
"""
