"""Keys that outlive the fire: sealed for the people named in the estate, kept on every side, printable on paper."""
