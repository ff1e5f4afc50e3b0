"""bot.fixed_texts: every fixed text as a family gets it, and what a file of them must hold."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.answers.reading_grade import reading_grade
from bot.data_file import DataFileError
from bot.fixed_texts import BUTTONS, FILE, TEXTS, FixedTexts
from bot.paths import ROOT
from bot.replies import Button
from bot.settings import CONTACT_SETTINGS, Settings, load_settings

RAW: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
NO_CONTACTS = dict.fromkeys(CONTACT_SETTINGS, "")
ALL_CONTACTS = {
    "ward_phone": "020 7946 0001",
    "phone_24h": "020 7946 0024",
    "emergency_number": "China 120 · UK 999",
    "navigator_contact": "Li Na, +86 10 5555 0100, 9 to 17 h",
}
IN_EACH_REPLY = {"erase": {"code": "K7PX-2M9Q"}}  # what is filled in when the text is sent
EMERGENCY = """\
Call the treating hospital, the ward team or emergency services now, at any hour.

Anywhere else: your local emergency number.
Also call the number on your treatment card or discharge letter.

Say that the patient had CAR-T or bispecific therapy, and when.

This chat cannot judge how ill someone is. No one is watching it. Do not wait for an answer here."""
TALK = [
    ("Hello", "small_talk"),
    ("hi there!", "small_talk"),
    ("How are you?", "small_talk"),
    ("", "small_talk"),
    ("Thank you so much", "small_talk_thanks"),
    ("THANKS!!!", "small_talk_thanks"),
    ("that was helpful", "small_talk_thanks"),
    ("Bye", "small_talk_goodbye"),
    ("good night.", "small_talk_goodbye"),
    ("thanks, bye", "small_talk_thanks"),
    ("Are you a robot?", "small_talk_robot"),
    ("what is your name", "small_talk_robot"),
    ("thank you, are you human?", "small_talk_robot"),
    ("I robotically thankfully byebye", "small_talk"),
]


def settings(**contacts: str) -> Settings:
    return load_settings(**{**NO_CONTACTS, **contacts})


@pytest.fixture(scope="module")
def texts() -> FixedTexts:
    return FixedTexts(settings())


@pytest.mark.parametrize("name", sorted(RAW["texts"]))
@pytest.mark.parametrize("contacts", [NO_CONTACTS, ALL_CONTACTS], ids=["without contacts", "with contacts"])
def test_every_text_can_be_sent(name: str, contacts: dict[str, str]) -> None:
    reply = FixedTexts(settings(**contacts)).reply(name, **IN_EACH_REPLY.get(name, {}))

    assert reply.text == reply.text.strip() != ""
    assert not set("{}") & set(reply.text)
    assert (reply.kind, reply.revision) == (RAW["texts"][name]["kind"], RAW["texts"][name]["revision"])
    assert (reply.text_id, reply.topic, reply.buttons) == (name, None, ())


def test_the_file_holds_what_the_code_sends_and_nothing_else() -> None:
    assert set(RAW["texts"]) == {*TEXTS, *(entry["text"] for entry in RAW["small_talk"])}
    assert set(RAW["buttons"]) == set(BUTTONS)


def test_the_emergency_text_byte_for_byte(texts: FixedTexts) -> None:
    assert texts.reply("emergency").text.encode() == EMERGENCY.encode()
    assert texts.reply("emergency").kind == "emergency"


def test_rasa_has_the_same_emergency_text() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))

    assert domain["responses"]["utter_emergency_contact"] == [{"text": EMERGENCY}]


@pytest.mark.parametrize(
    ("contacts", "lines"),
    [
        ({}, []),
        ({"ward_phone": "1"}, ["Ward: 1"]),
        ({"phone_24h": "2"}, ["Hospital, day and night: 2"]),
        ({"emergency_number": "3"}, ["Emergency number: 3"]),
        ({"emergency_number": "3", "ward_phone": "1"}, ["Ward: 1", "Emergency number: 3"]),
        ({"ward_phone": "{contact} {navigator} {0}"}, ["Ward: {contact} {navigator} {0}"]),
        (
            ALL_CONTACTS,
            ["Ward: 020 7946 0001", "Hospital, day and night: 020 7946 0024", "Emergency number: China 120 · UK 999"],
        ),
    ],
)
@pytest.mark.parametrize("name", ["emergency", "crisis", "unreadable", "apology", "not_text"])
def test_contact_lines_stand_where_their_settings_are_given(
    name: str, contacts: dict[str, str], lines: list[str]
) -> None:
    always = [
        "Anywhere else: your local emergency number.",
        "Also call the number on your treatment card or discharge letter.",
    ]

    paragraphs = FixedTexts(settings(**contacts)).reply(name).text.split("\n\n")

    assert paragraphs[1].split("\n") == [*lines, *always]


def test_contact_lines_are_all_that_settings_change(texts: FixedTexts) -> None:
    filled = FixedTexts(settings(**ALL_CONTACTS)).reply("emergency").text
    lines = [line for line in filled.split("\n") if not any(number in line for number in ALL_CONTACTS.values())]

    assert "\n".join(lines) == EMERGENCY


@pytest.mark.parametrize("name", ["clarify_low", "clarify_else", "out_of_scope", "no_answer", "handover"])
@pytest.mark.parametrize(
    ("contact", "sentence"),
    [
        ("", "Ask your hospital team or your CancerFax coordinator to put you through to a person."),
        ("Li Na, +86 10 5555 0100", "You can reach a person here: Li Na, +86 10 5555 0100"),
    ],
)
def test_the_way_to_a_person(name: str, contact: str, sentence: str) -> None:
    assert sentence in FixedTexts(settings(navigator_contact=contact)).reply(name).text


@pytest.mark.parametrize(("message", "name"), TALK)
def test_which_small_talk(texts: FixedTexts, message: str, name: str) -> None:
    assert texts.small_talk(message).text_id == name


@pytest.mark.parametrize("entry", RAW["small_talk"], ids=lambda entry: entry["text"])
def test_every_word_of_the_small_talk_counts(texts: FixedTexts, entry: dict[str, Any]) -> None:
    assert [word for word in entry["words"] if texts.small_talk(f"Oh, {word}!").text_id != entry["text"]] == []


@pytest.mark.parametrize("name", BUTTONS)
def test_buttons_that_lead_to_no_topic(texts: FixedTexts, name: str) -> None:
    assert texts.button(name) == Button(title=RAW["buttons"][name], token=name)


def test_the_question_before_erasing_names_the_conversation(texts: FixedTexts) -> None:
    reply = texts.reply("erase", code="K7PX-2M9Q")

    assert "The code of this conversation is K7PX-2M9Q." in reply.text
    with pytest.raises(KeyError, match="code"):
        texts.reply("erase")


def test_a_code_with_marks_of_a_placeholder_stays_as_it_is(texts: FixedTexts) -> None:
    assert "is {code}{contact}." in texts.reply("erase", code="{code}{contact}").text


@pytest.mark.parametrize("days", [1, 90])
def test_the_notice_of_messengers_says_how_long_and_how_to_erase(days: int) -> None:
    texts = FixedTexts(load_settings(retention_days=days))
    notice = texts.reply("notice_messenger")

    assert notice.kind == "notice"
    assert notice.text.startswith(texts.reply("notice").text), "a messenger's family is told no less"
    assert f"is kept for {days} days" in notice.text
    assert "delete my data" in notice.text


def test_a_reply_takes_buttons(texts: FixedTexts) -> None:
    buttons = (Button("What CRS is", "what_is_crs"), texts.button("else"))

    assert texts.reply("clarify_close", buttons=buttons).buttons == buttons


@pytest.mark.parametrize("days", [1, 90, 3650])
def test_the_privacy_text_says_how_long(days: int) -> None:
    assert f"is kept for {days} days" in FixedTexts(load_settings(retention_days=days)).reply("privacy").text


@pytest.mark.parametrize("name", ["emergency", "crisis", "privacy", "not_text"])
@pytest.mark.parametrize("contacts", [NO_CONTACTS, ALL_CONTACTS], ids=["without contacts", "with contacts"])
def test_who_is_frightened_can_read_it(name: str, contacts: dict[str, str]) -> None:
    assert reading_grade(FixedTexts(settings(**contacts)).reply(name).text) <= 6


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("The cat sat on the mat. The dog ran.", 0.39 * 9 / 2 + 11.8 - 15.59),
        ("Contact haematology immediately.", 0.39 * 3 + 11.8 * 12 / 3 - 15.59),
        ("Little doses treated\nthe same times", 0.39 * 6 / 2 + 11.8 * 9 / 6 - 15.59),
    ],
)
def test_the_reading_grade_is_the_one_of_flesch_and_kincaid(text: str, grade: float) -> None:
    assert reading_grade(text) == pytest.approx(grade)


@pytest.mark.parametrize(
    ("old", "new", "line_of", "fault"),
    [
        pytest.param(
            'line: "Ward: {value}"',
            'line: "Ward: {number}"',
            'line: "Ward: {number}"',
            "contact[0].line: has the unknown placeholder '{number}'",
            id="unknown placeholder in a contact line",
        ),
        pytest.param(
            'line: "Ward: {value}"',
            'line: "Ward:"',
            'line: "Ward:"',
            "contact[0].line: lacks the placeholder '{value}'",
            id="contact line without its value",
        ),
        pytest.param(
            "setting: ward_phone",
            "setting: secret_key",
            "setting: secret_key",
            "contact[0].setting: 'secret_key' is none of the settings emergency_number,",
            id="a secret as contact",
        ),
        pytest.param(
            "setting: navigator_contact",
            "setting: navigator",
            "setting: navigator",
            "navigator.setting: 'navigator' is none of the settings",
            id="unknown setting",
        ),
        pytest.param(
            "What would you like to know about CRS?\n  clarify_else",
            "What do you want to know, {name}?\n  clarify_else",
            "text: |\n      Thank you for telling me.",
            "texts.clarify_background.text: has the unknown placeholder '{name}'",
            id="unknown placeholder in a text",
        ),
        pytest.param(
            "You are welcome.",
            "You are {contact welcome.",
            "text: |\n      You are {contact",
            "texts.small_talk_thanks.text: has the unknown placeholder '{contact welcome.",
            id="a brace left open",
        ),
        pytest.param(
            "  crisis:\n    kind: crisis",
            "  crisis:\n    kind: answer",
            "kind: answer",
            "texts.crisis.kind: string does not match",
            id="unknown kind",
        ),
        pytest.param("  emergency:\n", "  emergncy:\n", "texts:\n", "texts: lacks 'emergency'", id="text missing"),
        pytest.param(
            "Nothing was deleted.",
            "Nothing of {code} was deleted.",
            "text: |\n      Nothing of {code}",
            "texts.kept.text: has the unknown placeholder '{code}'",
            id="a code in a text that is filled in at the start",
        ),
        pytest.param(
            "  not_text:\n", "  no_text:\n", "texts:\n", "texts: lacks 'not_text'", id="text of a form missing"
        ),
        pytest.param(
            '  erase: "', '  delete: "', "buttons:\n", "buttons: lacks 'erase'", id="button of a form missing"
        ),
        pytest.param('  else: "', '  other: "', "buttons:\n", "buttons: lacks 'else'", id="button missing"),
        pytest.param(
            "- text: small_talk_robot",
            "- text: small_talk_robots",
            "- text: small_talk_robots",
            "small_talk[0].text: 'small_talk_robots' is not in 'texts'",
            id="small talk without its text",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, line_of: str, fault: str) -> None:
    file, text = tmp_path / "fixed_texts.yml", FILE.read_text("utf-8")
    assert text.count(old) == 1
    text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    line = text[: text.index(line_of)].count("\n") + 1

    with pytest.raises(DataFileError) as refused:
        FixedTexts(settings(), file)

    assert str(refused.value).startswith(f"{file}, line {line}: {fault}")


def test_an_empty_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "fixed_texts.yml"
    raw = {**RAW, "texts": {**RAW["texts"], "notice": {**RAW["texts"]["notice"], "text": " \n"}}}
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")

    with pytest.raises(DataFileError, match=r"texts\.notice\.text: is empty"):
        FixedTexts(settings(), file)


def test_all_of_them_say_who_signed_them(tmp_path: Path) -> None:
    signed = tmp_path / "fixed_texts.yml"
    signed.write_text(FILE.read_text("utf-8").replace('signed_by: ""', 'signed_by: "Dr A. Example, 2026-11-21"', 1))

    listed = FixedTexts(settings(), signed).all()

    assert [text.name for text in listed] == list(RAW["texts"])
    assert [text.signed_by for text in listed] == ["Dr A. Example, 2026-11-21", *[""] * (len(listed) - 1)]
