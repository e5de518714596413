"""When somebody is reminded of a credential that has to be changed. Pure; days are the estate's own."""

from datetime import date

from estate.policy import Credential

BEFORE = (7, 14)  # days before it is due, nearest first


def left(credential: Credential, today: date) -> int:
    """Days until it is due; negative where it is overdue."""
    return (credential.due - today).days


def overdue(credential: Credential, today: date) -> bool:
    """Whether its day has passed. On the day itself there is still time."""
    return left(credential, today) < 0


def reminder(credential: Credential, today: date) -> str | None:
    """The name of the reminder that is owed by `today`, None where none is: each is sent once.

    Two weeks before, one week before, then every day that it is overdue. A day on which nobody looked loses none.
    """
    days = left(credential, today)
    if days < 0:
        return f"credential {credential.name} overdue on {today}"
    nearest = next((before for before in BEFORE if days <= before), None)
    return None if nearest is None else f"credential {credential.name} due {credential.due} in {nearest} days"
