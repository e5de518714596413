"""Commands on another host, over ssh, with a pinned host key and a time limit.

fabric 3.2 accepts unknown host keys, has no time limit of its own for a dead peer, and leaves the remote
process running when its time is up. So: known hosts come from the estate alone, `TCP_USER_TIMEOUT` notices
a cut cable within 25 s, and every command runs under `timeout -k`. Never pipe data through here: captured
output costs quadratic time (27 MB took 89 s).
"""

import shlex
import socket
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import fabric
import paramiko
from invoke.exceptions import CommandTimedOut, UnexpectedExit

from effects.reach import awake, detour, known_hosts_line, leave
from effects.run import Result
from estate.model import Control, Host
from estate.problem import Failed, Missing, Unreachable, Untrusted

CONNECT = 8  # seconds
LOST = 25_000  # milliseconds without an acknowledgement until the kernel gives the connection up
GRACE = 5  # seconds between SIGTERM and SIGKILL on the other end
TIMED_OUT = (124, 137)  # timeout(1): the time was up; it had to be killed


class Remote:
    """One connection to one host as root; opened at the first command, closed by `with`."""

    def __init__(self, host: Host, control: Control) -> None:
        self.host, self._key = host, control.ssh_key
        self._connection = fabric.Connection(
            str(host.ipv4),
            user="root",
            port=host.ssh_port,
            connect_timeout=CONNECT,
            connect_kwargs={"key_filename": control.ssh_key, "look_for_keys": False, "allow_agent": False},
        )
        _pin(self._connection.client, host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; harmless where there is none."""
        with suppress(Exception):  # a peer that is gone can't be told goodbye
            leave(self._connection.client)
            self._connection.close()

    def attempt(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> Result:
        """Run to the end, whatever the exit code. Raises Unreachable, Untrusted, or Failed when the time is up."""
        self._open()
        command = f"timeout -k {GRACE} {timeout:g} {shlex.join(argv)}"
        done = self._exec(command, timeout + 2 * GRACE + LOST / 1000, stdin)
        if done.code in TIMED_OUT:
            raise Failed(
                f"{self.host.name}: {argv[0]} did not end within {timeout:g} s",
                hint=f"look at the host: ssh -p {self.host.ssh_port} root@{self.host.ipv4}",
            )
        return Result(tuple(argv), done.code, done.out, done.err)

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> str:
        """Standard output of a command that must exit 0."""
        result = self.attempt(argv, timeout=timeout, stdin=stdin)
        if not result.ok:
            said = result.said or "nothing was said"
            raise Failed(
                f"{self.host.name}: {' '.join(argv[:3])} … ended with {result.code}: {said}",
                hint="mend that, then run the same command again",
            )
        return result.out

    def _open(self) -> None:
        if self._connection.is_connected:
            return
        try:
            with TemporaryDirectory(prefix="seawall-") as folder:
                self._connection.gateway = self._detour(Path(folder) / "known_hosts")
                self._connection.open()
        except paramiko.BadHostKeyException:
            raise Untrusted(
                f"{self.host.name} ({self.host.ipv4}) shows another host key than the estate pins",
                hint="if the host was rebuilt, put its new key into the estate; if not, somebody is in between",
            ) from None
        except paramiko.AuthenticationException:
            raise Untrusted(
                f"{self.host.name} does not accept the control key for root",
                hint="look at [control] ssh_key in the estate, and at the host's authorized_keys",
            ) from None
        except FileNotFoundError as fault:
            raise Missing(
                f"the control key {fault.filename} is not there",
                hint="look at [control] ssh_key in the estate",
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as fault:
            raise self._unreachable(fault) from None
        _notice_a_cut(self._connection.client)

    def _detour(self, known: Path) -> str | None:
        """How to get through to a server that fabric can't talk to; `known` is written for it."""
        address, port = str(self.host.ipv4), self.host.ssh_port
        known.write_text(known_hosts_line(address, port, self.host.host_key), encoding="utf-8")
        return detour(address, port, key=self._key, known_hosts=known) if self._key else None

    def _exec(self, command: str, limit: float, stdin: str | None) -> Result:
        stream = _AtOnce(stdin) if stdin is not None else False  # never on the command line, where `ps` shows it
        try:
            done: Any = self._connection.run(command, hide=True, warn=True, timeout=limit, in_stream=stream)
        except CommandTimedOut:
            raise self._unreachable(TimeoutError("a command there can't even be stopped")) from None
        except (OSError, EOFError, UnexpectedExit, paramiko.SSHException) as fault:
            raise self._unreachable(fault) from None
        if done.exited == -1:  # how paramiko reports a connection that died under a command
            raise self._unreachable(EOFError("the connection broke"))
        return Result((command,), done.exited, done.stdout, done.stderr)

    def _unreachable(self, fault: Exception) -> Unreachable:
        return Unreachable(
            f"{self.host.name} ({self.host.ipv4} port {self.host.ssh_port}) does not answer ssh: {fault}",
            hint=f"is its datacenter {self.host.datacenter} up? try: ssh -p {self.host.ssh_port} root@{self.host.ipv4}",
        )


class _AtOnce(StringIO):
    """invoke 2.2 reads one character and sleeps 10 ms: 37 s for a job of 3,700. This gives it all at the first."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read()


def _pin(client: paramiko.SSHClient, host: Host) -> None:
    line = known_hosts_line(str(host.ipv4), host.ssh_port, host.host_key)
    entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
    if entry is None or entry.key is None:
        raise Untrusted(
            f"{host.name}: the pinned host key is no key",
            hint=f"ssh-keyscan -t ed25519 {host.ipv4}, and compare on its console",
        )
    client.get_host_keys().add(entry.hostnames[0], entry.key.get_name(), entry.key)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())


def _notice_a_cut(client: paramiko.SSHClient) -> None:
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(5)
        if isinstance(transport.sock, socket.socket):  # on a detour ssh itself looks for signs of life
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST)
    awake(client)
