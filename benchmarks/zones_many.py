"""Zones by the thousand, unsigned and signed, and the two name servers that have them."""

from pathlib import Path

from effects.dns import Edit, Server

SECRET = "c2Vhd2FsbCB0ZXN0cyBvbmx5LCBub3RoaW5nIGVsc2U="  # noqa: S105 for these zones only
OLD, NEW = ("10.83.1.10", "fd83:1::10"), ("10.83.3.10", "fd83:3::10")
NAMES = ("", "www.", "*.", "shop.")
RECORDS = 2 * len(NAMES) + 1
KNOT, BIND = ("127.0.84.1", 5384), ("127.0.0.1", 5385)  # named listens only on addresses that an interface has

KNOT_CONF = """
server:
    rundir: {folder}
    listen: {knot}@{port}
    user: root
    background-workers: 4
database:
    storage: {folder}
log:
  - target: {folder}/knot.log
    any: warning
key:
  - id: seawall
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: other
    address: {bind}@{other}
acl:
  - id: update
    key: seawall
    action: update
  - id: copy
    address: 127.0.0.0/8
    action: [transfer, notify]
policy:
  - id: quick
    algorithm: ECDSAP256SHA256
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    acl: [update, copy]
    zonefile-sync: -1
    zonefile-load: {load}
    {role}: other
zone:
"""
BIND_CONF = """
options {{ directory "{folder}"; listen-on port {port} {{ {bind}; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; dnssec-validation no;
  transfers-in 100; transfers-per-ns 100; serial-query-rate 1000; notify-rate 1000; startup-notify-rate 1000;
  notify explicit; also-notify {{ {notified} }}; allow-notify {{ any; }}; }};
controls {{ }};
logging {{ channel here {{ file "{folder}/named.log"; severity warning; }}; category default {{ here; }}; }};
key seawall {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
HEAD = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.84.1\n"


def edits(zone: str) -> tuple[Edit, ...]:
    """What a switch changes in one of them."""
    addresses = [
        Edit(f"{name}{zone}.", rtype, (old,), (new,), 60)
        for name in NAMES
        for rtype, old, new in zip(("A", "AAAA"), OLD, NEW, strict=True)
    ]
    spf = [f'"v=spf1 ip4:{address} -all"' for address in (OLD[0], NEW[0])]
    return (*addresses, Edit(f"{zone}.", "TXT", (spf[0],), (spf[1],), 60))


def configured(folder: Path, count: int, first: str) -> tuple[Server, Server, dict[str, list[str]]]:
    """Write files for Knot and BIND, `first` ("Knot", "BIND") being the primary; and the names of the zones by kind."""
    names = {kind: [f"z{n}.{kind}.example" for n in range(count)] for kind in ("unsigned", "signed")}
    for zone in (zone for mine in names.values() for zone in mine):
        lines = [f"{edit.name} {edit.rtype} {edit.before[0]}\n" for edit in edits(zone)]
        (folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n{HEAD}{''.join(lines)}", encoding="ascii")
    _knot(folder, names, primary=first == "Knot")
    _bind(folder, names, primary=first == "BIND")
    return Server("knot", *KNOT), Server("bind", *BIND), names


def _knot(folder: Path, names: dict[str, list[str]], *, primary: bool) -> None:
    values = {"folder": folder, "knot": KNOT[0], "port": KNOT[1], "bind": BIND[0], "other": BIND[1], "secret": SECRET}
    text = KNOT_CONF.format(**values, load="whole" if primary else "none", role="notify" if primary else "master")
    for kind, zones in names.items():
        signed = "\n    dnssec-signing: on\n    dnssec-policy: quick" if primary and kind == "signed" else ""
        text += "".join(f"  - domain: {zone}{signed}\n" for zone in zones)
    (folder / "knot.conf").write_text(text, encoding="ascii")


def _bind(folder: Path, names: dict[str, list[str]], *, primary: bool) -> None:
    other = f"{KNOT[0]} port {KNOT[1]};"
    text = BIND_CONF.format(folder=folder, port=BIND[1], bind=BIND[0], secret=SECRET, notified=other if primary else "")
    for kind, zones in names.items():
        signed = " dnssec-policy default;" if kind == "signed" else ""
        role = f"type primary; allow-update {{ key seawall; }};{signed}" if primary else ""
        for zone in zones:
            mine = role or f"type secondary; primaries {{ {other} }};"
            text += f'zone "{zone}" {{ {mine} file "{zone}.{"zone" if primary else "copy"}"; }};\n'
    (folder / "named.conf").write_text(text, encoding="ascii")
