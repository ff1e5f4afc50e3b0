"""A family that has everything deleted: asked once more, then nothing is left, and nothing brings it back."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from databases import other_tool
from messaging_house import (
    DELETE,
    QUESTION,
    RED_FLAG,
    House,
    every_speaker,
    new_family,
    new_id,
    running,
    service_in,
    until,
)
from vendor import VendorServer
from vendors_say import MESSENGER, SHOW_OPTIONS, TELEGRAM, TWILIO, WHATSAPP, Post, Speaker

from bot.conversations.code import conversation_code
from bot.conversations.erasure import Erasure
from bot.storage.base import Base, now

pytestmark = pytest.mark.usefixtures("patience")

ASKS, ERASED, KEPT = "Do you want me to delete", "I have deleted all", "Nothing was deleted."
# What remembers that something was erased, and holds nothing of it but opaque names.
OF_ERASURE = {"erased_conversation", "erased_message"}


def counts(house: House) -> dict[str, int]:
    """How many rows every table has."""
    with other_tool(house.service.settings.database_url) as database:
        return {
            name: database.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() or 0
            for name in Base.metadata.tables
            if name not in OF_ERASURE
        }


def newest_key(house: House) -> str:
    return str(house.rows("SELECT key FROM conversation ORDER BY id DESC LIMIT 1")[0]["key"])


async def asks_to_erase(house: House, speaker: Speaker, family: str) -> tuple[list[Post], dict[str, str], str]:
    """A family that has written before asks; its webhooks, the options it is shown, and the code it is told."""
    said = [speaker.text(family, words, new_id()) for words in (QUESTION, RED_FLAG, DELETE)]
    for webhook in said:
        sent = await house.hears(speaker, webhook)
    words = speaker.words(sent[-1])
    assert words.startswith(ASKS)
    code = re.search(r"code of this conversation is (\S+)\.", words)
    assert code is not None
    return said, speaker.options(sent[-1]), code[1]


WAYS = [
    *((speaker, "press") for speaker in SHOW_OPTIONS),
    *((TWILIO, words) for words in ("1", "yes", "Yes.", "DELETE")),
    (WHATSAPP, "yes"),
]


@pytest.mark.parametrize(("speaker", "way"), WAYS, ids=lambda value: getattr(value, "name", value))
async def test_all_of_a_conversation_is_gone_when_the_family_confirms(house: House, speaker: Speaker, way: str) -> None:
    family, before = new_family(speaker), counts(house)
    said, options, code = await asks_to_erase(house, speaker, family)
    key = newest_key(house)
    assert code == conversation_code(key)
    if way == "press":
        title, token = next(iter(options.items()))
        confirms = speaker.press(family, token, title, new_id())
    else:
        confirms = speaker.text(family, way, new_id())

    sent = await house.hears(speaker, confirms)

    assert [speaker.words(request)[: len(ERASED)] for request in sent] == [ERASED]
    assert counts(house) == before
    for webhook in (*said, confirms):  # all of them come again, the red flag and the confirmation among them
        assert await house.hears(speaker, webhook) == []
    assert counts(house) == before

    again = await house.hears(speaker, speaker.text(family, QUESTION, new_id()))
    assert len(again) == 2  # with the notice
    assert newest_key(house) != key
    assert conversation_code(newest_key(house)) != code


async def test_it_can_be_erased_again_and_again(house: House) -> None:
    family, keys = new_family(TWILIO), set()
    before = counts(house)
    for _ in range(3):
        await asks_to_erase(house, TWILIO, family)
        keys.add(newest_key(house))
        sent = await house.hears(TWILIO, TWILIO.text(family, "yes", new_id()))
        assert TWILIO.words(sent[0]).startswith(ERASED)
    assert len(keys) == 3
    assert counts(house) == before


@every_speaker([TELEGRAM, TWILIO, MESSENGER])
async def test_keep_it_keeps_everything(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)
    _, options, _ = await asks_to_erase(house, speaker, family)
    key = newest_key(house)
    keep = speaker.press(family, list(options.values())[1], "Keep it", new_id()) if options else None

    sent = await house.hears(speaker, keep or speaker.text(family, "2", new_id()))

    assert [speaker.words(request) for request in sent] == [KEPT]
    assert newest_key(house) == key
    after = await house.hears(speaker, speaker.text(family, "yes", new_id()))
    assert not speaker.words(after[0]).startswith(ERASED)


async def test_nothing_is_erased_by_a_yes_to_something_else(house: House) -> None:
    """Before it was asked; after another reply; and long after it was asked."""
    family = new_family(WHATSAPP)
    await house.hears(WHATSAPP, WHATSAPP.text(family, "yes", new_id()))
    await asks_to_erase(house, WHATSAPP, family)
    key = newest_key(house)
    await house.hears(WHATSAPP, WHATSAPP.text(family, QUESTION, new_id()))
    await house.hears(WHATSAPP, WHATSAPP.text(family, "yes, delete everything", new_id()))
    assert newest_key(house) == key

    sent = await house.hears(WHATSAPP, WHATSAPP.text(family, DELETE, new_id()))
    options = list(WHATSAPP.options(sent[-1]).values())
    with other_tool(house.service.settings.database_url) as database:
        old = (now() - timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
        database.exec_driver_sql("UPDATE message SET received_at = ? WHERE text_id = 'erase'", (old,))
        database.commit()
    await house.hears(WHATSAPP, WHATSAPP.text(family, "yes", new_id()))
    assert newest_key(house) == key
    asked_again = await house.hears(WHATSAPP, WHATSAPP.press(family, options[0], "Yes", new_id()))
    assert WHATSAPP.words(asked_again[0]).startswith(ASKS)
    assert newest_key(house) == key


async def test_a_foreign_option_erases_nobody(house: House) -> None:
    mine, other = new_family(TELEGRAM), new_family(TELEGRAM)
    _, foreign, _ = await asks_to_erase(house, TELEGRAM, other)
    await house.hears(TELEGRAM, TELEGRAM.text(mine, QUESTION, new_id()))
    before = house.rows("SELECT key FROM conversation ORDER BY id")

    sent = await house.hears(TELEGRAM, TELEGRAM.press(mine, next(iter(foreign.values())), "thank you", new_id()))

    assert not TELEGRAM.words(sent[0]).startswith(ERASED)
    assert house.rows("SELECT key FROM conversation ORDER BY id") == before


async def test_a_conversation_that_another_process_erased_is_not_written_anew(house: House) -> None:
    family, before = new_family(TELEGRAM), counts(house)
    said, options, _ = await asks_to_erase(house, TELEGRAM, family)
    key = newest_key(house)
    Erasure(house.service.sessions).erase(key)

    for webhook in said:
        assert await house.hears(TELEGRAM, webhook) == []
    assert counts(house) == before
    pressed = TELEGRAM.press(family, next(iter(options.values())), "thank you", new_id())
    sent = await house.hears(TELEGRAM, pressed)

    assert not [request for request in sent if TELEGRAM.words(request).startswith(ERASED)]
    assert newest_key(house) != key


async def test_a_reply_that_waits_is_not_sent_when_its_conversation_was_erased(house: House) -> None:
    family = new_family(WHATSAPP)
    await asks_to_erase(house, WHATSAPP, family)
    before = len(house.sent_by(WHATSAPP, family))
    house.vendor.answer(500, times=100)
    await house.post(WHATSAPP, WHATSAPP.text(family, QUESTION, new_id()))
    await until(lambda: house.deliveries()[-1]["error"] or house.deliveries()[-2]["error"])

    Erasure(house.service.sessions).erase(newest_key(house))
    await house.service.journal.learn_erased()
    await house.idle()

    # All that was ever sent after the failures began were tries of the first reply.
    assert len({WHATSAPP.words(request) for request in house.sent_by(WHATSAPP, family)[before:]}) == 1


async def test_a_red_flag_of_an_erased_conversation_that_comes_again_after_a_restart_does_nothing(
    tmp_path: Path, answers_file: Path, model: Path, vendor: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is not remembered any more then; only the log knows that the message was erased."""
    monkeypatch.setattr("bot.channels.messaging.courier.RELEASED_WITHIN_S", 2)
    family = new_family(TWILIO)
    async with running(service_in(tmp_path, answers_file, model, vendor), vendor) as house:
        said, _, _ = await asks_to_erase(house, TWILIO, family)
        await house.hears(TWILIO, TWILIO.text(family, "yes", new_id()))
    async with running(service_in(tmp_path, answers_file, model, vendor), vendor) as house:
        for webhook in said:
            assert await house.hears(TWILIO, webhook) == []
        assert sum(counts(house)[name] for name in ("conversation", "message", "delivery")) == 0
