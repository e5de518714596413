"""What the tests of patches look at a host with: versions of packages, a weekly run, advisories that are served."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from hardening import SEAWALL, copied_estate, ssh_port_answers

from effects.clock import now, wait_until
from effects.run import Result, attempt
from estate.problem import Failed
from lab import Lab, repository

FOREIGN = "/etc/apt/sources.list.d/elsewhere.list"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"  # of the lab's archives
PLANT = """set -e; mkdir -p /root/planted/DEBIAN; systemd-run --quiet --unit=planted python3 -m http.server 8081
    printf 'Package: planted\\nVersion: 1\\nArchitecture: all\\nMaintainer: T <t@t>\\nDescription: t\\n' \\
    > /root/planted/DEBIAN/control
    dpkg-deb -b /root/planted /root/planted.deb > /dev/null; dpkg -i /root/planted.deb; echo >> /usr/bin/zgrep"""


def served(lab: Lab, folder: Path) -> dict[str, str]:
    """The environment in which advisories come from `folder`, which the probe serves over TLS."""
    attempt(["cp", "-r", str(folder), str(lab.guest("probe").root / "srv/feeds")], timeout=30)
    address = lab.address("probe")
    made = f"""set -e; cd /root
        openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=feeds -addext subjectAltName=IP:{address} \\
            -keyout feeds.key -out feeds.pem 2>/dev/null
        cat > /etc/nginx/sites-enabled/feeds <<END
        server {{ listen 8443 ssl; root /srv/feeds;
            ssl_certificate /root/feeds.pem; ssl_certificate_key /root/feeds.key; }}
END
        systemctl reload nginx; cat feeds.pem"""
    trusted = folder / "feeds.pem"
    trusted.write_text(lab.guest("probe").run(made), encoding="utf-8")
    return {"SEAWALL_FEEDS": f"https://{address}:8443", "SSL_CERT_FILE": str(trusted)}


def seawall(lab: Lab, *words: str, env: Mapping[str, str] | None = None) -> Result:
    known = {**os.environ, "SEAWALL_ESTATE": str(lab.estate_file), **(env or {})}
    return attempt([SEAWALL, *words], timeout=300, env=known)


def answered(result: Result) -> Any:
    assert result.out, result.err
    return json.loads(result.out)


def version(lab: Lab, package: str) -> str:
    """Empty where it is not installed; its configuration and data may still be there."""
    asked = f"dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' {package} 2>/dev/null"
    return lab.run("web1", f"{asked} | sed -n 's/^installed //p'").out.strip()


def started(lab: Lab, unit: str) -> str:
    return lab.run("web1", f"systemctl show -p MainPID --value {unit}").out.strip()


def weekly_run(lab: Lab) -> None:
    """What apt's two timers start, and what comes after them."""
    lab.run("web1", "rm -f /var/lib/seawall/patches.json; systemctl start apt-daily.service", timeout=120)
    lab.run("web1", "systemctl start apt-daily-upgrade.service", timeout=240)
    wait_until(
        lambda: (
            lab.run("web1", "systemctl is-active seawall-patched").out.strip() in ("inactive", "failed")
            and lab.run("web1", "test -e /var/lib/seawall/patches.json").ok
        ),
        timeout=60,
        late=Failed("what comes after patching did not end", hint="look at seawall-patched.service"),
    )


def compared(lab: Lab) -> None:
    """AIDE is done with what the last run has left: what is planted while it looks, it names, and rightly."""
    wait_until(
        lambda: lab.run("web1", "systemctl is-active seawall-aide").out.strip() != "activating",
        timeout=120,
        late=Failed("AIDE did not end", hint="look at seawall-aide.service"),
    )


def broken(lab: Lab) -> list[str]:
    return lab.run("web1", "systemctl list-units --failed --plain --no-legend").out.split()


def sites_answer(lab: Lab) -> bool:
    return lab.run("probe", "curl -sf https://shop.example/ && curl -sf https://ledger.example/").ok


def in_utc(lab: Lab, folder: Path) -> Path:
    """A copy of the lab's estate in `folder`, in UTC."""
    path = copied_estate(lab, folder)
    path.write_text(path.read_text(encoding="utf-8").replace("Europe/Amsterdam", "Etc/UTC"), encoding="utf-8")
    return path


def replace_the_c_library(lab: Lab) -> None:
    """As an update of it does: every process still has the old one open."""
    lab.guest("web1").run("l=$(readlink -f /lib/x86_64-linux-gnu/libc.so.6); cp -a $l $l.new; mv $l.new $l")


def hours(begin: int, end: int) -> str:
    """A window from so many hours from now to so many."""
    return f"{now() + timedelta(hours=begin):%H:%M}-{now() + timedelta(hours=end):%H:%M}"


def may_reboot(estate: Path, window: str) -> None:
    """Write into the estate that its hosts may, in that window alone."""
    text = estate.read_text(encoding="utf-8").partition("\n[patches]\n")[0]
    estate.write_text(f'{text}\n[patches]\nreboot = true\nwindow = "{window}"\n', encoding="utf-8")


def comes_back(lab: Lab) -> None:
    """web1 goes down by itself, and serves again once it is started."""
    late = Failed("web1 did not reboot", hint="look at seawall-reboot.service")
    wait_until(lambda: lab.guest("web1").leader() is None, timeout=60, late=late)
    lab.guest("web1").boot()
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=30, late=late)
    wait_until(lambda: sites_answer(lab), timeout=60, late=late)


def foreign_source(lab: Lab) -> None:
    """One that the estate does not know, signed by a key that the host trusts."""
    line = f"deb [signed-by={KEYRING}] http://{repository.SITE}/elsewhere stable main"
    lab.run("web1", f"echo '{line}' > {FOREIGN}; apt-get -q update")


def origin(lab: Lab) -> str:
    """The same as a table of the estate, with its key."""
    key = lab.guest("web1").run(["base64", "--wrap=64", KEYRING])
    block = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{key}-----END PGP PUBLIC KEY BLOCK-----\n"
    archive = f'uri = "http://{repository.SITE}/elsewhere"\nsuites = ["stable"]\ncomponents = ["main"]\n'
    return f'\n[origins.elsewhere]\n{archive}key = """\n{block}"""\n'


def publish(lab: Lab, folder: Path, name: str, number: int, depends: str = "") -> None:
    """A package with nothing in it."""
    control = f"Package: {name}\nVersion: {number}\nArchitecture: all\nMaintainer: T <t@t>\nDescription: t\n{depends}"
    tree = folder / f"{name}_{number}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
    deb = folder / f"{name}_{number}_all.deb"
    assert attempt(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(deb)], timeout=30).ok
    repository.publish(lab, deb)


def flat(lab: Lab, name: str, origin: str, codename: str) -> str:
    """A source without a signature, of a folder of web1 that says it is from somebody; its line."""
    package = "Package: nothing\\nVersion: 1\\nArchitecture: all\\nFilename: ./nothing.deb\\nSize: 1\\n"
    headers = f"Origin: {origin}\\nLabel: {origin}\\nCodename: {codename}\\nSuite: {codename}\\nSHA256:\\n"
    lab.guest("web1").run(f"""set -e; mkdir -p /srv/{name}; cd /srv/{name}; printf '{package}' > Packages
        printf '{headers} %s %s Packages\\n' $(sha256sum < Packages | cut -d' ' -f1) $(wc -c < Packages) > Release""")
    return f"deb [trusted=yes] file:/srv/{name} ./"
