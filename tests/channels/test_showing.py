"""bot.channels.messaging.showing: a reply as each messenger can show it, and nothing of it lost."""

import html
import re

import pytest

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE
from bot.channels.base import Part
from bot.channels.messaging.rules import Limits, Way, load_rules
from bot.channels.messaging.showing import cut, is_numbered, parts_for, token_of, way_for
from bot.channels.plain_text import length
from bot.fixed_texts import FixedTexts
from bot.replies import ANSWER, Button, Reply
from bot.settings import CONTACT_SETTINGS, load_settings

LIMITS = load_rules().limits
CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}
TITLES = {
    "short": "Choice {}",
    "long": "{} is the first word of a question that no button shows as a whole",
    "longer than any description": "{} " + "word " * 30,
    "alike at their beginning": "What helps against the fever that comes on day {}",
    "one long word": "{}" + "a" * 90,
    "emoji": "{} 🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘🆘",
}
TEXTS = {
    "short": "Yes.",
    "longer than any message": "\n\n".join(
        f"Paragraph {number}. " + "It is so & not <so>. " * 20 for number in range(40)
    ),
    "without a place to part it": "a🆘" * 4000,
}
COUNTS = (1, 3, 4, 10, 11, 30)
# How so many choices are shown: buttons, a list, or numbers in the text alone (""); "+": the text has them too.
SHOWN = {
    ("whatsapp", "short"): ("buttons", "buttons", "list", "list", "", ""),
    ("whatsapp", "long"): ("list", "list", "list", "list", "", ""),
    ("whatsapp", "longer than any description"): ("list+", "list+", "list+", "list+", "", ""),
    ("whatsapp", "alike at their beginning"): ("list", "list+", "list+", "list+", "", ""),
    ("telegram", "short"): ("buttons", "buttons", "buttons", "buttons", "buttons", ""),
    ("telegram", "longer than any description"): ("buttons+", "buttons+", "buttons+", "buttons+", "buttons+", ""),
    ("messenger", "short"): ("buttons", "buttons", "buttons", "buttons", "buttons", ""),
    ("messenger", "long"): ("buttons+", "buttons+", "buttons+", "buttons+", "buttons+", ""),
    ("messenger", "alike at their beginning"): ("buttons+", "buttons+", "buttons+", "buttons+", "buttons+", ""),
    ("slack", "long"): ("buttons", "buttons", "buttons", "buttons", "buttons", ""),
    ("slack", "one long word"): ("buttons+", "buttons+", "buttons+", "buttons+", "buttons+", ""),
    ("twilio_whatsapp", "short"): ("", "", "", "", "", ""),
    ("twilio_sms", "long"): ("", "", "", "", "", ""),
}


def reply_with(count: int, titles: str = "short", text: str = "Yes.") -> Reply:
    # The number stands where the titles differ: in front, or behind a common beginning.
    names = [TITLES[titles].format(number) for number in range(101, 101 + count)]
    return Reply(ANSWER, text, 1, buttons=tuple(Button(name.strip(), f"t{name}") for name in names), id="f00d")


def visible(text: str, marks: str) -> str:
    """A text as a vendor counts it: without the marks that it takes for its own."""
    if marks == "html":
        text = re.sub(r"<[^>]+>", "", text)
    return html.unescape(text) if marks in ("html", "slack") else text


def titles_in(parts: list[Part], reply: Reply, marks: str) -> list[str]:
    """The whole titles that stand in the text, each behind its number."""
    # A part may end within a title: only its words count.
    whole = "".join("".join(visible(part.text, marks).split()) for part in parts)
    lines = [f"{number}.{''.join(button.title.split())}" for number, button in enumerate(reply.buttons, start=1)]
    return [line for line in lines if line in whole]


def way_of(limits: Limits, part: Part) -> Way:
    return next(way for way in limits.options if way.shown_as == part.shown_as)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("titles", TITLES)
@pytest.mark.parametrize("channel", LIMITS)
def test_nothing_is_beyond_a_limit_and_nothing_is_lost(channel: str, titles: str, text: str) -> None:
    limits = LIMITS[channel]
    for count in (0, *COUNTS):
        reply = reply_with(count, titles, TEXTS[text])
        parts = parts_for(reply, limits)

        *before, last = parts
        assert [part for part in before if part.options or part.shown_as] == [], "choices stand under the last part"
        longest = way_of(limits, last).text if last.options else limits.text
        assert all(0 < length(visible(part.text, limits.marks)) <= limits.text for part in before)
        assert 0 < length(visible(last.text, limits.marks)) <= longest
        words = "".join("".join(visible(part.text, limits.marks).split()) for part in parts)
        assert words.startswith("".join(reply.text.split()))
        numbered = titles_in(parts, reply, limits.marks)
        assert len(numbered) == (count if is_numbered(reply, limits) else 0)
        assert bool(last.options or numbered) == bool(count), "choices are shown one way or the other"


