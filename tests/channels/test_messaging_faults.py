"""A database that is locked or away, and a full disk: families are answered all the same, and nothing is doubled."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from databases import file_away, locked
from messaging_house import (
    DELETE,
    ONLY_BY_MEANING,
    QUESTION,
    RED_FLAG,
    House,
    OpenHouse,
    new_family,
    new_id,
    until,
)
from vendors_say import SPEAKERS, TWILIO, WHATSAPP

from bot.conversations.spool import Spool
from bot.redflags.gate import Gate

EMERGENCY = "Call the treating hospital"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once; the second detector is waited for on a slow machine."""
    monkeypatch.setattr("bot.redflags.gate.SECOND_LIMIT_S", 60)
    monkeypatch.setattr("bot.conversations.journal.READ_BACK_EVERY_S", 0.1)
    monkeypatch.setattr("bot.channels.messaging.ledger.RECORDED_WITHIN", timedelta(seconds=0.2))


async def all_written_down(house: House, replies: int) -> None:
    """Wait until the log has every reply, and what became of it."""

    def done() -> bool:
        rows = house.deliveries()
        return len(rows) == replies and {row["state"] for row in rows} == {"sent"}

    await until(done)


@pytest.mark.parametrize("trouble", ["locked", "away"])
async def test_a_database_that_takes_nothing_for_a_while_costs_no_reply_and_doubles_none(
    open_house: OpenHouse, trouble: str
) -> None:
    async with open_house() as house:
        families = {(speaker, words): new_family(speaker) for speaker in SPEAKERS for words in (QUESTION, RED_FLAG)}
        said = {key: key[0].text(family, key[1], new_id()) for key, family in families.items()}
        known = new_family(WHATSAPP)
        await house.hears(WHATSAPP, WHATSAPP.text(known, QUESTION, new_id()))
        engine = house.service.sessions.kw["bind"]
        with locked(house.service.settings.database_url) if trouble == "locked" else file_away(engine):
            for key, webhook in said.items():
                assert await house.post(key[0], webhook) == 200
            await house.post(WHATSAPP, WHATSAPP.text(known, ONLY_BY_MEANING, new_id()))
            await house.messaging.intake.finished()
            for (speaker, words), family in families.items():
                await until(lambda s=speaker, f=family: len(house.words_to(s, f)) == 2)
                assert house.words_to(speaker, family)[0].startswith(EMERGENCY) == (words == RED_FLAG)
            assert house.words_to(WHATSAPP, known)[2].startswith(EMERGENCY)

        await all_written_down(house, 2 * len(families) + 3)
        for (speaker, _), webhook in said.items():
            assert await house.post(speaker, webhook) == 200
        await house.idle()
        await house.messaging.courier.look()
        await house.idle()
        assert {len(house.words_to(speaker, family)) for (speaker, _), family in families.items()} == {2}
        assert len(house.words_to(WHATSAPP, known)) == 3
        assert len(house.deliveries()) == 2 * len(families) + 3


async def test_with_neither_database_nor_disk_the_vendor_keeps_the_message_and_the_fixed_reply_goes_out(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    asked, flagged = new_family(WHATSAPP), new_family(TWILIO)
    question = WHATSAPP.text(asked, QUESTION, new_id())
    red_flag = TWILIO.text(flagged, RED_FLAG, new_id())
    async with open_house() as house:
        with monkeypatch.context() as broken, locked(house.service.settings.database_url):
            broken.setattr(Spool, "append", full)
            for _ in range(2):
                assert await house.post(WHATSAPP, question) == 503
                assert await house.post(TWILIO, red_flag) == 503
            await until(lambda: house.words_to(TWILIO, flagged))
            await house.messaging.courier.finished()
            assert [words[:26] for words in house.words_to(TWILIO, flagged)] == [EMERGENCY]
            assert house.words_to(WHATSAPP, asked) == []
            assert house.rows("SELECT id FROM message") == []

        assert await house.post(WHATSAPP, question) == 200
        assert await house.post(TWILIO, red_flag) == 200
        await all_written_down(house, 4)
        await house.idle()
        assert [len(house.words_to(WHATSAPP, asked)), len(house.words_to(TWILIO, flagged))] == [2, 2]


async def test_nothing_is_erased_while_the_database_is_locked_and_the_family_is_told_so(open_house: OpenHouse) -> None:
    family = new_family(TWILIO)
    async with open_house() as house:
        await house.hears(TWILIO, TWILIO.text(family, DELETE, new_id()))
        with locked(house.service.settings.database_url):
            sent = await house.hears(TWILIO, TWILIO.text(family, "1", new_id()))
            assert sent
            assert not TWILIO.words(sent[0]).startswith("I have deleted all")
            # What was given up is over before the lock is: it would come through.
            await house.service.journal._writer.work(lambda: None)

        await until(lambda: len(house.rows("SELECT id FROM message WHERE direction = 'in'")) == 2)


async def test_a_message_that_is_not_on_disk_when_the_service_stops_stays_with_the_vendor(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def held(self: Gate, *_: Any) -> Any:
        looking.set()
        await asyncio.Event().wait()

    async with open_house() as house:
        monkeypatch.setattr(Gate, "first_look", held)
        post = asyncio.create_task(house.post(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), QUESTION, new_id())))
        await looking.wait()

        await house.messaging.intake.stop(within_s=0.01)

        assert await post == 503
