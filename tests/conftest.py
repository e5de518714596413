"""One lab for all tests against real hosts: they run in the order of their files, on hosts as the one before left.

No property has a deadline: a busy machine is no fault. The gate tries the same examples each time, for it judges a
change and not its luck; SEAWALL_EXPLORE=1 draws new ones, and is for looking for what nobody has seen yet.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

import lab as seawall_lab
from lab import Lab

NAME = os.environ.get("SEAWALL_TEST_LAB", "test")
NETWORK = int(os.environ.get("SEAWALL_TEST_NETWORK", "78"))
SUITE = os.environ.get("SEAWALL_TEST_SUITE")  # of Debian; this machine's own where it is not set

settings.register_profile("patient", deadline=None, derandomize="SEAWALL_EXPLORE" not in os.environ)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Up once per run; SEAWALL_KEEP_LAB=1 leaves it up for looking around, and for a faster next run."""
    made = seawall_lab.up(NAME, NETWORK, suite=SUITE)
    yield made
    if "SEAWALL_KEEP_LAB" not in os.environ:
        made.down()
