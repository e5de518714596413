"""A shell on a host that answers one question after another, over one channel of a connection that is there.

A channel for each question costs the host a login shell and us a channel's opening and end: 6 ms against 1 ms (paramiko
4.0.0, OpenSSH 9.2). The shell ends with its channel, and so with the connection or the process that asks.
"""

import re
import shlex
from secrets import token_hex

import paramiko

from effects.run import Result

CHUNK = 65_536  # bytes
PATIENCE = 300.0  # seconds of silence; a look at files takes a few
# Descriptor 9 is a file without a name: what a question says on standard error, and is heard only where it fails.
BEGIN = """e=$(mktemp -p /run) && exec 9<>"$e" && rm -f "$e" || exit 1
said() {{ c=$?; [ $c = 0 ] || {{ printf '\\n{mark}\\n'; tail -c 2000 /proc/$$/fd/9; }}; printf '\\n{mark} %s\\n' $c; }}
true; said
"""


class Shell:
    """One channel; not for two questions at the same time. Raises OSError where it can't be opened."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self._mark = f"said-{token_hex(16)}"  # nothing that is read on a host looks like it
        self._end = re.compile(rf"\n{self._mark} (\d+)\n\Z".encode())
        transport = client.get_transport()
        if transport is None:
            raise OSError("the connection is closed")
        try:
            self._channel = transport.open_session()
            self._channel.exec_command("exec sh")
        except paramiko.SSHException as fault:
            raise OSError(f"no channel over the connection: {fault}") from None
        self._channel.settimeout(PATIENCE)
        self._channel.sendall(BEGIN.format(mark=self._mark).encode())
        self._hear()  # what root's own .bashrc says is no answer

    def ended(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._channel.closed or self._channel.exit_status_ready()

    def ask(self, script: str, *, stdin: str = "") -> Result:
        """Run `script` in a subshell. It gets `stdin`, which ends with a newline there, or nothing.

        Raises EOFError or OSError where the connection, or the shell, ends first or is silent for too long.
        """
        line = "" if stdin.endswith("\n") else "\n"
        given = f"<<'{self._mark}'\n{stdin}{line}{self._mark}" if stdin else "</dev/null"
        self._channel.sendall(f"(eval {shlex.quote(script)}) 2>/proc/$$/fd/9 9>&- {given}\nsaid\n".encode())
        code, said = self._hear()
        out, _, err = said.partition(f"\n{self._mark}\n")
        return Result((script,), code, out, err)

    def _hear(self) -> tuple[int, str]:
        """Exit code of what was asked, and all that it said."""
        heard = bytearray()
        while (end := self._end.search(heard, max(0, len(heard) - 2 * len(self._mark)))) is None:
            more = self._channel.recv(CHUNK)
            if not more:
                said = self._channel.recv_stderr(CHUNK).decode("utf-8", "replace")
                self._channel.close()  # its end of output may come before the news that it has ended
                raise EOFError(f"the connection ended, or the shell on the host: {said}")
            heard += more
        return int(end[1]), heard[: end.start()].decode("utf-8", "replace")
