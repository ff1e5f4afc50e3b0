"""How pages put moments into words."""

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def relative(moment: datetime, now: datetime) -> str:
    """How long ago a moment is, or in how long it comes, roughly."""
    distance = abs(now - moment)
    if distance < _MINUTE:
        return "just now"
    if distance < _HOUR:
        amount = f"{distance // _MINUTE} min"
    elif distance < _DAY:
        amount = f"{distance // _HOUR} h"
    elif distance < 30 * _DAY:
        days = distance // _DAY
        amount = f"{days} day{'' if days == 1 else 's'}"
    else:
        return f"{moment:%Y-%m-%d}"
    return f"{amount} ago" if moment <= now else f"in {amount}"


def full(moment: datetime) -> str:
    """A moment, whole: date, time and zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
