"""What promotions of any server have in common."""

from dataclasses import dataclass, field

from estate.problem import Refused


@dataclass(frozen=True, slots=True)
class Ours:
    """The key that switches are signed with."""

    name: str
    algorithm: str  # "hmac-sha256"
    secret: str = field(repr=False)  # base64


def by_hand(why: str) -> Refused:
    """Nothing was changed, and nothing will be by us."""
    return Refused(why, hint="make it the primary by hand: docs/dns.md, “The primary is lost”")
