"""A disposable estate of real Debian hosts on one machine: for the first try, for drills, for tests."""

from lab import visitor, writer
from lab.lab import HostStatus, Lab, load
from lab.making import up

__all__ = ["HostStatus", "Lab", "load", "up", "visitor", "writer"]
