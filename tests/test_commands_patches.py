"""What a host says of its packages is shown as it is."""

import pytest

from seawall.commands.patches import _upgrades
from supervision.patching import Patched, Upgrade


def test_a_version_that_looks_like_markup_is_shown_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Patched((Upgrade("nginx", "1[/red]", "2[bold]", "Debian"),))
    _upgrades({"web": seen}, dry_run=False)
    assert "1[/red]" in capsys.readouterr().out
