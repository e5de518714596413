"""Making a lab: image, network, hosts, all in parallel, and done only when every host answers."""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from effects import clock, files
from effects.run import attempt, installed
from estate.problem import BadEstate, Failed, Missing, Refused
from lab import identity, image, kept, repository
from lab import names as zones
from lab.applications import build
from lab.estate_file import APPROVERS, BACKED_UP, estate_file
from lab.guest import Guest
from lab.identity import Authority, KeyPair
from lab.image import Say
from lab.lab import Lab, checked_name, complete, load, locked, save
from lab.lab import names as existing
from lab.layout import PLACES, SITES, Place, Plan, chosen
from lab.network import make as make_network

NEEDED = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "ip": "iproute2", "ssh": "openssh-client",
          "nsenter": "util-linux", "mount": "mount"}  # fmt: skip


def up(
    name: str = "lab",
    network: int = 77,
    *,
    suite: str | None = None,
    hosts: Collection[str] = (),
    disks: Collection[str] = (),
    above: Sequence[Path] = (),
    say: Say = lambda _: None,
) -> Lab:
    """Bring a lab up, or find it up already. `network` is the N of 10.N.0.0/16; `say` gets a line per stage.

    `suite` is Debian's, by default this machine's own. `hosts` are those to boot, none means all; the estate file
    always describes all. `disks` are those of them whose root is a disk and not an overlay. `above` are what
    `kept.keep` kept of a lab of this name and network, the newest first: hosts begin as they were. What a crashed run
    left is removed first. Raises BadEstate for a host or suite there can't be, Missing without root or a package,
    Refused where the network is another lab's or the lab is up with other hosts, Failed where a host does not come up.
    """
    wanted = image.known_suite(suite or image.own_suite())
    booted = chosen(hosts)
    plan = Plan(checked_name(name), _checked_network(network), wanted, booted, with_disks(disks, booted))
    _check_machine()
    with locked(name):
        if name in existing():
            lab = load(name)
            if complete(lab):
                _refuse_other_plan(lab.plan, plan)
                say(f"{name} is up already")
                return lab
            say(f"removing what is left of {name}")
            lab.clean()
        _refuse_taken_network(plan)
        save(plan)
        lab = Lab(plan)
        _make(lab, above, say)
        return lab


def with_disks(disks: Collection[str], booted: Collection[str]) -> tuple[str, ...]:
    """Those of `disks` in the order of `booted`. Raises BadEstate where one is not booted."""
    if unknown := sorted(set(disks) - set(booted)):
        raise BadEstate(f"{unknown[0]} is not booted, so it has no disk", hint=f"one of: {', '.join(booted)}")
    return tuple(host for host in booted if host in disks)


def _checked_network(number: int) -> int:
    if not 0 < number < 255:
        raise BadEstate(f"there is no network 10.{number}.0.0/16", hint="choose --network between 1 and 254")
    return number


def _refuse_other_plan(found: Plan, wanted: Plan) -> None:
    """What somebody works with is not taken away unasked."""
    if found != wanted:
        raise Refused(
            f"{found.name} is up: {found.suite}, 10.{found.network}.0.0/16, {', '.join(found.hosts)}",
            hint=f"seawall lab down --name {found.name}, then the same command again; or choose another --name",
        )


def _refuse_taken_network(plan: Plan) -> None:
    for other in existing():
        if load(other).plan.network == plan.network:
            raise Refused(
                f"10.{plan.network}.0.0/16 belongs to the lab {other}",
                hint="choose another number: --network N",
            )
    routed = attempt(["ip", "-4", "route", "show", "root", f"10.{plan.network}.0.0/16"], timeout=10).out.split()
    if routed:
        raise Refused(f"this machine routes {routed[0]} already", hint="choose another number: --network N")


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise Missing("a lab needs root: it makes namespaces, mounts and hosts", hint="sudo seawall lab up")
    if packages := sorted({package for program, package in NEEDED.items() if not installed(program)}):
        raise Missing(f"not installed here: {', '.join(packages)}", hint=f"apt-get install --yes {' '.join(packages)}")


def _make(lab: Lab, above: Sequence[Path], say: Say) -> None:
    watch = clock.Stopwatch()
    layers = _layers(lab, say)
    if above:
        kept.identity(lab, above[0])
        bring_up = partial(_bring_back, lab, layers=kept.layers(lab, above, layers))
    else:
        keys, authority = _write_identity(lab), Authority()
        files.write(lab.bundle, authority.bundle)
        bring_up = partial(_bring_up, lab, layers=layers, keys=keys, authority=authority)
    say(f"network 10.{lab.plan.network}.0.0/16")
    make_network(lab.plan, lab.record)
    say(f"booting {len(lab.hosts)} hosts")
    with ThreadPoolExecutor(len(lab.hosts)) as pool:
        for done in as_completed([pool.submit(bring_up, place) for place in lab.plan.places]):
            say(f"{done.result()} answers")
    files.write(lab.directory / "complete", f"{watch.seconds}\n")


def _layers(lab: Lab, say: Say) -> dict[str, list[Path]]:
    """Of each host, the topmost first."""
    suite = lab.plan.suite
    base = image.base(suite, say)
    packages = repository.layers(suite, base, say)
    layers = {host: [packages / "everyone", base] for host in lab.hosts}
    if "web1" in layers:
        layers["web1"].insert(0, image.applications(suite, say, partial(build, lab, base)))
    if "probe" in layers:
        layers["probe"].insert(0, packages / "probe")
    return layers


