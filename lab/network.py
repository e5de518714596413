"""The lab's network: a router namespace with a bridge per datacenter, a namespace per host, one link to this machine.

Nothing in the machine's own namespace changes but that link, its two addresses and two routes; no setting of the
machine's kernel is touched.
"""

from effects.run import attempt, run
from lab.layout import DATACENTERS, MACHINE, Place, Plan
from lab.record import Record

# A bridge that goes down must not forget its IPv6 address, or healing would need to know it again;
# and it is of use at once, without a second of looking for duplicates.
ROUTER_SETTINGS = (
    "net/ipv4/ip_forward=1",
    "net/ipv6/conf/all/forwarding=1",
    "net/ipv6/conf/all/keep_addr_on_down=1",
    "net/ipv6/conf/default/keep_addr_on_down=1",
    "net/ipv6/conf/all/accept_dad=0",
    "net/ipv6/conf/default/accept_dad=0",
)


def make(plan: Plan, record: Record) -> None:
    """All namespaces, bridges, links, addresses and routes."""
    for namespace in (plan.router, *(plan.namespace(host) for host in plan.hosts)):
        record.add("namespace", namespace)
        run(["ip", "netns", "add", namespace], timeout=30)
    record.add("link", plan.link)
    _batch([f"link add {plan.link} type veth peer name uplink netns {plan.router}",
            f"addr add {plan.ipv4(MACHINE, 1)}/24 dev {plan.link}",
            f"addr add {plan.ipv6(MACHINE, 1)}/64 dev {plan.link} nodad",
            f"link set {plan.link} up"])  # fmt: skip
    _settings(plan)
    _batch(_router_lines(plan), namespace=plan.router)
    for place in plan.places:
        _batch(_host_lines(plan, place), namespace=plan.namespace(place.name))
    _batch([f"route add 10.{plan.network}.0.0/16 via {plan.ipv4(MACHINE, 2)}",
            f"route add fd00:{plan.network}::/32 via {plan.ipv6(MACHINE, 2)}"])  # fmt: skip


def _settings(plan: Plan) -> None:
    lines = [f"echo {value} > /proc/sys/{name}" for name, _, value in (s.partition("=") for s in ROUTER_SETTINGS)]
    run(["ip", "netns", "exec", plan.router, "sh", "-ec", "\n".join(lines)], timeout=30)


def _router_lines(plan: Plan) -> list[str]:
    """Behind each datacenter's own route stands a black hole: what is lost does not even say that it is gone."""
    lines = ["link set lo up",
             f"addr add {plan.ipv4(MACHINE, 2)}/24 dev uplink",
             f"addr add {plan.ipv6(MACHINE, 2)}/64 dev uplink nodad",
             "link set uplink up"]  # fmt: skip
    for datacenter, net in DATACENTERS.items():
        lines += [f"link add {datacenter} type bridge",
                  f"addr add {plan.ipv4(net, 1)}/24 dev {datacenter}",
                  f"addr add {plan.ipv6(net, 1)}/64 dev {datacenter} nodad",
                  f"link set {datacenter} up",
                  f"route add blackhole {plan.ipv4(net, 0)}/24 metric 9999",
                  f"route add blackhole fd00:{plan.network}:{net}::/64 metric 9999"]  # fmt: skip
    return lines + [line for place in plan.places for line in _cable(plan, place)]


def _cable(plan: Plan, place: Place) -> list[str]:
    # The same hardware address after a reboot: neighbours remember it for half a minute.
    hardware = f"02:00:00:{plan.network:02x}:{DATACENTERS[place.datacenter]:02x}:{place.tail:02x}"
    return [
        f"link add {place.name} type veth peer name eth0 address {hardware} netns {plan.namespace(place.name)}",
        f"link set {place.name} master {place.datacenter}",
        f"link set {place.name} up",
    ]


def renew(plan: Plan, place: Place) -> None:
    """Forget what a host that is down has left in its namespace: a reboot loses rules, sets, addresses and settings."""
    namespace = plan.namespace(place.name)
    attempt(["ip", "-n", plan.router, "link", "del", place.name], timeout=30)  # gone already where we died here before
    attempt(["ip", "netns", "del", namespace], timeout=30)
    run(["ip", "netns", "add", namespace], timeout=30)
    _batch(_cable(plan, place), namespace=plan.router)
    _batch(_host_lines(plan, place), namespace=namespace)


def _host_lines(plan: Plan, place: Place) -> list[str]:
    net = DATACENTERS[place.datacenter]
    return [
        "link set lo up",
        f"addr add {plan.ipv4(net, place.tail)}/24 dev eth0",
        f"addr add {plan.ipv6(net, place.tail)}/64 dev eth0 nodad",
        "link set eth0 up",
        f"route add default via {plan.ipv4(net, 1)}",
        f"route add ::/0 via {plan.ipv6(net, 1)}",
    ]


def _batch(lines: list[str], *, namespace: str | None = None) -> None:
    inside = ["-n", namespace] if namespace else []
    run(["ip", *inside, "-batch", "-"], timeout=30, stdin="\n".join(lines) + "\n")


def set_datacenter(plan: Plan, datacenter: str, *, up: bool) -> None:
    """Lose a datacenter as a whole, or get it back: its hosts run on, and nobody reaches them, nor they each other."""
    run(["ip", "-n", plan.router, "link", "set", datacenter, "up" if up else "down"], timeout=30)


def is_up(plan: Plan, datacenter: str) -> bool:
    """Whether the datacenter can be reached."""
    shown = run(["ip", "-n", plan.router, "-oneline", "link", "show", datacenter], timeout=30)
    return ",UP" in shown.partition("<")[2].partition(">")[0]
