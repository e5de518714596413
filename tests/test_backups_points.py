"""Names of archives read back as what they name, and nobody else's are taken for ours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, archive, site

from backups.site import Site
from estate.model import Engine, Side
from estate.points import FILES, Archive, archive_name, kind_of, newest, parse_archive

HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,10}){0,2}", fullmatch=True)
KINDS = st.sampled_from([FILES, *Engine])
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(HOSTS, KINDS, INSTANTS)
def test_a_name_reads_back_as_what_it_names(host: str, kind: str, instant: datetime) -> None:
    taken = instant.replace(microsecond=0)
    read = parse_archive(archive_name(host, kind_of(kind), taken), "ab" * 32, Side.ODD)
    assert read == Archive("ab" * 32, host, kind_of(kind), taken, Side.ODD)


@given(HOSTS, KINDS, INSTANTS, INSTANTS)
def test_names_sort_as_their_times_do(host: str, kind: str, one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert archive_name(host, kind_of(kind), first) <= archive_name(host, kind_of(kind), second)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "web1",
        "web1.files",
        "web1.files.yesterday",
        "web1.oracle.2026-11-22T01:30:00Z",
        "web1.files.2026-11-22T01:30:00",
        "web1.files.2026-13-22T01:30:00Z",
        "web1-2026-11-22",
        "web1.files.2026-11-22T01:30:00Z.checkpoint",
    ],
)
def test_a_foreign_or_unfinished_archive_is_passed_over(name: str) -> None:
    assert parse_archive(name, "ab" * 32, Side.EVEN) is None


def test_the_newest_of_a_kind_is_found_whatever_the_order_and_the_side() -> None:
    young, old = archive(FILES, 1, Side.EVEN), archive(FILES, 25, Side.ODD)
    assert newest([old, young, archive(Engine.MARIADB, 0)], FILES) == young
    assert newest([young, old], FILES) == young
    assert newest([young, old], Engine.POSTGRESQL) is None


def test_an_archive_loses_what_came_after_its_copying_began() -> None:
    assert archive(FILES, 2).loss(T0) == timedelta(hours=2)


@pytest.mark.parametrize(("host", "first"), [("twin1", Side.ODD), ("web1", Side.EVEN)])
def test_of_the_same_archive_on_both_sides_the_twin_takes_the_one_that_is_not_lost_with_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, first: Side
) -> None:
    """The even side is in production's datacenter; production itself has it near."""
    monkeypatch.setattr(Site, "_listed", lambda _self, _client, kind, side: ((archive(kind, 1, side),), None))
    here = site(tmp_path, host)
    found, faults = here.archives(here.estate.hosts["web1"], (FILES, Engine.MARIADB))
    assert [one.side for kind in (FILES, Engine.MARIADB) if (one := newest(found, kind))] == [first, first]
    assert (len(found), faults) == (4, ())
