"""Every secret that an estate refers to, by its place in the file."""

from estate.model import Estate
from estate.secret import Secret


def references(estate: Estate) -> dict[str, Secret]:
    """Place in the file, as `hosts.web1.passphrase`, and where the secret is kept."""
    found = {f"hosts.{name}.passphrase": host.passphrase for name, host in estate.hosts.items()}
    found |= {
        f"hosts.{name}.encryption.passphrase": host.encryption.passphrase
        for name, host in estate.hosts.items()
        if host.encryption is not None
    }
    found |= {f'zones."{name}".tsig.secret': zone.tsig.secret for name, zone in estate.zones.items()}
    found |= {"backup.heartbeat": estate.backup.heartbeat, "backup.notify": estate.backup.notify}
    found["escrow.passphrase"] = estate.escrow.passphrase
    return {place: secret for place, secret in found.items() if secret is not None}
