"""The lab's name servers as configuration: Knot as primary, BIND as secondary, BIND as the visitor's resolver. Pure.

Knot keeps its defaults for zone files: it writes each dynamic update into the file at once. With
`zonefile-load: difference-no-serial` it would take updates back at a restart, with a higher serial (Knot 3.2).
"""

from lab.layout import PLACES, PUBLIC_ZONE, SITES, TTL, Plan

ZONES = (*SITES, PUBLIC_ZONE)
TSIG_NAME = "seawall-drp"
TSIG_ALGORITHM = "hmac-sha256"
FIRST_SERIAL = 2026010101
# In seconds: a secondary that missed a notify refreshes soon; a name that was not there is asked again soon.
SOA = f"@ {TTL} IN SOA ns1.{PUBLIC_ZONE}. hostmaster.{PUBLIC_ZONE}. {FIRST_SERIAL} 10 2 86400 5"


def zone_file(plan: Plan, zone: str) -> str:
    """A zone in the format of RFC 1035."""
    lines = [
        f"$ORIGIN {zone}.",
        f"$TTL {TTL}",
        SOA,
        f"@ IN NS ns1.{PUBLIC_ZONE}.",
        f"@ IN NS ns2.{PUBLIC_ZONE}.",
    ]
    if zone == PUBLIC_ZONE:
        lines += [line for place in PLACES for line in _addresses(plan, place.name, at=place.name)]
    else:
        lines += [*_addresses(plan, "web1", at="@"), *_addresses(plan, "web1", at="www")]
        lines += [
            f"@ IN MX 10 mail.{PUBLIC_ZONE}.",
            f'@ IN TXT "v=spf1 ip4:{plan.addresses("web1")[0]} -all"',
        ]
    return "\n".join(lines) + "\n"


def _addresses(plan: Plan, host: str, *, at: str) -> list[str]:
    ipv4, ipv6 = plan.addresses(host)
    return [f"{at} IN A {ipv4}", f"{at} IN AAAA {ipv6}"]


def knot(plan: Plan, secret: str) -> str:
    """knot.conf of the primary: updates and transfers with the key, transfers and notifies for the secondary."""
    secondary = ", ".join(plan.addresses("ns2"))
    zones = "".join(f"  - domain: {zone}\n    notify: ns2\n    acl: [secondary, drp]\n" for zone in ZONES)
    return f"""\
server:
    rundir: "/run/knot"
    user: knot:knot
    listen: [ 0.0.0.0@53, ::@53 ]
log:
  - target: syslog
    any: info
database:
    storage: "/var/lib/knot"
key:
  - id: {TSIG_NAME}
    algorithm: {TSIG_ALGORITHM}
    secret: {secret}
remote:
  - id: ns2
    address: [ {plan.addresses("ns2")[0]} ]
acl:
  - id: secondary
    address: [ {secondary} ]
    action: transfer
  - id: drp
    key: {TSIG_NAME}
    action: [ update, transfer ]
template:
  - id: default
    storage: "/var/lib/knot"
    file: "%s.zone"
zone:
{zones}"""


def secondary(plan: Plan) -> str:
    """named.conf of the secondary. BIND's own floor for refreshing is 5 minutes, hence the two limits."""
    primary = "; ".join(plan.addresses("ns1"))
    zones = "".join(
        f'zone "{zone}" {{ type secondary; primaries {{ {primary}; }}; file "{zone}.zone"; }};\n' for zone in ZONES
    )
    return f"""\
options {{
    directory "/var/cache/bind";
    listen-on {{ any; }};
    listen-on-v6 {{ any; }};
    recursion no;
    allow-transfer {{ none; }};
    notify no;
    min-refresh-time 5;
    min-retry-time 2;
    serial-query-rate 100;
    masterfile-format text;
}};
{zones}"""


def resolver(plan: Plan) -> str:
    """named.conf of the visitor: no root servers here, so each zone is delegated to the name servers by hand.

    In a lab without any it knows the zones itself.
    """
    servers = "; ".join(address for host in ("ns1", "ns2") if host in plan.hosts for address in plan.addresses(host))
    stub = f"type static-stub; server-addresses {{ {servers}; }};"
    zones = "".join(f'zone "{z}" {{ {stub if servers else _own(z)} }};\n' for z in ZONES)
    return f"""\
options {{
    directory "/var/cache/bind";
    listen-on {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    allow-recursion {{ localhost; }};
    dnssec-validation no;
    prefetch 0;
    max-ncache-ttl 2;
    servfail-ttl 0;
}};
{zones}"""


def _own(zone: str) -> str:
    return f'type primary; file "/etc/bind/{zone}.zone";'
