"""Vhosts in pairs, one of which is broken into and tries its neighbour: what they hold, and what visitors get."""

import re
from pathlib import Path
from typing import Any

from lab import Lab

UNITS, POOLS = ("evil.docs.example", "good.docs.example"), ("evil.shop.example", "good.shop.example")
USERS = {"evil.docs.example": "evil", "good.docs.example": "good", "evil.shop.example": "evilp",
         "good.shop.example": "goodp"}  # fmt: skip
OURS = "\n# What these tests add.\n"
VHOST = """
[vhosts."{domain}"]
host = "web1"
user = "{user}"
runtime = "php"
php = "{php}"
uploads = ["public/files"]
limits = {{ memory_mb = 256, cpu_percent = 50, tasks = 32 }}
check = {{ path = "/", expect = "mine" }}
"""
SECRET = "the secret of good"
SESSION = "tmp/sess_victim"  # of PHP
SPY = (Path(__file__).parent / "vhost_spy.php").read_text(encoding="utf-8")


def added(text: str) -> str:
    """The estate with all of them."""
    more = [VHOST.format(domain=each, user=USERS[each], php="unit" if each in UNITS else "pool") for each in USERS]
    return text.partition(OURS)[0] + "".join([OURS, *more])


def fill(lab: Lab, evil: str, good: str) -> None:
    """Content, the spy, and what it is after."""
    there = f"/srv/vhosts/{good}"
    put(lab, good, "public/index.php", "<?php file_put_contents('/tmp/victim', 'x'); echo 'mine';")
    put(lab, good, "public/secret.php", f"{SECRET} <?php echo '{SECRET}';")
    put(lab, good, SESSION, SECRET)
    put(lab, evil, "public/mine.txt", "mine")
    put(lab, evil, "public/spy.php", SPY)
    user = USERS[evil]
    lab.run("web1", f"ln -s {there}/public/secret.php /srv/vhosts/{evil}/public/link.txt")
    lab.run("web1", f"chown -h {user}: /srv/vhosts/{evil}/public/link.txt")


def put(lab: Lab, domain: str, name: str, content: str) -> None:
    path = f"/srv/vhosts/{domain}/{name}"
    assert lab.run("web1", ["sh", "-c", f"cat > {path}; chown {USERS[domain]}: {path}"], stdin=content).ok


def get(lab: Lab, domain: str, path: str = "/", options: str = "") -> str:
    """What a visitor gets who does not mind the certificate."""
    where = f"--resolve '*:443:{lab.address('web1')}'"
    return lab.run("probe", f"curl -sk --max-time 10 {where} {options} 'https://{domain}{path}'").out


def status(lab: Lab, domain: str, path: str = "/", options: str = "") -> str:
    return get(lab, domain, path, f"-o /dev/null -w '%{{http_code}}' {options}")


def notices(document: dict[str, Any]) -> str:
    return "\n".join(document["hosts"]["web1"]["notices"])


def edited(lab: Lab, pattern: str, replacement: str) -> None:
    """Change the estate."""
    text = lab.estate_file.read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, flags=re.DOTALL)
    assert changed != text
    lab.estate_file.write_text(changed, encoding="utf-8")


def pid(lab: Lab, unit: str) -> str:
    return lab.run("web1", f"systemctl show -p MainPID --value {unit}").out.strip()
