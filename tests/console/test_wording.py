"""bot.console.wording: moments as people say them."""

from datetime import datetime, timedelta, timezone

import pytest

from bot.console.wording import full, relative

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=30), "2027-01-30"),
        (timedelta(minutes=-15), "in 15 min"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_how_long_ago(distance: timedelta, said: str) -> None:
    assert relative(NOW - distance, NOW) == said


def test_a_moment_whole() -> None:
    assert full(NOW) == "2027-03-01 12:00:00 UTC"
