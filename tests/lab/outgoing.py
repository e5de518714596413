"""Every packet that leaves a host of the lab, seen from the machine: nobody on the host can hide one.

Run as a program it prints, at its end, what left eth0 of the namespace it is in.
"""

import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from subprocess import PIPE, Popen

from lab import Lab

OUTGOING, IPV4, IPV6, EVERYTHING = 4, 0x0800, 0x86DD, 0x0003
TCP, UDP = 6, 17
READY = "ready\n"


@dataclass(frozen=True, slots=True)
class Packet:
    """To whom, by what; `code` is the opcode of a DNS message over UDP, else -1."""

    to: str
    protocol: int
    source: int  # ports; 0 where there are none
    port: int
    code: int = -1


@dataclass(slots=True)
class Seen:
    """What left while somebody looked."""

    packets: set[Packet] = field(default_factory=set)


@contextmanager
def outgoing(lab: Lab, host: str) -> Iterator[Seen]:
    """Look from before the block begins until after it ended."""
    seen = Seen()
    argv = ["ip", "netns", "exec", lab.plan.namespace(host), sys.executable, str(Path(__file__))]
    with Popen(argv, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == READY
        try:
            yield seen
        finally:
            process.send_signal(signal.SIGTERM)
            seen.packets |= {Packet(*row) for row in json.loads(process.stdout.read())}


def main() -> None:
    """Look until SIGTERM."""
    found = set[tuple[str, int, int, int, int]]()

    def stop(*_: object) -> None:
        sys.stdout.write(json.dumps(sorted(found)))
        sys.stdout.flush()
        raise SystemExit

    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING)) as wire:
        wire.bind(("eth0", EVERYTHING))
        signal.signal(signal.SIGTERM, stop)
        sys.stdout.write(READY)
        sys.stdout.flush()
        while True:
            data, (_, protocol, kind, *_rest) = wire.recvfrom(65535)
            if kind == OUTGOING and protocol in (IPV4, IPV6):
                found.add(_read(data, protocol))


def _read(data: bytes, version: int) -> tuple[str, int, int, int, int]:
    if version == IPV4:
        to, protocol, rest = ip_address(data[16:20]), data[9], data[(data[0] & 15) * 4 :]
    else:
        to, protocol, rest = ip_address(data[24:40]), data[6], data[40:]
    if protocol not in (TCP, UDP):
        return str(to), protocol, 0, 0, -1
    source, port = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
    code = (rest[10] >> 3) & 15 if protocol == UDP and port == 53 and len(rest) > 10 else -1
    return str(to), protocol, source, port, code


if __name__ == "__main__":
    main()
