"""What the playbooks need to know about one host: plain data, made from the estate without touching anything."""

from collections.abc import Iterable
from typing import NotRequired, TypedDict

from estate.model import Estate, Host, Role, Runtime, Side, Vhost
from estate.policy import Limits, Origin
from estate.problem import Missing
from inventory.access import ClientData, PersonData, reach_of, sftp_on, staff_on
from inventory.encryption import EncryptionData, VolumeData, encryption_data, kept_by, volumes

WEB = (Role.PRODUCTION, Role.DRP)
FRESH_PORT = 22  # where sshd listens before the first hardening
USUAL_PORT = 2222  # where it listens then, unless the estate says otherwise
# Never the two ends of a pair on one day, so that a bad patch is seen on one before it reaches the other. Of name
# servers and bastions, which stand in for each other, each of the first seven has a day of its own.
PATCH_DAYS = {
    Role.DRP: ("Tue",),
    Role.DNS: ("Mon", "Wed", "Fri", "Sun", "Tue", "Thu", "Sat"),
    Role.PRODUCTION: ("Thu",),
    Role.BACKUP: ("Fri", "Sat"),
    Role.BASTION: ("Sun", "Tue", "Thu", "Sat", "Mon", "Wed", "Fri"),
}

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OFFICIAL = (("Debian", "Debian"), ("Debian", "Debian-Security"))  # Origin and Label of their Release files


class Opening(TypedDict):
    """One thing the firewall lets in; `sources` empty means from anywhere."""

    protocol: str
    port: int
    sources: list[str]


class Door(TypedDict):
    """Where an sshd listens."""

    address: str
    port: int


class LimitsData(TypedDict):
    """What a vhost may use of its host."""

    memory_mb: int
    cpu_percent: int  # of one core
    tasks: int
    disk_mb: int | None


class VhostData(TypedDict):
    """One vhost, as the web server and its PHP pool need it. All paths are absolute."""

    domain: str
    names: list[str]
    user: str
    runtime: str
    upstream: str | None
    directory: str
    root: str
    uploads: list[str]
    paths: list[str]
    certificates: str
    service: str | None  # its own PHP unit; None where it has no PHP, or a pool
    limits: LimitsData
    home: str | None  # on a twin, the address of the production host that it stands in for


class Patching(TypedDict):
    """How a host is patched and rebooted, as `effects.onhost.patching` and its timers need it."""

    reboot: bool
    reboot_day: str  # the day after its patches, so that the two ends of a pair differ in it too
    window: list[str]  # from, to: HH:MM, local to `timezone`
    jitter_minutes: int  # from the start of the window; its other half is left for the reboot itself
    timezone: str  # IANA name
    origins: list[list[str]]  # origin and label of who may patch


class OriginData(TypedDict):
    """One archive of packages beside Debian's."""

    name: str
    uri: str
    suites: list[str]
    components: list[str]
    key: str  # OpenPGP, in its armour


class HostData(TypedDict):
    """One host for `playbooks.drive`. Every deploy sees it as pyinfra's `host.data`; deploys may add keys."""

    name: str
    role: str
    ssh_hostname: str
    ssh_port: int  # where to connect now; `playbooks.drive` finds it
    sshd_port: int  # where sshd listens after hardening
    old_ports: list[int]  # where it may listen until then
    ssh_user: str
    ssh_key: str
    host_key: str
    ssh_known_hosts_file: NotRequired[str]
    control: list[str]
    allow: list[str]  # networks that are never limited and never banned
    block: list[str]  # networks that are never answered
    estate: list[str]  # addresses of all its hosts, which are never banned: backups and the way to a twin need them
    staff: list[PersonData]
    sftp: list[ClientData]
    reach: list[str]  # of a bastion
    cryptography: str
    hardware_keys: bool
    openings: list[Opening]
    followed: bool  # whether its twin follows its database servers
    vaults: list[Door]  # of the backup servers it saves to
    serves: bool  # production enables its sites; a twin's are enabled by an activation alone
    vhosts: list[VhostData]
    patch_day: str
    encryption: EncryptionData | None
    volumes: list[VolumeData]
    passphrases: NotRequired[dict[str, str]]  # of `volumes`, by host; only `seawall harden` looks them up
    patching: Patching
    strict_routing: bool
    stand_in: list[str]  # addresses of its twin, which says for whom it asks when it hands visitors over
    trust: str | None  # a PEM bundle that certificates may be signed by, beside the system's
    web: str  # what serves the vhosts, where the role serves any
    origins: list[OriginData]


def host_data(estate: Estate, host: Host, *, port: int | None = None) -> HostData:
    """Everything the playbooks need to harden `host`; `port` is where it is found now, if that is no usual one."""
    home = next((str(one.ipv4) for one in estate.hosts.values() if one.twin == host.name), None)
    return HostData(
        name=host.name,
        role=host.role.value,
        ssh_hostname=str(host.ipv4),
        ssh_port=host.ssh_port,
        sshd_port=host.ssh_port,
        old_ports=[*([] if port is None else [port]), USUAL_PORT, FRESH_PORT],
        ssh_user="root",
        ssh_key=_control_key(estate),
        host_key=host.host_key,
        control=control(estate),
        allow=list(estate.policy.firewall.allow),
        block=list(estate.policy.firewall.block),
        estate=[address for each in estate.hosts.values() for address in each.addresses],
        staff=staff_on(estate, host),
        sftp=sftp_on(estate, host),
        reach=reach_of(estate, host),
        cryptography=estate.policy.ssh.cryptography.value,
        hardware_keys=estate.policy.ssh.hardware_keys,
        openings=openings(estate, host),
        followed=bool(followers(estate, host)),
        vaults=vaults(estate, host),
        serves=host.role is Role.PRODUCTION,
        vhosts=[_vhost_data(vhost, home) for vhost in estate.vhosts_on(host)] if host.role in WEB else [],
        patch_day=patch_day(estate, host),
        patching=_patching(estate, host),
        encryption=encryption_data(estate, host),
        volumes=volumes(estate, host),
        strict_routing=host.strict_routing,
        stand_in=list(estate.hosts[host.twin].addresses) if host.twin else [],
        trust=estate.drp.trust,
        web=host.web.value,
        origins=[_origin(origin) for origin in estate.policy.origins_of(host.name)],
    )


