"""Where the toolkit keeps its things on a managed host. The playbooks that install it use the same names."""

from pathlib import Path

CONFIG = Path("/etc/seawall")
SLICE = CONFIG / "estate.json"
IDENTITY = CONFIG / "host"  # the name this host has in the estate
SECRETS = CONFIG / "secrets"
KNOWN_HOSTS = CONFIG / "known_hosts"
SSH_KEY = CONFIG / "ssh" / "id_ed25519"
HANDED_OVER = Path("/etc/seawall/handed-over")  # a file DOMAIN here and there: production is asked instead
MAINTENANCE = CONFIG / "maintenance"

STATE = Path("/var/lib/seawall")
BORG_HOME = STATE / "borg"
SPOOL = STATE / "spool"
UPLOAD = STATE / "upload"  # until when the line is taken: effects/limited.py
STATUS = STATE / "backup.json"

TOOLKIT = Path("/opt/seawall")
BORG = TOOLKIT / "bin" / "borg"
REPOSITORIES = Path("/srv/borg")  # on a backup server: /srv/borg/CLIENT/{files,databases}
