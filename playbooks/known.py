"""The end of a run that is not a hardening: what it has left is known to AIDE, which hardening may have put there.

Once, after all else: to look takes a host seconds of its processor, and to go on would take the next from it.
"""

from pyinfra.api.deploy import deploy

from playbooks import watch


@deploy("Known")
def known() -> None:
    """What the next comparison starts from."""
    watch.known(name="watch: this run is known")