@pytest.mark.parametrize("titles", TITLES)
@pytest.mark.parametrize("channel", [name for name, limits in LIMITS.items() if limits.options])
def test_options_fit_and_differ_and_lead_to_their_place(channel: str, titles: str) -> None:
    limits = LIMITS[channel]
    for count in COUNTS:
        reply = reply_with(count, titles)
        last = parts_for(reply, limits)[-1]
        if not last.options:
            assert count > limits.options[-1].most
            continue
        way = way_of(limits, last)

        assert len(last.options) == count <= way.most
        assert [option.token for option in last.options] == [f"b:f00d:{place}" for place in range(1, count + 1)]
        assert len({option.title for option in last.options}) == count
        assert all(0 < length(option.title) <= way.title for option in last.options)
        assert all(length(option.description) <= way.description for option in last.options)
        assert last.label == way.label
        for button, option in zip(reply.buttons, last.options, strict=True):
            shown = option.title == button.title or option.description == button.title
            assert shown or is_numbered(reply, limits), "whole somewhere"


@pytest.mark.parametrize(("channel", "titles", "expected"), [(*case, expected) for case, expected in SHOWN.items()])
def test_how_choices_are_shown(channel: str, titles: str, expected: tuple[str, ...]) -> None:
    found = []
    for count in COUNTS:
        reply = reply_with(count, titles)
        (part,) = parts_for(reply, LIMITS[channel]) if count < 30 else parts_for(reply, LIMITS[channel])[-1:]
        numbered = is_numbered(reply, LIMITS[channel])
        found.append(part.shown_as + ("+" if numbered and part.options else ""))
        assert numbered == (not part.options or found[-1].endswith("+"))
        assert (way_for(reply.buttons, LIMITS[channel]) is None) == (not part.options)

    assert tuple(found) == expected


def test_a_reply_without_choices_is_its_text() -> None:
    for limits in LIMITS.values():
        assert parts_for(reply_with(0), limits) == [Part("Yes.")]
        assert not is_numbered(reply_with(0), limits)


def test_the_titles_of_a_list() -> None:
    """What is cut has its whole title as description, and only that."""
    titles = ("Fever", "How long does cytokine release syndrome last?")
    reply = Reply(ANSWER, "Yes.", 1, buttons=tuple(Button(title, title) for title in titles), id="f00d")

    (part,) = parts_for(reply, LIMITS["whatsapp"])

    assert [(option.title, option.description) for option in part.options] == [
        ("Fever", ""),
        ("How long does cytokine…", "How long does cytokine release syndrome last?"),
    ]
    assert (part.text, part.shown_as, part.label) == ("Yes.", "list", "See the choices")


def test_titles_that_would_look_alike_are_numbered() -> None:
    titles = ("What helps against the fever at night?", "What helps against the fever at noon?")
    reply = Reply(ANSWER, "Yes.", 1, buttons=tuple(Button(title, title) for title in titles), id="f00d")

    (part,) = parts_for(reply, LIMITS["whatsapp"])

    assert part.text == f"Yes.\n\n1. {titles[0]}\n2. {titles[1]}"
    assert [option.title for option in part.options] == ["1. What helps against…", "2. What helps against…"]


@pytest.mark.parametrize(
    ("title", "maximum", "expected"),
    [
        ("Fever", 5, "Fever"),
        ("Fever now", 8, "Fever…"),
        ("Fever now", 6, "Fever…"),
        ("Fever, and then chills", 14, "Fever, and…"),
        ("What is it (in short)", 13, "What is it…"),
        ("Haemophagocytic", 10, "Haemophag…"),
        ("A haemophagocytic", 10, "A haemoph…"),  # half of the room is too much to give away
        ("🆘🆘🆘🆘🆘", 8, "🆘🆘🆘…"),
        ("🆘🆘🆘🆘", 8, "🆘🆘🆘🆘"),
    ],
)
def test_a_title_is_cut_where_a_word_ends(title: str, maximum: int, expected: str) -> None:
    assert cut(title, maximum) == expected
    assert length(expected) <= maximum


def test_a_token_says_the_reply_and_the_place_and_fits_everywhere() -> None:
    token = token_of(Reply(ANSWER, "Yes.", 1), 30)

    assert re.fullmatch(r"b:[0-9a-f]{32}:30", token)
    assert len(token.encode()) <= 64  # Telegram's limit, the smallest


@pytest.mark.parametrize("longest", ["9", "&", "🆘"])
@pytest.mark.parametrize("name", ["emergency", "crisis"])
@pytest.mark.parametrize("channel", LIMITS)
def test_a_fixed_reply_to_a_red_flag_is_one_message_with_every_number(channel: str, name: str, longest: str) -> None:
    contacts = {
        setting: f"{setting} +44 20 7946 000{place} ".ljust(120, longest)
        for place, setting in enumerate(CONTACT_SETTINGS)
    }
    reply = FixedTexts(load_settings(**contacts)).reply(name)
    limits = LIMITS[channel]

    (part,) = parts_for(reply, limits)

    assert visible(part.text, limits.marks) == reply.text, "byte for byte"
    for setting in ("ward_phone", "phone_24h", "emergency_number"):
        assert contacts[setting] in visible(part.text, limits.marks)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("channel", LIMITS)
def test_every_answer_is_one_message_without_our_marks(channel: str, name: str) -> None:
    content, limits = CONTENTS[name], LIMITS[channel]
    buttons = tuple(Button(CONTENTS[related].title, related) for related in content.related)

    (part,) = parts_for(Reply(ANSWER, content.text, 1, buttons=buttons), limits)

    assert length(part.text) <= limits.text
    assert "**" not in part.text
    assert "](" not in part.text
