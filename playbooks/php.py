"""PHP of each vhost: a php-fpm of its own in a sandbox of its own, or a pool of the shared one.

A unit sees the system read-only, its own directory, and no neighbour; it has limits. A pool has a user and directories
of its own, and shares everything else: one sandbox, one cache of compiled scripts, one fate, no limits.

What is new is started before the web server is sent there, and what is old is stopped after: a vhost changes between
the two without a request lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from estate.model import Runtime
from inventory.access import VHOSTS
from inventory.data import VhostData
from playbooks.operations import File, Unit, ask, files, no_units, units
from templates import render

CONFIGURATIONS = "/etc/seawall/php"
UNITS = "/etc/systemd/system"
LOGS = "/var/log/vhosts"
PHP_LIBRARIES = "/usr/share/php"
MEGABYTES_A_CHILD = 40  # of a request that is served, on average


def with_php(vhosts: Iterable[VhostData]) -> list[VhostData]:
    """Those that run PHP."""
    return [vhost for vhost in vhosts if vhost["runtime"] == Runtime.PHP]


def socket(vhost: VhostData) -> str:
    """Where its PHP listens."""
    user = vhost["user"]
    return f"/run/{_runtime(vhost)}/fpm.sock" if vhost["service"] else f"/run/php/{user}.sock"


def _runtime(vhost: VhostData) -> str:
    return f"seawall-php/{vhost['user']}"


def scratch(vhost: VhostData) -> str:
    """Where its PHP keeps sessions and uploads in transit: nobody else's."""
    return str(PurePosixPath(vhost["directory"]) / "tmp")


def log(vhost: VhostData) -> str:
    """Where its PHP says what went wrong."""
    return f"{LOGS}/{vhost['domain']}/php.log"


def pool(vhost: VhostData) -> str:
    """The php-fpm configuration of a vhost: a pool, or all of it for a unit of its own."""
    readable = [vhost["directory"], vhost["root"], PHP_LIBRARIES, *vhost["paths"]]
    limits = vhost["limits"]
    return render(
        "pool.conf.j2",
        vhost=vhost,
        socket=socket(vhost),
        scratch=scratch(vhost),
        log=log(vhost),
        readable=_outermost(readable),
        children=max(2, min(limits["memory_mb"] // MEGABYTES_A_CHILD, limits["tasks"] - 2)),
    )


def unit(vhost: VhostData, version: str) -> str:
    """The systemd unit of a vhost that has one."""
    return render(
        "seawall-php.service.j2",
        vhost=vhost,
        version=version,
        config=configuration(vhost["user"]),
        runtime=_runtime(vhost),
        vhosts=VHOSTS,
        logs=LOGS,
    )


def own_unit(user: str) -> str:
    """The name of the unit of a vhost that has, or had, one."""
    return f"seawall-php-{user}.service"


def configuration(user: str) -> str:
    """Of a unit's php-fpm."""
    return f"{CONFIGURATIONS}/{user}.conf"


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without what lies below another of them."""
    unique = [PurePosixPath(path) for path in dict.fromkeys(paths)]
    return [str(path) for path in unique if not any(path != other and path.is_relative_to(other) for other in unique)]


def start_php(vhosts: Sequence[VhostData]) -> None:
    """Files and services that are wanted; nothing that serves now is stopped."""
    files(name="php: units and pools", wanted=lambda: _files(vhosts))
    units(name="php: services", wanted=lambda: [*_own(vhosts), *_shared(vhosts)])


def retire_php(vhosts: Sequence[VhostData]) -> None:
    """Stop what a vhost had before it changed, once the web server asks for it no more."""
    others = [vhost for vhost in vhosts if not vhost["service"]]
    no_units(name="php: no units but those wanted", names=[own_unit(vhost["user"]) for vhost in others])
    files(name="php: nothing left of others", wanted={}, absent=lambda: _old_files(vhosts))
    units(name="php: shared service, after that", wanted=lambda: _shared(vhosts))
    no_units(name="php: no shared service without a pool", names=_idle)


def php_version() -> str:
    """Of the newest php-fpm on the host, as "8.2"; empty where there is none yet."""
    found = [path.split("/")[3] for path in ask('for d in /etc/php/*/fpm; do [ ! -d "$d" ] || echo "$d"; done')]
    return max(found, key=lambda version: [int(part) for part in version.split(".")], default="")


def _files(vhosts: Sequence[VhostData]) -> Mapping[str, File]:
    mine = with_php(vhosts)
    version = php_version() if mine else ""
    if not version:
        return {}
    apart, shared = [v for v in mine if v["service"]], [v for v in mine if not v["service"]]
    return {
        **{f"{UNITS}/{v['service']}": File(unit(v, version)) for v in apart},
        **{configuration(v["user"]): File(pool(v)) for v in apart},
        **{_pool_file(v["user"], version): File(pool(v)) for v in shared},
        **({_sandbox(version): File(_sandbox_of(shared))} if shared else {}),
    }


def _pool_file(user: str, version: str) -> str:
    return f"/etc/php/{version}/fpm/pool.d/{user}.conf"


def _sandbox(version: str) -> str:
    return f"{UNITS}/php{version}-fpm.service.d/seawall.conf"


def _sandbox_of(vhosts: Sequence[VhostData]) -> str:
    return render("php-fpm.sandbox.conf.j2", paths=[path for vhost in vhosts for path in vhost["paths"]])


def _old_files(vhosts: Sequence[VhostData]) -> list[str]:
    """Of what a vhost has no more; and Debian's own pool, which would run everybody as www-data."""
    version = php_version()
    shared = {vhost["domain"] for vhost in with_php(vhosts) if not vhost["service"]}
    no_pool = [_pool_file(v["user"], version) for v in vhosts if v["domain"] not in shared] if version else []
    no_unit = [v["user"] for v in vhosts if not v["service"]]
    debians = [_pool_file("www", version)] if version and with_php(vhosts) else []
    return [*debians, *no_pool, *(f"{UNITS}/{own_unit(user)}" for user in no_unit), *map(configuration, no_unit)]


def _own(vhosts: Sequence[VhostData]) -> list[Unit]:
    version = php_version()
    ini = f"/etc/php/{version}/fpm"
    return [
        Unit(
            vhost["service"],
            watches=(configuration(vhost["user"]), f"{UNITS}/{vhost['service']}", f"{ini}/php.ini", f"{ini}/conf.d"),
            judge=f"runuser -u {vhost['user']} -- php-fpm{version} -t -y {configuration(vhost['user'])}",
            act="restart",
            apart=True,
        )
        for vhost in vhosts
        if vhost["service"] and version
    ]


def _shared(vhosts: Sequence[VhostData]) -> list[Unit]:
    version = php_version()
    if not version or all(vhost["service"] for vhost in with_php(vhosts)):
        return []
    name, judge = f"php{version}-fpm.service", f"php-fpm{version} -t"
    return [Unit(name, watches=(f"/etc/php/{version}/fpm",), judge=judge, restarts=(_sandbox(version),))]


def _idle() -> list[str]:
    """The shared service, where it would serve nobody: without a pool it does not even start."""
    version = php_version()
    pools = ask(f"ls /etc/php/{version}/fpm/pool.d/*.conf 2>/dev/null || true") if version else []
    return [f"php{version}-fpm.service"] if version and not pools else []
