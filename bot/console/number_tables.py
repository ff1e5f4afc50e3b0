"""Numbers as tables: what a page shows beside its charts, and what is downloaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations.numbers import Numbers

NOT_DELIVERED = "Replies not delivered"
SORTS = {
    "T1": "Red flags T1, now or unclear",
    "T2": "Red flags T2, not about now",
    "person": "Families that ask for a person",
    "undelivered": "Emergency replies that did not arrive",
}


@dataclass(frozen=True)
class Table:
    """Rows under their columns' names."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def _days(numbers: Numbers) -> Table:
    rows = [(day.day, day.messages, day.conversations, *day.tiers.values(), day.undelivered) for day in numbers.days]
    columns = ("Day", "Messages", "Conversations begun", "Red flags T1", "Red flags T2", NOT_DELIVERED)
    return Table(columns, rows)


def _outcomes(numbers: Numbers) -> Table:
    counted = (("Answered", numbers.answered), ("Unsure", numbers.unsure), ("Unanswered", numbers.unanswered))
    total = sum(number for _, number in counted)
    rows = [(name, number, share(number, total)) for name, number in counted]
    return Table(("Outcome", "Questions", "Share in %"), rows)


def _topics(numbers: Numbers) -> Table:
    rows = [
        (topic.name, topic.answers, share(topic.answers, numbers.answered), topic.helpful, topic.unhelpful)
        for topic in numbers.topics
    ]
    return Table(("Topic", "Answers", "Share in %", "Helped", "Did not help"), rows)


def _channels(numbers: Numbers) -> Table:
    rows = [(each.name, each.messages, each.conversations, each.undelivered) for each in numbers.channels]
    return Table(("Channel", "Messages", "Conversations begun", NOT_DELIVERED), rows)


def _acknowledging(numbers: Numbers) -> Table:
    rows = [
        (SORTS[each.sort], each.alerts, each.acknowledged, seconds(each.median), seconds(each.ninetieth))
        for each in numbers.acknowledging
    ]
    return Table(("Alerts", "Raised", "Acknowledged", "Median in s", "90th percentile in s"), rows)


TABLES: dict[str, Callable[[Numbers], Table]] = {
    "days": _days,
    "outcomes": _outcomes,
    "topics": _topics,
    "channels": _channels,
    "acknowledging": _acknowledging,
}


def share(part: int, whole: int) -> float:
    """In per cent, to one place; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def seconds(time: timedelta | None) -> int | None:
    """Whole seconds."""
    return None if time is None else round(time.total_seconds())


def in_words(time: timedelta | None) -> str:
    """A length of time for reading: its two largest units."""
    if time is None:
        return "–"
    minutes, rest = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((place for place, (amount, _) in enumerate(units) if amount), len(units) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in units[first : first + 2] if amount) or "0 s"
