"""Webhooks that come more than once, at once, and in a row: each message is answered once, in its order."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from messaging_house import (
    ONLY_BY_MEANING,
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
from vendors_say import SLACK, SPEAKERS, TWILIO, WHATSAPP, Speaker

pytestmark = pytest.mark.usefixtures("patience")

AT_ONCE = 50


@pytest.mark.parametrize(
    ("speaker", "words"),
    [*((speaker, RED_FLAG) for speaker in SPEAKERS), (WHATSAPP, QUESTION), (SLACK, ONLY_BY_MEANING)],
    ids=lambda value: getattr(value, "name", value),
)
async def test_a_webhook_that_comes_many_times_at_once_is_answered_once(
    house: House, speaker: Speaker, words: str
) -> None:
    family = new_family(speaker)
    said = speaker.text(family, words, new_id())

    statuses = await asyncio.gather(*(house.post(speaker, said) for _ in range(AT_ONCE)))
    await house.idle()
    statuses += [await house.post(speaker, said) for _ in range(3)]
    await house.idle()

    assert set(statuses) == {200}
    assert len(house.words_to(speaker, family)) == 2
    assert len(set(house.words_to(speaker, family))) == 2


@pytest.mark.parametrize("words", [QUESTION, RED_FLAG])
async def test_also_while_the_first_is_being_answered(
    house: House, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, may_go_on = new_family(WHATSAPP), asyncio.Event()
    parse = house.service.dialogue.parse

    async def held(text: str) -> Any:
        await may_go_on.wait()
        return await parse(text)

    monkeypatch.setattr(house.service.dialogue, "parse", held)
    said = WHATSAPP.text(family, words, new_id())

    assert [await house.post(WHATSAPP, said) for _ in range(5)] == [200] * 5
    may_go_on.set()
    await house.idle()

    assert len(house.words_to(WHATSAPP, family)) == 2


async def test_also_after_a_restart(tmp_path: Path, answers_file: Path, model: Path, vendor: VendorServer) -> None:
    said = [
        (speaker, speaker.text(new_family(speaker), words, new_id()))
        for speaker in SPEAKERS
        for words in (QUESTION, RED_FLAG)
    ]
    for _ in range(2):
        async with running(service_in(tmp_path, answers_file, model, vendor), vendor) as house:
            for speaker, webhook in said:
                assert await house.post(speaker, webhook) == 200
            await house.idle()

    assert len([request for speaker in SPEAKERS for request in house.sent_by(speaker)]) == 2 * len(said)
    assert {row["state"] for row in house.deliveries()} == {"sent"}


async def test_a_batch_of_two_families_answers_each(house: House) -> None:
    one, other = new_family(WHATSAPP), new_family(WHATSAPP)
    messages = [
        WHATSAPP.message(one, new_id(), "text", text={"body": QUESTION}),
        WHATSAPP.message(other, new_id(), "text", text={"body": RED_FLAG}),
        WHATSAPP.message(one, new_id(), "text", text={"body": "thank you"}),
    ]

    assert await house.post(WHATSAPP, WHATSAPP.batch(messages)) == 200
    assert await house.post(WHATSAPP, WHATSAPP.batch(messages[::-1])) == 200
    await house.idle()

    assert len(house.words_to(WHATSAPP, one)) == 3
    assert house.words_to(WHATSAPP, other)[0].startswith("Call the treating hospital")
    assert len(house.words_to(WHATSAPP, other)) == 2


TWENTY = ["What is CRS?", "thank you", "How is CRS graded?", "hello"] * 5


@every_speaker([TWILIO, SLACK])
async def test_many_messages_of_a_family_are_answered_in_their_order(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)
    said = [speaker.text(family, words, new_id()) for words in TWENTY]

    assert [await house.post(speaker, webhook) for webhook in said] == [200] * 20
    await house.idle()

    _assert_in_order(house, speaker, family)


async def test_also_when_they_come_in_one_webhook_or_all_at_once(house: House) -> None:
    at_once, batched = new_family(WHATSAPP), new_family(WHATSAPP)
    said = [WHATSAPP.text(at_once, words, new_id()) for words in TWENTY]
    messages = [WHATSAPP.message(batched, new_id(), "text", text={"body": words}) for words in TWENTY]

    await asyncio.gather(*(house.post(WHATSAPP, webhook) for webhook in said))
    assert await house.post(WHATSAPP, WHATSAPP.batch(messages)) == 200
    await house.idle()

    _assert_in_order(house, WHATSAPP, at_once)
    _assert_in_order(house, WHATSAPP, batched)


def _assert_in_order(house: House, speaker: Speaker, family: str) -> None:
    """By the log, which names the message that each reply is to: so every message got its own, once."""
    told = house.words_to(speaker, family)[1:]
    assert len(told) == len(TWENTY)
    assert told[0::4] == told[:1] * 5
    assert told[2::4] == told[2:3] * 5
    assert "*" not in told[1]
    assert len({told[0], told[1], told[2]}) == 3


async def test_families_do_not_wait_for_each_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow turn of one family holds up neither the red flag nor the question of another."""
    slow, other, may_go_on = new_family(WHATSAPP), new_family(WHATSAPP), asyncio.Event()
    parse = house.service.dialogue.parse

    async def held(text: str) -> Any:
        if text == "What is ICANS?":
            await may_go_on.wait()
        return await parse(text)

    monkeypatch.setattr(house.service.dialogue, "parse", held)

    await house.post(WHATSAPP, WHATSAPP.text(slow, "What is ICANS?", new_id()))
    await house.post(WHATSAPP, WHATSAPP.text(other, QUESTION, new_id()))
    await until(lambda: len(house.words_to(WHATSAPP, other)) == 2)
    assert house.words_to(WHATSAPP, slow) == []
    may_go_on.set()
    await house.idle()
    assert len(house.words_to(WHATSAPP, slow)) == 2


