"""What a twin sees to every minute: that every witness knows who serves, and every head is where it is kept."""

from collections.abc import Iterator

from backups import fencing
from backups.site import Site
from drp import anchoring, halfway, web


def spread(site: Site) -> Iterator[str]:
    """In words, as it is done."""
    for word in fencing.spread(site, site.partner):
        yield word.said
    yield from anchoring.spread(site, site.partner)
    yield from halfway.tell(site)
    for domain in web.drained(site.estate.vhosts_on(site.partner)):
        yield f"{domain}: nobody is sent here any more, and nobody handed over"
