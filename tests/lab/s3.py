"""A real S3 server for tests: Ceph's RADOS gateway with one monitor and one store in memory, up in about ten seconds.

It runs beside a lab, in the probe's network, with namespaces of its own: all of it ends with one process.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from effects.clock import now, wait_until
from effects.reach import answers
from estate.problem import Failed
from lab import Lab, image

PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common", "ca-certificates")
PORT = 7443
ACCESS, SECRET = "SEAWALLTEST", "that-of-a-test-alone"
START = f"""
set -eu
mount -t overlay overlay -o lowerdir=$1,upperdir=$2/upper,workdir=$2/work $2/root
mount --rbind /dev $2/root/dev
mount -t proc proc $2/root/proc
mount -t tmpfs tmpfs $2/root/run
cp $2/ceph.conf $2/rgw.pem $2/root/etc/ceph/
exec chroot $2/root sh -euc '
fsid=$(sed -n "s/^fsid = //p" /etc/ceph/ceph.conf)
mkdir -p /run/ceph /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0
monmaptool --create --add a 127.0.0.1:6789 --fsid $fsid --clobber /run/monmap
ceph-mon --mkfs -i a --monmap /run/monmap
ceph-mon -i a
try() {{ until "$@"; do sleep 0.1; done; }}  # a monitor that still elects itself refuses anything, with any words
try ceph osd new $fsid
ceph-osd -i 0 --mkfs --osd-uuid $fsid
try ceph-osd -i 0
radosgw-admin user create --uid=test --display-name=test --access-key={ACCESS} --secret-key="{SECRET}"
exec radosgw -f -n client.rgw.a'
"""
CONFIGURATION = """[global]
fsid = {fsid}
mon host = v1:127.0.0.1:6789
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon data avail crit = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw.a]
rgw frontends = beast ssl_endpoint={address}:{port} ssl_certificate=/etc/ceph/rgw.pem
"""


@dataclass(frozen=True, slots=True)
class S3:
    """Where it is."""

    address: str
    certificate: Path  # PEM, to be trusted
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        """As an estate names it."""
        return f"https://{self.address}:{PORT}"


@contextmanager
def s3_server(lab: Lab) -> Iterator[S3]:
    """Up in the network of the lab's probe, and gone afterwards."""
    lower = image.tree(lab.plan.suite, PACKAGES, print)
    home, address = lab.directory / "s3", lab.address("probe")
    for folder in ("upper", "work", "root"):
        (home / folder).mkdir(parents=True)
    fsid = Path("/proc/sys/kernel/random/uuid").read_text(encoding="utf-8").strip()
    (home / "ceph.conf").write_text(CONFIGURATION.format(fsid=fsid, address=address, port=PORT), encoding="utf-8")
    certificate, key = _certificate(address)
    (home / "rgw.pem").write_text(key + certificate, encoding="utf-8")
    (home / "certificate.pem").write_text(certificate, encoding="utf-8")
    with (home / "log").open("wb") as log:
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        inside = ["ip", "netns", "exec", lab.plan.namespace("probe"), *apart]
        argv = [*inside, "sh", "-c", START, "s3", str(lower), str(home)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        late = Failed("the S3 server does not start", hint=f"look at {home}/log")
        wait_until(lambda: _gone(process) or answers(address, PORT, timeout=1), timeout=90, late=late)
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8")[-2000:]
        yield S3(address, home / "certificate.pem", process)
    finally:
        process.kill()
        process.wait(timeout=30)


def _gone(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _certificate(address: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's S3 server")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), private.decode()
