"""bot.dialogue.reading: a message made plain, and what needs no understanding."""

import pytest

from bot.dialogue.reading import LONGEST, clean, fixed_text_for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is CRS?", "What is CRS?"),
        ("", ""),
        (" \n\t \n", ""),
        ("  What   is\t\tCRS?  ", "What is CRS?"),
        ("What\u00a0is\u2003CRS\u3000?", "What is CRS ?"),
        ("What is CRS?\n\n \n How long?\n", "What is CRS?\nHow long?"),
        ("What is CRS?\r\nHow long?", "What is CRS?\nHow long?"),
        ("What is CRS?\u2028How long?\u2029When?", "What is CRS?\nHow long?\nWhen?"),
        # characters that nobody sees
        ("Wh\x00at is\x07 C\x1bRS?", "What is CRS?"),
        ("shiv\u200bering\u2060 \ufeffto\u00adday", "shivering today"),
        ("\u202eWhat\u202c is \u2066CRS\u2069?", "What is CRS?"),
        ("lone \ud800surrogate, \ue000private, \uffffnothing", "lone surrogate, private, nothing"),
        ("\x00\x07\x1b\u200b", ""),
        # several ways to write one character
        ("ＣＲＳ ３８．４？", "CRS 38.4?"),
        ("ﬁne, cafe\u0301", "fine, café"),
        ("naïve — “quoted” 细胞 😟", "naïve — “quoted” 细胞 😟"),
        # what Rasa would take for a command is text
        ('/greet{"name": "x"}', '/greet{"name": "x"}'),
    ],
)
def test_clean(text: str, expected: str) -> None:
    cleaned = clean(text)
    assert cleaned == expected
    assert clean(cleaned) == expected


@pytest.mark.parametrize(
    ("cleaned", "expected"),
    [
        ("What is CRS?", None),
        ("ok", None),
        ("38", None),
        ("a b", None),
        ("k?!k", None),
        ("何か", None),
        ("😟 no", None),
        ("", "empty"),
        ("?", "empty"),
        ("?!… -- ()", "empty"),
        ("k", "empty"),
        ("7!", "empty"),
        ("😟 k", "empty"),
        ("$ +", "empty"),
        ("😟", "unreadable"),
        ("😟!! 🎈", "unreadable"),
        ("👍🏽", "unreadable"),
        ("🇮🇳", "unreadable"),
        ("a" * LONGEST, None),
        ("a" * (LONGEST + 1), "too_long"),
        ("?" * LONGEST, "empty"),
        ("?" * (LONGEST + 1), "too_long"),
        ("😟" * (LONGEST + 1), "too_long"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_fixed_text_for(cleaned: str, expected: str | None) -> None:
    assert fixed_text_for(cleaned) == expected