def _control_key(estate: Estate) -> str:
    if estate.control.ssh_key is None:
        raise Missing(
            "this estate file has no control key: it is one host's slice", hint="run this on the control machine"
        )
    return estate.control.ssh_key


def openings(estate: Estate, host: Host) -> list[Opening]:
    """What the host's role needs open; everything else is dropped."""
    # Clients come to their files from anywhere; sshd itself lets nobody else in from there.
    ssh_from = [] if sftp_on(estate, host) else [*control(estate), *clients(estate, host), *followers(estate, host)]
    found = [Opening(protocol="tcp", port=host.ssh_port, sources=ssh_from)]
    if host.role in WEB:
        found += [Opening(protocol="tcp", port=port, sources=[]) for port in (80, 443)]
    if host.role is Role.DNS:
        found += [Opening(protocol=protocol, port=53, sources=[]) for protocol in ("tcp", "udp")]
    return found + [_asked_for(listens) for listens in host.listens]


def _asked_for(listens: str) -> Opening:
    protocol, _, port = listens.partition("/")
    return Opening(protocol=protocol, port=int(port), sources=[])


def control(estate: Estate) -> list[str]:
    """Addresses that drive the hosts: the bastions', then the control machine's. They are never banned or limited."""
    bastions = [address for host in estate.hosts_with(Role.BASTION) for address in host.addresses]
    return list(dict.fromkeys([*bastions, *estate.control.addresses]))


def clients(estate: Estate, server: Host) -> list[str]:
    """Addresses that a backup server lets in over ssh: who saves to it, the DRP hosts that read it back, and the
    hosts whose passphrase it keeps."""
    savers = [host for host in estate.hosts.values() if server.name in host.backup.values()]
    twins = [estate.hosts[host.twin] for host in savers if host.twin is not None and host.twin in estate.hosts]
    found = [address for host in [*savers, *twins, *kept_by(estate, server)] for address in host.addresses]
    return list(dict.fromkeys(found))


def followers(estate: Estate, host: Host) -> list[str]:
    """Addresses of the twin that follows the host's database servers: it comes by ssh, and to nothing else."""
    return [address for twin in estate.followers(host) for address in twin.addresses]


def vaults(estate: Estate, host: Host) -> list[Door]:
    """The ssh of the backup servers that `host` saves to."""
    servers = [estate.hosts[name] for name in host.backup.values()]
    return [Door(address=address, port=server.ssh_port) for server in servers for address in server.addresses]


def known_ports(data: HostData) -> tuple[int, ...]:
    """Where sshd may be found: the estate's port, and those it may still have."""
    return tuple(dict.fromkeys((data["sshd_port"], *data["old_ports"])))


def _vhost_data(vhost: Vhost, home: str | None) -> VhostData:
    return VhostData(
        domain=vhost.domain,
        names=list(vhost.names),
        user=vhost.user,
        runtime=vhost.runtime.value,
        upstream=vhost.upstream if vhost.runtime is Runtime.PROXY else None,
        directory=str(vhost.directory),
        root=str(vhost.root),
        uploads=[str(path) for path in vhost.uploads],
        paths=[str(path) for path in vhost.paths],
        certificates=str(vhost.certificates),
        service=vhost.service,
        limits=_limits(vhost.limits),
        home=home,
    )


def _limits(limits: Limits) -> LimitsData:
    return LimitsData(
        memory_mb=limits.memory_mb,
        cpu_percent=limits.cpu_percent,
        tasks=limits.tasks,
        disk_mb=limits.disk_mb,
    )


def patch_day(estate: Estate, host: Host) -> str:
    """On which day of the week it is patched, as systemd writes it."""
    days = PATCH_DAYS[host.role]
    return days[_place(host, estate.hosts_with(host.role), estate) % len(days)]


def _patching(estate: Estate, host: Host) -> Patching:
    policy = estate.policy.patches
    begin, end = ((at.hour * 60 + at.minute) for at in policy.window)
    return Patching(
        reboot=policy.reboot,
        reboot_day=WEEK[(WEEK.index(patch_day(estate, host)) + 1) % len(WEEK)],
        window=[f"{at:%H:%M}" for at in policy.window],
        jitter_minutes=min(30, (end - begin) % (24 * 60) // 2),
        timezone=estate.timezone.key,
        origins=[list(pair) for pair in OFFICIAL],
    )


def _origin(it: Origin) -> OriginData:
    return OriginData(name=it.name, uri=it.uri, suites=list(it.suites), components=list(it.components), key=it.key)


def _place(host: Host, peers: Iterable[Host], estate: Estate) -> int:
    """The side of a backup server, so that a pair is never patched on one day; otherwise the place in the file."""
    for user in estate.hosts.values():
        if host.name in user.backup.values():
            return int(user.backup.get(Side.ODD) == host.name)
    return [peer.name for peer in peers].index(host.name)
