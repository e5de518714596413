"""Figures, printed as ratios against a peer or a floor; run by hand, as root: see benchmarks/README.md."""
