"""Instants and durations, as reports say them."""

from datetime import UTC, datetime, timedelta

from drp.timeline import lasting


def clock(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def long(span: timedelta | None, absent: str = "–") -> str:
    """`42 s`, or what its absence means."""
    return absent if span is None else lasting(span.total_seconds())


def seconds(span: timedelta | None) -> float | None:
    """For machines."""
    return None if span is None else round(span.total_seconds(), 3)
