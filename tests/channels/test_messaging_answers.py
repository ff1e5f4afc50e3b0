"""Messages of families by all messengers, from the webhook to what the vendor is told to send."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from messaging_house import (
    ONLY_BY_MEANING,
    QUESTION,
    RED_FLAG,
    TOPIC,
    House,
    every_speaker,
    new_family,
    new_id,
    running,
    service_in,
    until,
)
from vendor import VendorServer
from vendors_say import MESSENGER, SLACK, TELEGRAM, TELL_EDITS, TWILIO, WHATSAPP, WORD, Post, Speaker

from bot.channels.messaging.webhooks import BODY_MAXIMUM
from bot.channels.plain_text import marked
from bot.redflags.gate import Gate

pytestmark = pytest.mark.usefixtures("patience")

MARKS = {"whatsapp": "star", "telegram": "html", "twilio": "none", "messenger": "none", "slack": "slack"}
CONTACTS = ("Ward: +44 1632 960111", "Hospital, day and night: +44 1632 960222", "Emergency number: UK 999")
WITH_FLAG = "He is shivering. How long does CRS last?"


def fixed(house: House, speaker: Speaker, name: str) -> str:
    """A fixed text as a channel marks it."""
    return marked(house.service.texts.reply(name).text, MARKS[speaker.name])


def log_of(house: House) -> list[tuple[str, str]]:
    """What the log has: messages by their text, replies by their names."""
    rows = house.rows("SELECT direction, text, text_id, topic FROM message ORDER BY id")
    return [(row["direction"], row["topic"] or row["text_id"] or row["text"]) for row in rows]


@every_speaker()
async def test_a_question_gets_the_notice_and_the_approved_answer(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)
    answer = house.service.answers.named(TOPIC)

    first = await house.hears(speaker, speaker.text(family, QUESTION, new_id()))
    second = await house.hears(speaker, speaker.text(family, QUESTION, new_id()))

    assert answer is not None
    opening = marked(answer.content.text, MARKS[speaker.name])[:200]
    assert [speaker.recipient(request) for request in (*first, *second)] == [family] * 3
    notice, told = (speaker.words(request) for request in first)
    assert notice == fixed(house, speaker, "notice_messenger")
    assert told.startswith(opening)
    assert speaker.words(second[0]).startswith(opening)
    numbers = "\n1. When CRS starts after CAR-T\n2. " in told
    assert len(speaker.options(first[1])) == 3 or (speaker is TWILIO and numbers)


@every_speaker()
@pytest.mark.parametrize("words", [RED_FLAG, ONLY_BY_MEANING, WITH_FLAG], ids=["lexicon", "meaning", "with question"])
async def test_a_red_flag_gets_the_fixed_reply_before_all_else(house: House, speaker: Speaker, words: str) -> None:
    sent = await house.hears(speaker, speaker.text(new_family(speaker), words, new_id()))

    texts = [speaker.words(request) for request in sent]
    assert texts[:2] == [fixed(house, speaker, "emergency"), fixed(house, speaker, "notice_messenger")]
    assert len(texts) == (3 if words == WITH_FLAG else 2)
    assert all(contact in texts[0] for contact in CONTACTS)
    assert not speaker.options(sent[0])


@every_speaker()
async def test_the_vendor_is_answered_before_the_turn_is_over(
    house: House, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, may_go_on = new_family(speaker), asyncio.Event()
    parse = house.service.dialogue.parse

    async def held(text: str) -> Any:
        await may_go_on.wait()
        return await parse(text)

    monkeypatch.setattr(house.service.dialogue, "parse", held)

    assert await house.post(speaker, speaker.text(family, QUESTION, new_id())) == 200
    assert await house.post(speaker, speaker.text(family, RED_FLAG, new_id())) == 200

    await until(lambda: house.words_to(speaker, family))
    assert house.words_to(speaker, family) == [fixed(house, speaker, "emergency")]
    may_go_on.set()
    await house.idle()
    assert house.words_to(speaker, family)[1] == fixed(house, speaker, "notice_messenger")


# What is no message


@every_speaker()
async def test_what_the_vendor_did_not_sign_does_nothing(house: House, speaker: Speaker) -> None:
    said, before, sent = (
        speaker.text(new_family(speaker), RED_FLAG, new_id()),
        log_of(house),
        len(house.vendor.requests),
    )
    signatures = ("x-hub-signature-256", "x-telegram-bot-api-secret-token", "x-twilio-signature", "x-slack-signature")
    unsigned = {name: value for name, value in said.headers.items() if name not in signatures}
    wrong = {**said.headers, **{name: "v0=00" for name in said.headers if name in signatures}}
    altered = said if speaker is TELEGRAM else Post(said.content + b" ", said.headers)  # its word signs no body

    assert await house.post(speaker, Post(said.content, unsigned)) == 403
    assert await house.post(speaker, Post(said.content, wrong)) == 403
    assert speaker is TELEGRAM or await house.post(speaker, altered) == 403
    assert (await house.http.get(speaker.path)).status_code == 403
    await house.idle()
    assert log_of(house) == before
    assert len(house.vendor.requests) == sent


@every_speaker()
async def test_what_is_too_long_or_has_another_shape_is_refused(house: House, speaker: Speaker) -> None:
    headers = speaker.text(new_family(speaker), QUESTION, new_id()).headers

    assert await house.post(speaker, Post(b"x" * (BODY_MAXIMUM + 1), headers)) == 413
    if speaker is TELEGRAM:
        assert await house.post(speaker, Post(b"[]", headers)) == 400
    packed = await house.http.post(speaker.path, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    assert packed.status_code == 403
    assert (await house.http.put(speaker.path)).status_code == 405


@every_speaker([WHATSAPP, MESSENGER])
async def test_meta_sees_that_the_address_is_ours(house: House, speaker: Speaker) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": WORD, "hub.challenge": "1158201444"}

    right = await house.http.get(speaker.path, params=asked)
    wrong = await house.http.get(speaker.path, params={**asked, "hub.verify_token": "guessed"})

    assert (right.status_code, right.text) == (200, "1158201444")
    assert (wrong.status_code, wrong.text) == (403, "")


async def test_slack_sees_that_the_address_is_ours(house: House) -> None:
    said = SLACK.signed(b'{"type": "url_verification", "challenge": "3eZbrw1a"}')

    response = await house.http.post(SLACK.path, content=said.content, headers=dict(said.headers))

    assert (response.status_code, response.text) == (200, "3eZbrw1a")


async def test_twilio_is_answered_without_a_word_to_the_family(house: House) -> None:
    said = TWILIO.text(new_family(TWILIO), "thank you", new_id())

    response = await house.http.post(TWILIO.path, content=said.content, headers=dict(said.headers))

    assert (response.status_code, response.text) == (200, "<Response/>")
    assert response.headers["content-type"].startswith("text/xml")
    await house.idle()


async def test_a_channel_that_is_not_configured_has_no_address(
    tmp_path: Path, answers_file: Path, model: Path, vendor: VendorServer
) -> None:
    nothing = dict.fromkeys(("slack_signing_secret", "slack_bot_token", "telegram_token", "telegram_secret_token"), "")
    async with running(service_in(tmp_path, answers_file, model, vendor, **nothing), vendor) as house:
        for speaker in (SLACK, TELEGRAM):
            assert await house.post(speaker, speaker.text(new_family(speaker), RED_FLAG, new_id())) == 404
        assert await house.post(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), "hello", new_id())) == 200
        await house.idle()
        assert house.messaging.names == ("whatsapp", "twilio", "messenger")


# Messages that are more or less than a typed one


@every_speaker(TELL_EDITS)
async def test_a_changed_message_is_logged_and_answered_only_for_a_red_flag(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)
    await house.hears(speaker, speaker.text(family, QUESTION, "1" + new_id()))
    changed, worse = f"{QUESTION} {new_id()}", f"{RED_FLAG} {new_id()}"

    assert await house.hears(speaker, speaker.edited(family, changed, new_id())) == []
    sent = await house.hears(speaker, speaker.edited(family, worse, new_id()))

    assert [speaker.words(request) for request in sent] == [fixed(house, speaker, "emergency")]
    log = log_of(house)
    assert ("in", changed) in log
    assert ("in", worse) in log


@every_speaker()
async def test_a_picture_is_not_looked_at_and_its_caption_is(house: House, speaker: Speaker) -> None:
    family = new_family(speaker)

    plain = await house.hears(speaker, speaker.picture(family, "", new_id()))
    with_flag = await house.hears(speaker, speaker.picture(family, RED_FLAG, new_id()))

    not_text = fixed(house, speaker, "not_text")
    assert [speaker.words(request) for request in plain] == [fixed(house, speaker, "notice_messenger"), not_text]
    assert [speaker.words(request) for request in with_flag] == [fixed(house, speaker, "emergency"), not_text]
    assert all(contact in not_text for contact in CONTACTS)


async def test_a_pressed_option_of_telegram_is_told_to_have_arrived(house: House) -> None:
    await house.hears(TELEGRAM, TELEGRAM.press(new_family(TELEGRAM), "b:none:1", "Symptoms", "777"))

    assert [request.body for request in house.vendor.to("/answerCallbackQuery")] == [{"callback_query_id": "4777"}]


async def test_a_red_flag_goes_out_although_both_detectors_are_broken(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Gate, *texts: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(Gate, "_look", broken)

    sent = await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), "is it bad", new_id()))

    assert WHATSAPP.words(sent[0]) == fixed(house, WHATSAPP, "emergency")


async def test_what_a_vendor_is_sent_is_counted(house: House) -> None:
    page = (await house.http.get("/metrics")).text

    assert 'bot_webhooks_total{channel="slack",result="taken"}' in page
    assert 'bot_webhooks_total{channel="slack",result="unsigned"}' in page
    assert 'bot_deliveries_total{channel="twilio",state="sent"}' in page
