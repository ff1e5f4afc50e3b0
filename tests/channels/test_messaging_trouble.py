"""Vendors that are out of order: every reply arrives once, in its order, or is known not to have arrived."""

import time
from pathlib import Path
from typing import Any

import pytest
from messaging_house import (
    DELETE,
    QUESTION,
    RED_FLAG,
    House,
    OpenHouse,
    hasty,
    new_family,
    new_id,
    until,
)
from vendor import Scripted, VendorServer
from vendors_say import MESSENGER, SPEAKERS, TELEGRAM, WHATSAPP, Speaker

pytestmark = pytest.mark.usefixtures("patience")

EMERGENCY, NOTICE = "Call the treating hospit", "I am an automated servic"
OPENING = 24  # characters, by which these two are told from all others
REFUSED = {
    "whatsapp": (400, {"error": {"code": 131026}}),
    "telegram": (403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}),
    "twilio": (400, {"code": 21610}),
    "messenger": (400, {"error": {"code": 551}}),
    "slack": (200, {"ok": False, "error": "channel_not_found"}),
}


def openings(house: House, speaker: Speaker, family: str) -> list[str]:
    return [words[:OPENING] for words in house.words_to(speaker, family)]


FAILURES: tuple[dict[str, Any], ...] = (
    {"status": 500, "times": 3},
    {"status": 429, "times": 2, "retry_after": "0"},
    {"status": 429, "times": 1, "retry_after": "0.2"},
    {"status": 503, "times": 2, "body": "<html>"},
    {"status": 401, "times": 2},
)


async def test_what_fails_is_sent_again_until_it_arrives_once(open_house: OpenHouse) -> None:
    """By each vendor and in each way: the first sendings fail, and nothing overtakes what is sent again."""
    async with open_house() as house:
        for speaker in SPEAKERS:
            for failure in FAILURES:
                family, times = new_family(speaker), failure["times"]
                house.vendor.answer(**failure)
                await house.hears(speaker, speaker.text(family, RED_FLAG, new_id()))
                expected = [EMERGENCY] * (times + 1) + [NOTICE]
                assert openings(house, speaker, family) == expected, failure
        assert {(row["state"], row["possibly_repeated"]) for row in house.deliveries()} == {("sent", 0)}
        assert max(row["attempts"] for row in house.deliveries()) == 4


async def test_a_connection_that_breaks_after_the_request_perhaps_repeats_it_and_says_so(open_house: OpenHouse) -> None:
    async with open_house() as house:
        for speaker in SPEAKERS:
            family = new_family(speaker)
            house.vendor.script(Scripted(drops=True))

            await house.hears(speaker, speaker.text(family, RED_FLAG, new_id()))

            assert openings(house, speaker, family) == [EMERGENCY, EMERGENCY, NOTICE]
        states = [(row["state"], row["attempts"], row["possibly_repeated"]) for row in house.deliveries()]
        assert states == [("sent", 2, 1), ("sent", 1, 0)] * len(SPEAKERS)


async def test_a_vendor_that_is_away_gets_everything_in_order_when_it_is_back(open_house: OpenHouse) -> None:
    family, other = new_family(WHATSAPP), new_family(WHATSAPP)
    questions = ["What is CRS?", "thank you", "How is CRS graded?"]
    async with open_house() as house:
        house.vendor.down()
        for words in questions:
            assert await house.post(WHATSAPP, WHATSAPP.text(family, words, new_id())) == 200
        await house.post(WHATSAPP, WHATSAPP.text(other, QUESTION, new_id()))
        await house.messaging.intake.finished()
        assert await house.post(WHATSAPP, WHATSAPP.text(family, RED_FLAG, new_id())) == 200
        await house.messaging.intake.finished()
        await until(lambda: all(row["error"] for row in house.deliveries() if row["kind"] == "emergency"))
        house.vendor.up()
        await house.idle()

        told = house.words_to(WHATSAPP, family)
        rows = house.rows(
            "SELECT m.text FROM message m WHERE direction = 'out' AND kind != 'emergency'"
            " AND conversation_id = (SELECT min(id) FROM conversation) ORDER BY m.id"
        )
        assert told[0].startswith(EMERGENCY)
        assert len(rows) == 4
        assert [words[:20] for words in told[1:]] == [row["text"][:20] for row in rows]
        assert len(house.words_to(WHATSAPP, other)) == 2
        assert {row["state"] for row in house.deliveries()} == {"sent"}


async def test_the_fixed_reply_does_not_wait_for_what_others_are_told_to_wait_for(open_house: OpenHouse) -> None:
    """A vendor's Retry-After holds up ordinary replies of the whole channel, never the fixed reply to a red flag."""
    waits, flagged = new_family(TELEGRAM), new_family(TELEGRAM)
    async with open_house() as house:
        house.vendor.answer(429, {"ok": False, "parameters": {"retry_after": 600}})
        await house.post(TELEGRAM, TELEGRAM.text(waits, QUESTION, new_id()))
        await until(lambda: house.sent_by(TELEGRAM, waits) and any(row["error"] for row in house.deliveries()))

        await house.post(TELEGRAM, TELEGRAM.text(flagged, RED_FLAG, new_id()))

        await until(lambda: house.sent_by(TELEGRAM, flagged))
        assert openings(house, TELEGRAM, flagged) == [EMERGENCY]
        assert len(house.sent_by(TELEGRAM, waits)) == 1


