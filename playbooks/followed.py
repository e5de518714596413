"""Let the twin follow this host's database servers: an account that owns nothing, a key with one command
(effects/onhost/relay.py), and in each database server a user of that name who may replicate.

Data: `follower`, the twin's public key; empty: nobody follows. `engines`.
"""

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.install import TOOLKIT
from playbooks.key_server import home, keepers
from playbooks.operations import File, ask, files, held

ACCOUNT = "replica-twin"
COMMAND = f"{TOOLKIT}/bin/python -I -m effects.onhost.relay"
PSQL = "runuser -u postgres -- psql -AtXq"
MAKE = {
    "mariadb": f"CREATE USER IF NOT EXISTS '{ACCOUNT}'@'localhost' IDENTIFIED VIA unix_socket;"
    f" GRANT REPLICATION SLAVE ON *.* TO '{ACCOUNT}'@'localhost'",
    "postgresql": f'CREATE ROLE "{ACCOUNT}" LOGIN REPLICATION',
}
HAS = {
    "mariadb": f"SHOW GRANTS FOR '{ACCOUNT}'@'localhost'",
    "postgresql": f"SELECT 'REPLICATION' FROM pg_roles WHERE rolreplication AND rolname = '{ACCOUNT}'",  # noqa: S608
}
ASK = {"mariadb": "mariadb -NB", "postgresql": PSQL}


@deploy("Let the twin follow")
def followed() -> None:
    """An account and a key; a user in each database server."""
    data = host.data
    keys = f"{home(ACCOUNT)}/.ssh/authorized_keys"
    if data.follower:
        keepers(name="replication: an account", names=[ACCOUNT])
        files(name="replication: a key with one command", wanted={
            keys: File(f'command="{COMMAND}",restrict {data.follower}\n'),
        })  # fmt: skip
        users(name="replication: users of the database servers", engines=data.engines)
    else:
        files(name="replication: nobody's key", wanted={}, absent=[keys])


@operation()
def users(engines: Sequence[str]) -> Generator[StringCommand]:
    """Who may replicate, and nothing else; known by the account that comes over the socket."""
    for engine in () if held() else engines:
        granted = ask(f"{ASK[engine]} 2> /dev/null || true", stdin=f"{HAS[engine]};\n")
        if not any("REPLICATION" in line for line in granted):
            yield StringCommand(ASK[engine], _stdin=f"{MAKE[engine]};\n")
