"""bot.channels.messaging.rules: what messengers can show, and a wrong file is refused by line and key."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.channels.messaging.rules import FILE, MESSENGERS, ChannelRules, bare, load_rules
from bot.data_file import DataFileError


@pytest.fixture(scope="module")
def rules() -> ChannelRules:
    return load_rules()


def test_every_messenger_has_its_limits(rules: ChannelRules) -> None:
    assert set(rules.limits) == set(MESSENGERS)


@pytest.mark.parametrize(
    ("messenger", "hours"),
    [
        *(("whatsapp", 24), ("twilio_whatsapp", 24), ("messenger", 24)),
        *(("telegram", None), ("slack", None), ("twilio_sms", None)),
    ],
)
def test_how_long_a_family_may_be_written_to(rules: ChannelRules, messenger: str, hours: int | None) -> None:
    assert rules.limits[messenger].window == (None if hours is None else timedelta(hours=hours))


def test_waiting_doubles_up_to_the_longest(rules: ChannelRules) -> None:
    waits = [rules.delivery.wait(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 1000, 10**9)]

    assert waits == [1, 2, 4, 8, 15, 15, 15, 15]
    assert rules.delivery.at_most == timedelta(hours=24)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Delete my data", "delete my data"),
        ("  DELETE   my\ndata!! ", "delete my data"),
        ('"Delete my data."', "delete my data"),
        ("“Yes, delete everything”", "yes, delete everything"),
        ("删除我的数据。", "删除我的数据"),
        ("please delete my data", "please delete my data"),
        ("?!", ""),
    ],
)
def test_how_words_are_compared(written: str, compared: str) -> None:
    assert bare(written) == compared
    assert bare(compared) == compared


def test_what_asks_to_erase_and_what_confirms_are_different_words(rules: ChannelRules) -> None:
    assert "delete my data" in rules.erase.asks, "the notice names these words"
    assert rules.erase.asks & rules.erase.confirms == set()
    assert "" not in rules.erase.asks | rules.erase.confirms


@pytest.mark.parametrize(
    ("old", "new", "line_of", "fault"),
    [
        pytest.param(
            "    text: 1600\n    marks: none",
            "    text: 99\n    marks: none",
            "text: 99",
            "limits.twilio_sms.text:",
            id="too short",
        ),
        pytest.param("marks: html", "marks: markdown", "marks: markdown", "limits.telegram.marks:", id="unknown marks"),
        pytest.param(
            "marks: html", "mark: html", "telegram:", "limits.telegram.marks: field required", id="misspelt key"
        ),
        pytest.param(
            "marks: html",
            "marks: html\n    colour: red",
            "colour: red",
            "limits.telegram.colour: extra fields",
            id="unknown key",
        ),
        pytest.param(
            "window_h: 24\n    options:\n      - {shown_as: buttons, most: 3,",
            "window_h: 0\n    options:\n      - {shown_as: buttons, most: 3,",
            "window_h: 0",
            "limits.whatsapp.window_h:",
            id="no time at all",
        ),
        pytest.param(
            "{shown_as: list",
            "{shown_as: menu",
            "{shown_as: menu",
            "limits.whatsapp.options[1].shown_as:",
            id="unknown way",
        ),
        pytest.param("most: 25", "most: 0", "most: 0", "limits.slack.options[0].most:", id="no choices"),
        pytest.param(
            "most: 25, title: 75",
            "most: 25, title: 7",
            "title: 7,",
            "limits.slack.options[0].title:",
            id="titles of no length",
        ),
        pytest.param(
            "text: 3000, cut: yes",
            "text: 3000, cut: perhaps",
            "cut: perhaps",
            "limits.slack.options[0].cut:",
            id="no answer",
        ),
        pytest.param("  slack:\n", "  slak:\n", "limits:", "limits: lacks 'slack'", id="messenger missing"),
        pytest.param("first_s: 1", "first_s: -1", "first_s: -1", "delivery.first_s:", id="waiting backwards"),
        pytest.param("hours: 24", "hours: soon", "hours: soon", "delivery.hours:", id="no number"),
        pytest.param(
            "    - forget me",
            "    - Forget me!",
            "asks:",
            "erase.asks: 'Forget me!' must be written as 'forget me'",
            id="words that never match",
        ),
        pytest.param(
            "within_minutes: 60", "within_minutes: 0", "within_minutes: 0", "erase.within_minutes:", id="never"
        ),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, line_of: str, fault: str) -> None:
    file, text = tmp_path / "channels.yml", FILE.read_text("utf-8")
    assert text.count(old) == 1
    text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    line = text[: text.index(line_of)].count("\n") + 1

    with pytest.raises(DataFileError) as refused:
        load_rules(file)

    assert str(refused.value).startswith(f"{file}, line {line}: {fault}")