async def test_an_emergency_overtakes_what_the_family_asked_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All lanes are taken, and the family's own earlier question waits for one."""
    may_go_on, family = asyncio.Event(), new_family(WHATSAPP)
    parse = house.service.dialogue.parse

    async def held(text: str) -> Any:
        await may_go_on.wait()
        return await parse(text)

    monkeypatch.setattr(house.service.dialogue, "parse", held)
    for each in (*(new_family(WHATSAPP) for _ in range(4)), family):
        await house.post(WHATSAPP, WHATSAPP.text(each, QUESTION, new_id()))

    await house.post(WHATSAPP, WHATSAPP.text(family, ONLY_BY_MEANING, new_id()))
    await until(lambda: house.words_to(WHATSAPP, family))

    assert house.words_to(WHATSAPP, family)[0].startswith("Call the treating hospital")
    may_go_on.set()
    await house.idle()
    assert len(house.words_to(WHATSAPP, family)) == 3


async def test_a_message_whose_signed_body_is_written_otherwise_is_the_same(house: House) -> None:
    family, message_id = new_family(WHATSAPP), new_id()
    said = WHATSAPP.text(family, QUESTION, message_id)
    again = WHATSAPP.signed(json.dumps(json.loads(said.content), indent=2).encode())

    await house.post(WHATSAPP, said)
    await house.post(WHATSAPP, again)
    await house.idle()

    assert len(house.words_to(WHATSAPP, family)) == 2


@every_speaker()
async def test_messages_of_two_families_with_one_id_are_two_messages(house: House, speaker: Speaker) -> None:
    # No vendor should do so, and yet one could: by whatever id it names a family, no message may be lost for it.
    families, message_id = [new_family(speaker), new_family(speaker)], new_id()

    for family in families:
        assert await house.post(speaker, speaker.text(family, QUESTION, message_id)) == 200
    await house.idle()

    assert [len(house.words_to(speaker, family)) for family in families] == [2, 2]
    assert {row["state"] for row in house.deliveries()} == {"sent"}
    assert not any(house.service.settings.spool_dir.glob("*"))
