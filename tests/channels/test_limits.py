"""bot.channels.limits: token buckets for sessions and addresses."""

from pathlib import Path

import pytest
from clock import Clock

from bot import token_buckets
from bot.channels import limits
from bot.channels.limits import FILE, Limits
from bot.data_file import DataFileError
from bot.token_buckets import Limit, TokenBuckets

HOME, OTHER_HOME = "203.0.113.7", "203.0.113.8"
FILE_TEXT = """\
messages_of_session: {burst: 3, every_s: 2}
messages_of_address: {burst: 5, every_s: 1}
sessions_of_address: {burst: 2, every_s: 10}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def small(tmp_path: Path, clock: Clock) -> Limits:
    file = tmp_path / "limits.yml"
    file.write_text(FILE_TEXT)
    return Limits(file, clock=clock)


def test_a_burst_may_come_then_one_at_a_time(small: Limits, clock: Clock) -> None:
    assert [small.message("one", HOME) for _ in range(4)] == [0, 0, 0, 2]

    clock.now += 1.5
    assert small.message("one", HOME) == 1
    clock.now += 0.5
    assert [small.message("one", HOME) for _ in range(2)] == [0, 2]


def test_what_was_refused_does_not_count(small: Limits, clock: Clock) -> None:
    for _ in range(50):
        small.message("one", HOME)

    clock.now += 2
    assert small.message("one", HOME) == 0


def test_a_rest_fills_the_bucket_and_no_more(small: Limits, clock: Clock) -> None:
    for _ in range(3):
        small.message("one", HOME)

    clock.now += 1000
    assert [small.message("one", HOME) for _ in range(4)] == [0, 0, 0, 2]


def test_sessions_do_not_limit_each_other_but_their_address_does(small: Limits) -> None:
    assert [small.message(conversation, HOME) for conversation in ("1", "2", "3", "4", "5", "6")] == [0] * 5 + [1]
    assert small.message("6", OTHER_HOME) == 0


def test_what_one_bucket_refuses_the_other_does_not_count(small: Limits) -> None:
    for _ in range(20):
        small.message("one", HOME)

    assert [small.message(conversation, HOME) for conversation in ("2", "3", "4")] == [0, 0, 1]


def test_sessions_are_counted_by_address(small: Limits, clock: Clock) -> None:
    assert [small.session(HOME) for _ in range(3)] == [0, 0, 10]
    assert small.session(OTHER_HOME) == 0
    assert small.message("one", HOME) == 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("unix socket", "unix socket", True),
    ],
)
def test_what_is_one_address(small: Limits, first: str, second: str, same: bool) -> None:
    for _ in range(2):
        assert small.session(first) == 0

    assert (small.session(second) > 0) is same


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None])
def test_a_proxy_that_does_not_say_for_whom_it_asks_limits_nobody(small: Limits, host: str | None) -> None:
    assert [small.session(host) for _ in range(100)] == [0] * 100
    assert [small.message(str(number), host) for number in range(100)] == [0] * 100
    assert [small.message("one", host) for _ in range(4)] == [0, 0, 0, 2], "a session is limited all the same"


def test_many_keys_take_no_more_memory(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(token_buckets, "REMEMBERED_MAXIMUM", 10)
    buckets = TokenBuckets(Limit(burst=1, every_s=60), clock)

    for number in range(1000):
        buckets.take(str(number))

    assert len(buckets._full_at) == 10
    assert (buckets.wait_s("999"), buckets.wait_s("0")) == (60, 0)


def test_fractions_add_up(clock: Clock) -> None:
    buckets = TokenBuckets(Limit(burst=10, every_s=0.1), clock)
    for _ in range(10):
        assert buckets.wait_s("one") == 0
        buckets.take("one")

    clock.now += 0.1
    assert buckets.wait_s("one") == 0


def test_the_limits_of_the_project_can_be_read() -> None:
    """An address has ten times what a session has."""
    file = limits.load_data_file(FILE, limits._File)

    session, address = file.messages_of_session, file.messages_of_address
    assert (session.burst, session.every_s) == (12, 3)
    assert (address.burst, address.every_s) == (session.burst * 10, session.every_s / 10)
    Limits()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("burst: 3", "burst: 0", "line 1: messages_of_session.burst: ensure this value is greater than"),
        ("every_s: 1}", "every_s: 0}", "line 2: messages_of_address.every_s: ensure this value is greater than"),
        ("every_s: 1}", "every_s: soon}", "line 2: messages_of_address.every_s: value is not a valid float"),
        ("sessions_of", "session_of", "line 1: sessions_of_address: field required"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = tmp_path / "limits.yml"
    file.write_text(FILE_TEXT.replace(old, new))

    with pytest.raises(DataFileError, match=f"^{file}, {fault}"):
        Limits(file)