async def test_what_is_refused_for_good_is_shown_to_navigators(open_house: OpenHouse) -> None:
    async with open_house() as house:
        for speaker in SPEAKERS:
            for words in (QUESTION, RED_FLAG):
                family = new_family(speaker)
                house.vendor.answer(*REFUSED[speaker.name], times=2)
                await house.hears(speaker, speaker.text(family, words, new_id()))
                assert len(house.sent_by(speaker, family)) == 2

        assert {(row["state"], row["attempts"]) for row in house.deliveries()} == {("undelivered", 1)}
        assert all(row["error"] for row in house.deliveries())
        assert {row["undelivered"] for row in house.rows("SELECT undelivered FROM conversation")} == {1}
        alerts = house.rows(
            "SELECT a.kind, a.goes_out, a.tier, m.text_id FROM alert a JOIN message m ON m.id = a.message_id"
            " WHERE a.kind = 'undelivered'"
        )
        alert = {"kind": "undelivered", "goes_out": 1, "tier": "T1", "text_id": "emergency"}
        assert alerts == [alert] * len(SPEAKERS)


async def test_navigators_are_called_when_the_fixed_reply_does_not_arrive(
    open_house: OpenHouse, vendor: VendorServer
) -> None:
    async with open_house(alert_webhook_url=f"{vendor.url}/alerts") as house:
        house.vendor.script(Scripted("/alerts", 200), times=9)
        house.vendor.script(Scripted(WHATSAPP.send_path, *REFUSED["whatsapp"]), times=2)

        await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), RED_FLAG, new_id()))

        await until(lambda: any(call.body["kind"] == "undelivered" for call in house.vendor.to("/alerts")))


async def test_what_is_not_taken_for_too_long_is_given_up(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hasty(monkeypatch, tmp_path, hours=0.3 / 3600)
    async with open_house() as house:
        house.vendor.answer(500, times=1000)

        await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), RED_FLAG, new_id()))

        rows = house.deliveries()
        assert {row["state"] for row in rows} == {"undelivered"}
        assert all(row["error"].startswith("given up after") for row in rows)
        assert len(house.rows("SELECT id FROM alert WHERE kind = 'undelivered'")) == 1


async def test_nobody_is_written_to_when_the_time_for_it_is_over(open_house: OpenHouse) -> None:
    yesterday = time.time() - 24.1 * 3600
    async with open_house() as house:
        for speaker in (WHATSAPP, MESSENGER):
            assert await house.hears(speaker, speaker.text(new_family(speaker), RED_FLAG, new_id(), at=yesterday)) == []

        assert [(row["state"], row["error"]) for row in house.deliveries()] == [
            ("undelivered", "the time in which a family may be written to is over")
        ] * 4
        assert len(house.rows("SELECT id FROM alert WHERE kind = 'undelivered'")) == 2


async def test_the_service_goes_on_after_a_restart(open_house: OpenHouse) -> None:
    """What the vendor did not take before is sent, the fixed reply first."""
    families = [new_family(WHATSAPP) for _ in range(3)]
    async with open_house() as house:
        house.vendor.down()
        for family, words in zip(families, (QUESTION, RED_FLAG, DELETE), strict=True):
            await house.post(WHATSAPP, WHATSAPP.text(family, words, new_id()))
        await house.messaging.intake.finished()
        await until(lambda: sum(bool(row["error"]) for row in house.deliveries()) >= len(families))
    house.vendor.up()
    async with open_house() as house:
        await until(lambda: {row["state"] for row in house.deliveries()} == {"sent"})

        assert openings(house, WHATSAPP, families[1]) == [EMERGENCY, NOTICE]
        assert [len(house.words_to(WHATSAPP, family)) for family in families] == [2, 2, 2]


async def test_families_whose_address_cannot_be_read_any_more_keep_no_other_from_its_reply(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.channels.messaging.courier.LOOK_AT", 2)
    lost, others = [new_family(WHATSAPP) for _ in range(4)], [new_family(WHATSAPP) for _ in range(3)]
    for key, families in (("o" * 32, lost), ("n" * 32, others)):
        async with open_house(identity_key=key) as house:
            house.vendor.down()
            for family in families:
                await house.post(WHATSAPP, WHATSAPP.text(family, QUESTION, new_id()))
            await house.messaging.intake.finished()
    house.vendor.up()
    async with open_house(identity_key="n" * 32) as house:
        await until(lambda: [row["state"] for row in house.deliveries()] == ["pending"] * 8 + ["sent"] * 6)

        assert [len(house.words_to(WHATSAPP, family)) for family in (*lost, *others)] == [0] * 4 + [2] * 3
    assert "put the key that it was encrypted with back into BOT_IDENTITY_KEY" in caplog.text


async def test_a_webhook_that_comes_again_does_not_lose_the_fixed_reply_that_waits(open_house: OpenHouse) -> None:
    family, message_id = new_family(WHATSAPP), new_id()
    said = WHATSAPP.text(family, RED_FLAG, message_id)
    async with open_house() as house:
        house.vendor.answer(429, retry_after="2")
        await house.post(WHATSAPP, said)
        await house.messaging.intake.finished()
        await until(lambda: any(row["error"] for row in house.deliveries()))
    async with open_house() as house:
        assert await house.post(WHATSAPP, said) == 200

        await until(lambda: {row["state"] for row in house.deliveries()} == {"sent"})

        assert openings(house, WHATSAPP, family) == [EMERGENCY, EMERGENCY, NOTICE]
