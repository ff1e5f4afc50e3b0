"""bot.alerts.rules: when a call follows, and which files are refused."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bot.alerts.rules import FILE, Retry, Schedule, load_rules
from bot.data_file import DataFileError

RAISED = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
SCHEDULE = Schedule(after_minutes=[2, 5, 10], every_minutes=15, until_hours=1)


@pytest.mark.parametrize(
    ("minutes", "following"),
    [(0, 2), (1.9, 2), (2, 5), (4, 5), (5, 10), (9.9, 10), (10, 25), (24.9, 25), (25, 40), (40, 55), (55, 70)],
)
def test_when_the_next_call_is_due(minutes: float, following: float) -> None:
    expected = RAISED + timedelta(minutes=following)

    assert SCHEDULE.next_call(RAISED, RAISED + timedelta(minutes=minutes)) == expected


def test_a_schedule_without_a_list_repeats() -> None:
    schedule = Schedule(after_minutes=[], every_minutes=30, until_hours=2)
    calls = [RAISED]
    while not schedule.is_over(RAISED, following := schedule.next_call(RAISED, calls[-1])):
        calls.append(following)

    assert [(call - RAISED) / timedelta(minutes=1) for call in calls] == [0, 30, 60, 90, 120]


def test_retries_wait_longer_each_time() -> None:
    retry = Retry(first_s=5, longest_s=60)

    assert [retry.wait(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 1000)] == [
        5,
        10,
        20,
        40,
        60,
        60,
        60,
    ]


def test_the_file_of_the_project_calls_at_once_and_again() -> None:
    rules = load_rules()

    for schedule in (rules.urgent, rules.person):
        assert schedule.next_call(RAISED, RAISED) is not None
    assert rules.urgent.next_call(RAISED, RAISED) < rules.person.next_call(RAISED, RAISED)
    assert all(rules.what(kind) for kind in ("red_flag", "person", "undelivered"))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("[2, 5, 10]", "[2, 2]", "line 8: urgent.after_minutes: must grow from one to the next"),
        ("[2, 5, 10]", "[0]", "line 8: urgent.after_minutes: must grow from one to the next, and begin above 0"),
        ("every_minutes: 15", "every_minutes: 0", "line 9: urgent.every_minutes: "),
        ("until_hours: 48", "until_hour: 48", "line 7: urgent.until_hours: field required"),
        ("first_s: 5", "first_s: soon", "retry.first_s: value is not a valid float"),
        ("Red flag", '""', "words.red_flag: must be one line of printable text"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, before: str, after: str, fault: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert before in text.partition("urgent:")[2]
    file = tmp_path / "alerts.yml"
    head, key, rest = text.partition("urgent:")
    file.write_text(head + key + rest.replace(before, after, 1), encoding="utf-8")

    with pytest.raises(DataFileError) as refused:
        load_rules(file)

    assert fault in str(refused.value)
