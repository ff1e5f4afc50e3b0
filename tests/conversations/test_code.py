"""bot.conversations.code: what a family reads out to staff."""

import re

from bot.conversations.code import ALPHABET, conversation_code

KEYS = [f"web-{number:032x}" for number in range(2000)]


def test_a_code_is_short_and_of_characters_that_are_not_mixed_up() -> None:
    codes = [conversation_code(key) for key in KEYS]

    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    assert len(set(codes)) == len(codes)
    assert set("".join(codes)) == {*ALPHABET, "-"}


def test_a_code_stays_the_same() -> None:
    """Over versions, too: it may stand on a piece of paper."""
    assert conversation_code("web-0123456789abcdef0123456789abcdef") == "9WTY-SGBJ"
