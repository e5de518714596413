"""Whom the tests' witnesses hold to be the one that serves."""

from saved_estate import T0

from effects.onhost.fence import Held

SINCE = T0.isoformat()
TWIN = Held(1, "a" * 64, "twin1", SINCE)
HOME = Held(2, "b" * 64, "web1", SINCE)
