"""bot.channels.meta: what WhatsApp and Messenger share, each test with both."""

from typing import Any

import pytest
from meta_webhooks import ACCESS_TOKEN, VERIFY_TOKEN, asked, both, signed
from vendor import Scripted, VendorServer

from bot.channels.base import Answer, Messenger, NotSent, NotSigned, Option, Part, Webhook
from bot.channels.messaging import posting

BODY = '{"object":"page","text":"fièvre"}'.encode()
GOOD = signed(BODY).headers["x-hub-signature-256"]
# What must show in no error, log or address.
SECRET_WORDS = ("fever of 39", "447700900123", ACCESS_TOKEN)
PART = Part(SECRET_WORDS[0], (Option("Yes", "", "b:r7:1"),), "buttons")
channels = pytest.mark.parametrize("channel", both(), ids=lambda channel: channel.name)


@channels
def test_what_meta_signed_passes(channel: Messenger) -> None:
    channel.verify(signed(BODY))


@channels
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": GOOD.removeprefix("sha256=")},
        {"x-hub-signature-256": GOOD.upper()},
        {"x-hub-signature-256": GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1")},
        {"x-hub-signature-256": signed(BODY, "other-secret").headers["x-hub-signature-256"]},
        {"x-hub-signature-256": signed(BODY + b" ").headers["x-hub-signature-256"]},
        {"x-hub-signature-256": "sha256=é\udcff"},
        {"x-hub-signature": GOOD},
    ],
)
def test_what_meta_did_not_sign_does_not_pass(channel: Messenger, headers: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        channel.verify(Webhook("POST", headers, {}, BODY))


@channels
def test_the_challenge_is_answered_to_who_knows_the_word(channel: Messenger) -> None:
    query = {"hub_mode": "subscribe", "hub_verify_token": VERIFY_TOKEN, "hub_challenge": "1158201444"}

    assert channel.challenge(asked(**query)) == Answer("1158201444", "text/plain")
    assert channel.challenge(signed(BODY)) is None


@channels
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"hub_mode": "subscribe"},
        {"hub_mode": "subscribe", "hub_verify_token": VERIFY_TOKEN + "x"},
        {"hub_mode": "subscribe", "hub_verify_token": "é\udcff"},
        {"hub_mode": "unsubscribe", "hub_verify_token": VERIFY_TOKEN},
        {"hub_verify_token": VERIFY_TOKEN},
    ],
)
def test_the_challenge_is_answered_to_nobody_else(channel: Messenger, query: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        channel.challenge(asked(**query, hub_challenge="1158201444"))


def trouble(code: object, subcode: object = None) -> dict[str, Any]:
    error = {"message": SECRET_WORDS[0], "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return {"error": {**error, "error_subcode": subcode} if subcode else error}


REFUSALS: list[tuple[int, Any, str, bool]] = [
    (400, trouble(4), "HTTP 400, code 4", True),
    (400, trouble(80007), "HTTP 400, code 80007", True),
    (400, trouble(130429), "HTTP 400, code 130429", True),
    (400, trouble(131056), "HTTP 400, code 131056", True),
    (400, trouble(613), "HTTP 400, code 613", True),
    (400, trouble(1200, 2018024), "HTTP 400, code 1200/2018024", True),
    (500, trouble(2), "HTTP 500, code 2", True),
    (401, trouble(190, 463), "HTTP 401, code 190/463", True),
    (400, trouble(190), "HTTP 400, code 190", True),
    (403, trouble(10), "HTTP 403, code 10", True),
    (403, trouble(299), "HTTP 403, code 299", True),
    (400, trouble(368), "HTTP 400, code 368", True),
    (403, trouble(131031), "HTTP 403, code 131031", True),
    (400, trouble(100, 33), "HTTP 400, code 100/33", True),
    (403, "", "HTTP 403", True),
    (429, "", "HTTP 429", True),
    (503, "<html>", "HTTP 503", True),
    (400, trouble(131047), "HTTP 400, code 131047", False),
    (500, trouble(131026), "HTTP 500, code 131026", False),
    (403, trouble(10, 2018278), "HTTP 403, code 10/2018278", False),
    (400, trouble(551, 1545041), "HTTP 400, code 551/1545041", False),
    (403, trouble(200, 2018108), "HTTP 403, code 200/2018108", False),
    (403, trouble(230), "HTTP 403, code 230", False),
    (400, trouble(100, 2018001), "HTTP 400, code 100/2018001", False),
    (400, trouble(100), "HTTP 400, code 100", False),
    (400, trouble(131009), "HTTP 400, code 131009", False),
    (400, trouble("a text"), "HTTP 400", False),
    (400, {"error": "a text"}, "HTTP 400", False),
    (400, [1], "HTTP 400", False),
    (302, "", "HTTP 302", False),
]


@pytest.mark.parametrize(("status", "body", "error", "again"), REFUSALS)
async def test_what_meta_refuses(status: int, body: Any, error: str, again: bool, vendor: VendorServer) -> None:
    for channel in both(f"{vendor.url}/v21.0"):
        vendor.answer(status, body)

        with pytest.raises(NotSent) as refused:
            await channel.send(SECRET_WORDS[1], PART)

        assert (refused.value.error, refused.value.again, refused.value.after_s) == (error, again, None)
        assert not any(secret in str(refused.value) for secret in SECRET_WORDS)
        await channel.close()


async def test_meta_says_when_to_try_again(vendor: VendorServer) -> None:
    for channel in both(vendor.url):
        vendor.answer(429, trouble(4), Retry_After="7")

        with pytest.raises(NotSent) as refused:
            await channel.send(SECRET_WORDS[1], PART)

        assert (refused.value.again, refused.value.after_s) == (True, 7)
        await channel.close()


@pytest.mark.parametrize("body", ["", "OK", "[]", "{}", '{"messages": [{"id": 1}], "message_id": {}}'])
async def test_a_success_that_cannot_be_read_is_one(body: str, vendor: VendorServer) -> None:
    for channel in both(f"{vendor.url}/v21.0"):
        vendor.answer(200, body)

        assert await channel.send(SECRET_WORDS[1], PART) == ""
        await channel.close()


async def test_a_message_has_perhaps_arrived_where_the_answer_did_not(vendor: VendorServer) -> None:
    for channel in both(vendor.url):
        vendor.script(Scripted(drops=True))

        with pytest.raises(NotSent) as dropped:
            await channel.send(SECRET_WORDS[1], PART)
        vendor.down()
        with pytest.raises(NotSent) as unreached:
            await channel.send(SECRET_WORDS[1], PART)
        vendor.up()

        assert (dropped.value.again, dropped.value.perhaps_arrived) == (True, True)
        assert (unreached.value.again, unreached.value.perhaps_arrived) == (True, False)
        await channel.close()


async def test_who_waits_too_long_may_have_been_heard(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_LIMIT_S", 0.05)
    for channel in both(vendor.url):
        vendor.script(Scripted(delay_s=60))

        with pytest.raises(NotSent) as slow:
            await channel.send(SECRET_WORDS[1], PART)

        assert (slow.value.error, slow.value.again, slow.value.perhaps_arrived) == ("ReadTimeout", True, True)
        await channel.close()


@pytest.mark.parametrize(
    ("status", "body", "names"),
    [
        (401, trouble(190), "TOKEN"),
        (401, "", "TOKEN"),
        (400, trouble(100, 33), "PHONE_NUMBER_ID TOKEN"),
        (403, trouble(10), "permission"),
        (429, trouble(4), "later"),
        (502, "<html>", "later"),
        (404, "", "API_URL"),
        (302, "", "API_URL"),
        (200, "<html>", "API_URL"),
        (200, {"id": 7}, "API_URL"),
    ],
)
async def test_a_check_names_the_remedy(status: int, body: Any, names: str, vendor: VendorServer) -> None:
    for channel in both(vendor.url):
        vendor.answer(status, body)

        found = await channel.check()

        assert not found.works
        assert any(name in found.found for name in names.split())
        assert not any(secret in found.found for secret in SECRET_WORDS)
        await channel.close()


async def test_a_check_without_a_network_tells_so(vendor: VendorServer) -> None:
    vendor.down()
    for channel in both(vendor.url):
        found = await channel.check()

        assert not found.works
        assert "ConnectError" in found.found
        assert "API_URL" in found.found
        await channel.close()


@channels
@pytest.mark.parametrize(
    ("sender", "masked"),
    [
        ("447700900123", "44•••••23"),
        ("7000000000000123", "700•••••23"),
        ("GB.1029384756", "GB•••••56"),
        ("123456", "•••••56"),
        ("123", "•••••3"),
        ("12", "•••••"),
        ("", "•••••"),
    ],
)
def test_most_of_an_id_is_masked(channel: Messenger, sender: str, masked: str) -> None:
    assert channel.masked(sender) == masked
