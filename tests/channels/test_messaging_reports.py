"""What vendors report of replies, and how far the log says that these have come."""

import asyncio
from typing import Any

import pytest
from messaging_house import (
    QUESTION,
    RED_FLAG,
    House,
    every_speaker,
    new_family,
    new_id,
    until,
)
from vendor import Scripted
from vendors_say import MESSENGER, REPORT, TWILIO, WHATSAPP, Speaker

from bot.conversations.outbox import Outbox

pytestmark = pytest.mark.usefixtures("patience")


def id_of(speaker: Speaker, number: int) -> str:
    """What a vendor calls a message, as the test tells it to."""
    return {"whatsapp": f"wamid.R{number}", "twilio": f"SM{number:032x}", "messenger": f"m_R{number}"}[speaker.name]


def answer_with(house: House, speaker: Speaker, *sent_ids: str) -> None:
    """Have the vendor call the next messages so."""
    for sent_id in sent_ids:
        body: dict[str, Any] = {"sid": sent_id, "message_id": sent_id, "messages": [{"id": sent_id}]}
        house.vendor.script(Scripted(speaker.send_path, 200, body))


def newest(house: House) -> tuple[str, str | None]:
    row = house.deliveries()[-1]
    return row["state"], row["error"]


@every_speaker(REPORT)
async def test_a_reply_is_sent_then_delivered_then_read(house: House, speaker: Speaker) -> None:
    notice, answer = id_of(speaker, 1), id_of(speaker, 2)
    answer_with(house, speaker, notice, answer)
    await house.hears(speaker, speaker.text(new_family(speaker), QUESTION, new_id()))
    assert newest(house) == ("sent", None)

    states = []
    for state in ("delivered", "read", "delivered", "failed"):  # what comes late changes nothing
        assert await house.post(speaker, speaker.report(answer, state)) == 200
        states.append(newest(house))

    assert states == [("delivered", None), ("read", None), ("read", None), ("read", None)]
    assert house.deliveries()[-2]["state"] == "sent"


@every_speaker([WHATSAPP, TWILIO])
@pytest.mark.parametrize("words", [QUESTION, RED_FLAG], ids=["question", "red flag"])
async def test_a_reply_that_failed_is_shown_to_navigators(house: House, speaker: Speaker, words: str) -> None:
    family = new_family(speaker)
    first, second = id_of(speaker, int(new_id())), id_of(speaker, int(new_id()))
    answer_with(house, speaker, first, second)
    await house.hears(speaker, speaker.text(family, words, new_id()))
    alerts = "SELECT goes_out, tier FROM alert WHERE kind = 'undelivered' ORDER BY id"
    before = house.rows(alerts)

    for _ in range(2):  # reports come more than once, too
        assert await house.post(speaker, speaker.report(first, "failed")) == 200

    row = house.deliveries()[-2]
    assert (row["state"], row["error"]) == ("undelivered", "131026" if speaker is WHATSAPP else "30003")
    assert house.rows("SELECT undelivered FROM conversation ORDER BY id")[-1] == {"undelivered": 1}
    expected = [{"goes_out": 1, "tier": "T1"}] if words == RED_FLAG else []
    assert house.rows(alerts)[len(before) :] == expected
    assert await house.post(speaker, speaker.report(first, "delivered")) == 200
    assert house.deliveries()[-2]["state"] == "undelivered"


async def test_a_report_that_comes_before_the_log_has_the_reply_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixed reply is sent while its turn is still under way."""
    may_go_on, family = asyncio.Event(), new_family(WHATSAPP)
    parse = house.service.dialogue.parse

    async def held(text: str) -> Any:
        await may_go_on.wait()
        return await parse(text)

    monkeypatch.setattr(house.service.dialogue, "parse", held)
    answer_with(house, WHATSAPP, "wamid.EARLY")
    await house.post(WHATSAPP, WHATSAPP.text(family, RED_FLAG, new_id()))
    await until(lambda: house.words_to(WHATSAPP, family))
    for state in ("delivered", "read"):
        assert await house.post(WHATSAPP, WHATSAPP.report("wamid.EARLY", state)) == 200
    assert "emergency" not in [row["kind"] for row in house.deliveries()[-1:]]

    may_go_on.set()
    await house.idle()

    await until(lambda: house.deliveries()[-2]["state"] == "read")
    assert house.deliveries()[-2]["kind"] == "emergency"


async def test_a_report_that_the_database_does_not_take_now_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(house, WHATSAPP, "wamid.N", "wamid.LOCKED")
    await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), QUESTION, new_id()))
    report = Outbox.report
    with monkeypatch.context() as broken:

        def fails(self: Outbox, reports: Any) -> Any:
            raise TimeoutError

        broken.setattr(Outbox, "report", fails)
        assert await house.post(WHATSAPP, WHATSAPP.report("wamid.LOCKED", "delivered")) == 200
        assert newest(house)[0] == "sent"
    assert Outbox.report is report

    await until(lambda: newest(house)[0] == "delivered")


async def test_a_report_on_an_unknown_message_does_nothing(house: House) -> None:
    before = house.deliveries()

    for speaker, sent_id in ((WHATSAPP, "wamid.other"), (TWILIO, "SM" + "f" * 32), (MESSENGER, "m_other")):
        assert await house.post(speaker, speaker.report(sent_id, "delivered")) == 200
        assert await house.post(speaker, speaker.report(sent_id, "read")) == 200

    assert house.deliveries() == before


async def test_a_report_of_one_channel_is_not_about_another(house: House) -> None:
    """Vendors choose the ids of their messages by themselves: two may choose the same."""
    answer_with(house, WHATSAPP, "m_same0", "m_same")
    await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), QUESTION, new_id()))

    assert await house.post(MESSENGER, MESSENGER.report("m_same", "read")) == 200

    assert newest(house) == ("sent", None)
