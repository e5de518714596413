"""Whether a door is open: a TCP port that answers, an ssh login that works over a new connection."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from estate.problem import Missing, Unreachable, Untrusted

if TYPE_CHECKING:
    import paramiko

CONNECT = 4.0  # seconds


def answers(address: str, port: int, *, timeout: float = CONNECT) -> bool:
    """Whether something accepts TCP connections there within `timeout` seconds."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def first_open(address: str, ports: Iterable[int], *, timeout: float = CONNECT) -> int | None:
    """The first of `ports` that answers; None where none does."""
    return next((port for port in ports if answers(address, port, timeout=timeout)), None)


def known_hosts_line(address: str, port: int, key: str) -> str:
    """One line of known_hosts for `key` ("ssh-ed25519 AAAA…"); other ports than 22 are written `[host]:port`."""
    return f"{address if port == 22 else f'[{address}]:{port}'} {' '.join(key.split()[:2])}\n"


def login(address: str, port: int, *, user: str, key: str, known_hosts: Path) -> None:
    """Log in over a new connection with the private key `key`, run `true`, leave; at most `CONNECT` seconds a part.

    A connection that is already there, or multiplexed, would hide that no new one can be made.
    Raises Unreachable, or Untrusted for a wrong host key or a key that is not accepted.
    """
    import paramiko  # noqa: PLC0415 - a managed host knocks too, and has no paramiko

    client = paramiko.SSHClient()
    client.load_host_keys(str(known_hosts))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            address,
            port,
            user,
            key_filename=key,
            timeout=CONNECT,
            banner_timeout=CONNECT,
            auth_timeout=CONNECT,
            look_for_keys=False,
            allow_agent=False,
        )
        client.exec_command("true", timeout=CONNECT)[1].channel.recv_exit_status()
    except (paramiko.BadHostKeyException, paramiko.AuthenticationException) as fault:
        raise Untrusted(
            f"{address} port {port}: {fault}", hint="look at the pinned host key and the control key"
        ) from None
    except FileNotFoundError:
        raise Missing(f"the control key {key} is not there", hint="look at [control] ssh_key in the estate") from None
    except (OSError, EOFError, paramiko.SSHException) as fault:
        raise Unreachable(
            f"{address} port {port}: {fault}", hint="is the host up, and this machine in control.addresses?"
        ) from None
    finally:
        with suppress(Exception):  # a peer that is gone can't be told goodbye
            client.close()


def no_delay(client: "paramiko.SSHClient") -> None:
    """Send at once: paramiko leaves Nagle's algorithm on, which costs 55 ms a command instead of 10."""
    transport = client.get_transport()
    if transport is not None:
        peer = transport.sock
        assert isinstance(peer, socket.socket)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
