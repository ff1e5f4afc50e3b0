"""A range of days, as a time zone has them, and the moments at which they begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

DAYS_MAXIMUM = 366


class WrongPeriod(ValueError):
    """No range of days that can be counted; the message says why."""


@dataclass(frozen=True)
class Period:
    """Whole days, the last included. A day has 23 or 25 hours where clocks change."""

    first: date
    last: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise WrongPeriod("the last day must not be before the first")
        if self.last - self.first >= timedelta(days=DAYS_MAXIMUM):
            raise WrongPeriod(f"choose {DAYS_MAXIMUM} days at most")
        if not 2000 <= self.first.year <= self.last.year < 3000:
            raise WrongPeriod("choose days of this century")

    @classmethod
    def until(cls, moment: datetime, zone: ZoneInfo, *, days: int) -> "Period":
        """The days that end with the one of a moment.

        Args:
            moment: with a time zone of its own.
            zone: whose days they are.
            days: how many.
        """
        last = moment.astimezone(zone).date()
        return cls(last - timedelta(days=days - 1), last, zone)

    @property
    def days(self) -> list[date]:
        """Each of its days."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return self._midnight(self.first)

    @property
    def ends(self) -> datetime:
        """The moment behind its last."""
        return self._midnight(self.last + timedelta(days=1))

    def bounds(self) -> Iterator[tuple[date, datetime, datetime]]:
        """Each day with its first moment and the one behind its last."""
        for day in self.days:
            yield day, self._midnight(day), self._midnight(day + timedelta(days=1))

    def day_of(self, moment: datetime) -> date | None:
        """The day of a moment; None where it is outside."""
        day = moment.astimezone(self.zone).date()
        return day if self.first <= day <= self.last else None

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(timezone.utc)