def _approvers(lab: Lab) -> Mapping[str, str]:
    """The public keys of people who sign orders; the private ones lie beside the estate, for the lab has no people."""
    keys = {name: identity.ssh_key() for name in APPROVERS}
    for name, key in keys.items():
        identity.write_secret(lab.approver(name), key.private)
    return {name: key.public for name, key in keys.items()}


def _write_identity(lab: Lab) -> Mapping[str, KeyPair]:
    """Keys and secrets of the control machine, the estate file that pins them, and each host's own key."""
    control = identity.ssh_key()
    identity.write_secret(lab.ssh_key, control.private)
    files.write(lab.ssh_key.with_suffix(".pub"), control.public + "\n")
    identity.write_secret(lab.directory / "secrets/tsig", identity.tsig_secret())
    for place in PLACES:
        if place.role in BACKED_UP:
            identity.write_secret(lab.directory / f"secrets/{place.name}.passphrase", identity.passphrase())
    keys = {place.name: identity.ssh_key() for place in PLACES}
    public = {name: key.public for name, key in keys.items()}
    files.write(lab.estate_file, estate_file(lab.plan, public, _approvers(lab)))
    known = [f"{address} {public[name]}\n" for name in public for address in lab.plan.addresses(name)]
    files.write(lab.directory / "known_hosts", "".join(known))
    return keys


def _bring_up(
    lab: Lab, place: Place, *, layers: Mapping[str, Sequence[Path]], keys: Mapping[str, KeyPair], authority: Authority
) -> str:
    guest = lab.guest(place.name)
    guest.mount(layers[place.name])
    guest.new_identity(keys[place.name].private)
    guest.keep_only(place.services)
    if place.name in lab.plan.disks:
        guest.move_to_disk()
    _furnish(lab, guest, place, authority)
    lab.boot(place.name)
    _wait_for_ssh(lab, place.name)
    return place.name


def _bring_back(lab: Lab, place: Place, *, layers: Mapping[str, Sequence[Path]]) -> str:
    lab.guest(place.name).mount(layers[place.name])
    lab.boot(place.name)
    return place.name


def _furnish(lab: Lab, guest: Guest, place: Place, authority: Authority) -> None:
    """What a provider would have put there: our key, a resolver; and what its role needs to answer at all."""
    guest.put("/root/.ssh/authorized_keys", lab.ssh_key.with_suffix(".pub").read_text(encoding="utf-8"), mode=0o600)
    guest.put("/etc/seawall/ca.pem", authority.bundle)
    guest.put("/etc/resolv.conf", _resolvers(lab, place))
    known = (guest.root / "etc/hosts").read_text(encoding="utf-8")
    guest.put("/etc/hosts", known + f"{lab.address('probe')} {repository.SITE}\n")
    match place.name:
        case "web1":
            _put_certificates(guest, authority)
        case "ns1":
            _put_primary(lab, guest)
        case "ns2":
            guest.put("/etc/bind/named.conf", zones.secondary(lab.plan))
        case "probe":
            guest.put("/etc/bind/named.conf", zones.resolver(lab.plan))
            _put_zones(lab, guest, "/etc/bind")
            trusted = (guest.root / "etc/ssl/certs/ca-certificates.crt").read_text(encoding="utf-8")
            guest.put("/etc/ssl/certs/ca-certificates.crt", trusted + authority.bundle)


def _resolvers(lab: Lab, place: Place) -> str:
    """The name servers that are booted. Where none is, nobody listens on 127.0.0.1, and that is said at once."""
    servers = [lab.address(host) for host in ("ns1", "ns2") if host in lab.hosts] if place.role else ["127.0.0.1"]
    return "".join(f"nameserver {server}\n" for server in servers) + "options timeout:1\n"


def _put_certificates(guest: Guest, authority: Authority) -> None:
    for domain in SITES:
        chain, key = authority.issue(domain, f"www.{domain}")
        guest.put(f"/etc/seawall/tls/{domain}/fullchain.pem", chain)
        guest.put(f"/etc/seawall/tls/{domain}/privkey.pem", key, mode=0o600)


def _put_primary(lab: Lab, guest: Guest) -> None:
    secret = (lab.directory / "secrets/tsig").read_text(encoding="utf-8").strip()
    guest.put("/etc/knot/knot.conf", zones.knot(lab.plan, secret), mode=0o600, owner="knot")
    _put_zones(lab, guest, "/var/lib/knot", owner="knot")


def _put_zones(lab: Lab, guest: Guest, directory: str, *, owner: str = "root") -> None:
    for zone in zones.ZONES:
        guest.put(f"{directory}/{zone}.zone", zones.zone_file(lab.plan, zone), owner=owner)


def _wait_for_ssh(lab: Lab, host: str) -> None:
    """The real thing, from this machine: right address, right host key, our key."""
    argv = ["ssh", "-i", str(lab.ssh_key), "-o", f"UserKnownHostsFile={lab.directory}/known_hosts", "-F", "none",
            "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", f"root@{lab.address(host)}", "true"]  # fmt: skip
    late = Failed(f"{host} doesn't answer ssh", hint=f"seawall lab shell {host} --name {lab.name}")
    clock.wait_until(lambda: attempt(argv, timeout=20).ok, timeout=30, late=late)
