"""A twin follows its production host's database servers: a socket for each engine behind which ssh goes there, and the
service that tends the replicas.

Data: `follows`, the host, its address and its port; None: it follows nobody. `engines`.
"""

from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.followed import ACCOUNT
from playbooks.install import UNITS
from playbooks.operations import File, Unit, files, no_units, show, units
from playbooks.schedule import PROGRAMS
from templates import render

SERVICE = "seawall-replica.service"
PORTS = {"mariadb": 3306, "postgresql": 5432}  # in the network namespace of the replica, where nobody else is


@deploy("Follow production")
def follow() -> None:
    """The way there, and what tends the replicas."""
    data = host.data
    engines = data.engines if data.follows else []
    wanted = {str(UNITS / SERVICE): File(render(f"{SERVICE}.j2")), **_links(data.follows, engines)}
    files(name="replicas: units", wanted=wanted)
    if not engines:
        no_units(name="replicas: none", names=[SERVICE, *(f"{link(engine)}.socket" for engine in PORTS)])
        stopped(name="replicas: none runs", names=[f"seawall-replica-{engine}.service" for engine in PORTS])
        return
    sockets = [Unit(f"{link(engine)}.socket", (str(UNITS / f"{link(engine)}.socket"),), act="restart")
               for engine in engines]  # fmt: skip
    units(name="replicas: the way to production", wanted=sockets)
    read = (str(UNITS / SERVICE), "/etc/seawall/estate.json", PROGRAMS)
    units(name="replicas: what tends them", wanted=[Unit(SERVICE, read, act="restart")])


@operation()
def stopped(names: Sequence[str]) -> Generator[StringCommand]:
    """Nobody tends them any more, and whom they are connected with they would still follow. Gone when they stop."""
    if live := [name for name, now in show(names).items() if now["ActiveState"] not in ("inactive", "failed")]:
        yield StringCommand(f"systemctl stop {' '.join(live)}")


def link(engine: str) -> str:
    """The name of its units."""
    return f"seawall-replica-{engine}-link"


def _links(follows: Mapping[str, str] | None, engines: Sequence[str]) -> dict[str, File]:
    return {
        str(UNITS / f"{link(engine)}{end}"): File(
            render(f"seawall-replica-link{end}.j2", engine=engine, port=PORTS[engine], account=ACCOUNT, **follows)
        )
        for engine in engines
        for end in (".socket", "@.service")
        if follows
    }
