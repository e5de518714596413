"""The vault: what keeps the past from whoever is root on production, and who alone may remove any of it."""
