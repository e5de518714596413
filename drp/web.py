"""The web server of this host: which vhosts it serves, and which are in maintenance.

The site files are the hardening playbook's; here they are only switched. `/etc/seawall/maintenance/DOMAIN`
makes the web server answer 503 with Retry-After to all but loopback; with `/etc/seawall/handed-over/DOMAIN` as well it
asks production instead. What stands in that file is until when: nothing before DNS has been switched.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backups import paths
from effects import files
from effects.clock import now
from effects.files import SWAPPING
from effects.run import attempt, run
from estate.model import Runtime, Vhost
from estate.problem import Missing, Refused
from estate.web import WebServer

RELOADED = Path("/run/seawall-web-reloaded")  # touched after a reload that held; gone after a reboot, like what it says


def enabled(server: WebServer, vhost: Vhost) -> bool:
    """Whether the site is switched on."""
    return Path(server.enabled(vhost.domain)).exists()


def enable(server: WebServer, vhost: Vhost) -> None:
    """Switch the site on; the next reload serves it."""
    source, link = Path(server.available(vhost.domain)), Path(server.enabled(vhost.domain))
    if not source.exists():
        raise Missing(f"{source} is not there", hint="deploy it from the control machine with: seawall harden")
    if not link.exists():
        link.unlink(missing_ok=True)  # a link that leads nowhere
        link.symlink_to(source)


def in_maintenance(vhost: Vhost) -> bool:
    """Whether everybody but loopback gets 503."""
    return (paths.MAINTENANCE / vhost.domain).exists()


def set_maintenance(vhost: Vhost, *, on: bool) -> None:
    """Takes effect with the next request: the web server looks for the file."""
    flag = paths.MAINTENANCE / vhost.domain
    take_back([vhost])
    if on:
        flag.parent.mkdir(parents=True, exist_ok=True)
        flag.touch()
    else:
        flag.unlink(missing_ok=True)


def hand_over(vhost: Vhost) -> None:
    """Let production answer who still comes here, from the next request on. Only in maintenance: nothing is written."""
    if not in_maintenance(vhost):
        raise Refused(f"{vhost.domain} is served here", hint="run the same command again: it freezes it first")
    flag = paths.HANDED_OVER / vhost.domain
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()


def handed_over(vhost: Vhost) -> bool:
    """Whether production answers for it."""
    return (paths.HANDED_OVER / vhost.domain).exists() and in_maintenance(vhost)


def until(vhost: Vhost) -> datetime | None:
    """When the last who was told of this host has forgotten it; None where that is not known."""
    try:
        return datetime.fromisoformat((paths.HANDED_OVER / vhost.domain).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def drain(vhost: Vhost, seconds: int) -> None:
    """Its names lead elsewhere: resolvers may send visitors here for so long."""
    end = now() + timedelta(seconds=seconds)
    files.write(paths.HANDED_OVER / vhost.domain, f"{end.isoformat()}\n", mode=0o644)


def take_back(vhosts: Iterable[Vhost]) -> None:
    """Nobody is sent to production any more."""
    for vhost in vhosts:
        (paths.HANDED_OVER / vhost.domain).unlink(missing_ok=True)


def drained(vhosts: Iterable[Vhost]) -> tuple[str, ...]:
    """Take those back that nobody should find here any more; their domains."""
    over = [vhost for vhost in vhosts if (end := until(vhost)) is not None and end < now()]
    take_back(over)
    return tuple(vhost.domain for vhost in over)


def frozen_at(vhosts: tuple[Vhost, ...]) -> datetime:
    """The second in which the last of them went into maintenance."""
    latest = max((paths.MAINTENANCE / vhost.domain).stat().st_mtime for vhost in vhosts)
    return datetime.fromtimestamp(int(latest), UTC)


def still_since() -> datetime | None:
    """The instant from which on no request from before it is at work any more: of the last reload; None: not since the
    last boot."""
    try:
        return datetime.fromtimestamp(RELOADED.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def loaded(server: WebServer, *vhosts: Vhost) -> bool:
    """Whether the servers were reloaded after the last switch: a reload owed by a run that died is still owed.

    Certificates of `vhosts` count too: brought back by a rename, they are read at the next reload and not before. So
    do their directories, which the sandbox of a PHP service holds on to from its start.
    """
    return _since(server) is not None and len(those_loaded(server, vhosts)) == len(vhosts)


def those_loaded(server: WebServer, vhosts: Collection[Vhost]) -> frozenset[str]:
    """The domains of `vhosts` for which nothing is owed; as `loaded`, and asked in one go."""
    since = _since(server)
    if since is None:
        return frozenset()
    read = [vhost for vhost in vhosts if _older(Path(vhost.certificates), since)]
    pids = _pids([vhost.service for vhost in read if vhost.service is not None])
    return frozenset(vhost.domain for vhost in read if vhost.service is None or _sees(vhost, pids[vhost.service]))


def _since(server: WebServer) -> int | None:
    """When the servers were reloaded, in nanoseconds; None where a site was switched since."""
    try:
        since = RELOADED.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return since if all(_older(path, since) for path in (Path(server.sites), paths.MAINTENANCE)) else None


def _older(path: Path, since: int) -> bool:
    return not path.exists() or path.stat().st_ctime_ns <= since


def reload(server: WebServer, *vhosts: Vhost) -> None:
    """Judge the configuration, then load it. PHP of `vhosts` is restarted: no request from before is still writing."""
    with SWAPPING:  # of another vhost's certificates, say
        _reload(server, *vhosts)


def _reload(server: WebServer, *vhosts: Vhost) -> None:
    run(server.judge, timeout=60)
    if services := [*_own(vhosts), *_shared(vhosts)]:
        run(["systemctl", "restart", *services], timeout=120)
    run(["systemctl", "reload-or-restart", server.unit], timeout=60)
    RELOADED.touch()


def _own(vhosts: Iterable[Vhost]) -> list[str]:
    return [vhost.service for vhost in vhosts if vhost.service is not None]


def _shared(vhosts: Iterable[Vhost]) -> list[str]:
    """Units of php-fpm that run pools, where one of `vhosts` has one."""
    if all(vhost.service or vhost.runtime is not Runtime.PHP for vhost in vhosts):
        return []
    listed = attempt(
        ["systemctl", "list-units", "--plain", "--no-legend", "--state=active", "php*-fpm.service"],
        timeout=30,
    )
    return [line.split()[0] for line in listed.out.splitlines() if line.strip()]


def _pids(services: Sequence[str]) -> dict[str, str]:
    """Of each its main process; 0 where it does not run."""
    if not services:
        return {}
    shown = attempt(["systemctl", "show", "--property=Id,MainPID", *services], timeout=30).out
    found = [dict(line.split("=", 1) for line in unit.splitlines() if line) for unit in shown.split("\n\n")]
    known = {unit["Id"]: unit["MainPID"] for unit in found if unit}
    return {service: known.get(service, "0") for service in services}


def _sees(vhost: Vhost, pid: str) -> bool:
    """Whether its own PHP service runs on the directory that stands there now, and not on one that was moved aside."""
    inside = Path("/proc", pid, "root", str(vhost.directory).lstrip("/"))
    try:
        return inside.stat().st_ino == Path(vhost.directory).stat().st_ino
    except OSError:
        return False
