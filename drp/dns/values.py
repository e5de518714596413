"""Values of records as different people write them."""

from functools import lru_cache

import dns.exception
import dns.rdata
from dns.rdtypes.ANY.TXT import TXT


@lru_cache(4096)
def key(rtype: str, value: str) -> str:
    """The same for the same value, however it is written; one that can't be read is only the same as itself."""
    if rtype == "TXT" and not value.startswith('"'):
        return value
    try:
        data = dns.rdata.from_text("IN", rtype, value)
    except dns.exception.DNSException:
        return value
    return b"".join(data.strings).decode("latin-1") if isinstance(data, TXT) else data.to_text()
