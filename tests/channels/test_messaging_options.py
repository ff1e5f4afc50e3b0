"""Options under replies: pressed, picked by number, and everything that only looks like it."""

from typing import Any

import pytest
from databases import locked
from messaging_house import QUESTION, House, every_speaker, new_family, new_id
from vendors_say import MESSENGER, SHOW_OPTIONS, TELEGRAM, TWILIO, WHATSAPP, Speaker

pytestmark = pytest.mark.usefixtures("patience")

OFFERED = ["crs_timing_cart", "after_high_risk_window", "cost_and_stay"]  # under the answer to the question


async def offered(house: House, speaker: Speaker, family: str) -> dict[str, str]:
    """The options that a family was shown under the answer to the question."""
    sent = await house.hears(speaker, speaker.text(family, QUESTION, new_id()))
    return speaker.options(sent[-1])


def newest(house: House) -> dict[str, Any]:
    """The newest message of a family, and what the reply to it was."""
    rows = house.rows(
        "SELECT m.text, m.button, m.form, r.topic, r.text_id, r.kind FROM message m"
        " LEFT JOIN message r ON r.reply_to_id = m.id AND r.kind != 'notice'"
        " WHERE m.direction = 'in' ORDER BY m.id DESC, r.position LIMIT 1"
    )
    return rows[0]


@every_speaker(SHOW_OPTIONS)
async def test_a_pressed_option_gets_its_answer(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)
    options = await offered(house, speaker, family)

    for position, (title, token) in enumerate(options.items()):
        await house.hears(speaker, speaker.press(family, token, title, new_id()))
        assert newest(house)["topic"] == newest(house)["button"] == OFFERED[position]
        assert newest(house)["form"] == "text"


async def test_an_option_of_an_older_reply_can_still_be_pressed(house: House) -> None:
    family = new_family(TELEGRAM)
    options = await offered(house, TELEGRAM, family)
    for words in ("thank you", "What is CRS?", "hello"):
        await house.hears(TELEGRAM, TELEGRAM.text(family, words, new_id()))

    await house.hears(TELEGRAM, TELEGRAM.press(family, list(options.values())[1], "whatever", new_id()))

    assert newest(house)["topic"] == OFFERED[1]
    assert newest(house)["text"] == "After the high-risk weeks"


@pytest.mark.parametrize("words", ["2", " 2. ", "2)", "option 2", "Option 2.", "#2", "No. 2", "(2"])
async def test_an_option_is_picked_by_its_number_where_it_has_one(house: House, words: str) -> None:
    family = new_family(TWILIO)
    await offered(house, TWILIO, family)

    await house.hears(TWILIO, TWILIO.text(family, words, new_id()))

    picked = words != "(2"
    assert (newest(house)["topic"] == OFFERED[1]) == picked
    assert newest(house)["text"] == words


@pytest.mark.parametrize("words", ["4", "0", "99", "222", "2 3", "-2", "2 days?"])
async def test_a_number_that_is_no_option_is_read_as_its_words(house: House, words: str) -> None:
    family = new_family(TWILIO)
    await offered(house, TWILIO, family)

    await house.hears(TWILIO, TWILIO.text(family, words, new_id()))

    assert newest(house)["button"] is None
    assert newest(house)["topic"] not in OFFERED


@every_speaker()
async def test_a_number_is_text_where_nothing_was_offered_under_it(house: House, speaker: Speaker) -> None:
    """Before any reply; after a reply without options; and where options are pressed."""
    family = new_family(speaker)

    for words in ("2", "thank you", "1"):
        await house.hears(speaker, speaker.text(family, words, new_id()))
        assert (newest(house)["text"], newest(house)["button"]) == (words, None)
    if speaker not in (TWILIO, MESSENGER):  # whose buttons are too short for the titles, so that these are numbered
        await offered(house, speaker, family)
        await house.hears(speaker, speaker.text(family, "2", new_id()))
        assert (newest(house)["text"], newest(house)["button"]) == ("2", None)


@every_speaker([TELEGRAM, WHATSAPP])
async def test_a_token_that_was_not_offered_to_this_family_does_nothing(house: House, speaker: Speaker) -> None:
    mine, other = new_family(speaker), new_family(speaker)
    foreign = next(iter((await offered(house, speaker, other)).values()))
    own = next(iter((await offered(house, speaker, mine)).values()))
    reply, _, _ = own.rpartition(":")
    tokens = [
        foreign,
        *(f"{reply}:{position}" for position in ("0", "4", "999", "1000", "-1", "x", "")),
        *("b:" + "0" * 32 + ":1", "b:1", "b::", "crs_duration", "cost_and_stay", "erase", "/restart", "/session_start"),
        *('/crs_duration{"topic": "cost_and_stay"}', "EXTERNAL: x", "b:" + "a" * 32 + ":1; DROP TABLE message"),
    ]

    for token in tokens:
        await house.hears(speaker, speaker.press(mine, token, "thank you", new_id()))
        found = newest(house)
        assert (found["text"], found["button"], found["kind"]) == ("thank you", None, "small_talk"), token
    assert len(house.rows("SELECT id FROM conversation WHERE tier IS NOT NULL")) == 0


@pytest.mark.parametrize("words", ["/restart", "/crs_duration", '/cost_and_stay{"topic": "x"}', "b:" + "0" * 32 + ":1"])
async def test_a_command_that_is_typed_is_text(house: House, words: str) -> None:
    family = new_family(WHATSAPP)
    await offered(house, WHATSAPP, family)

    sent = await house.hears(WHATSAPP, WHATSAPP.text(family, words, new_id()))

    assert len(sent) == 1
    assert (newest(house)["text"], newest(house)["button"]) == (words, None)
    assert newest(house)["topic"] not in ("crs_duration", "cost_and_stay")


async def test_an_option_pressed_while_the_database_cannot_be_asked_is_read_as_its_words(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = new_family(TELEGRAM)
    title, token = list((await offered(house, TELEGRAM, family)).items())[2]
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 0.3)

    with locked(house.service.settings.database_url):
        sent = await house.hears(TELEGRAM, TELEGRAM.press(family, token, title, new_id()))

    assert [TELEGRAM.words(request)[:30] for request in sent] == ["Cost and length of stay depend"]
