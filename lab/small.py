"""A lab with less in it, for those who look at something else than volume."""

from lab.lab import Lab

PUBLIC = "/srv/vhosts/docs.example/public"


def thin(lab: Lab) -> None:
    """Leave 2,000 documents and 20 MB, of 20,000 and 200."""
    lab.guest("web1").run(f"rm -rf {PUBLIC}/shelf-0[1-9]? && truncate -s 20M {PUBLIC}/archive.bin")
