"""bot.channels.slack: what Slack signed, what is posted to it, what its answers mean."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Any

import pytest
import pytest_asyncio
from vendor import Scripted, VendorServer

from bot.channels.base import Answer, NotReadable, NotSent, NotSigned, Option, Part, Webhook
from bot.channels.masking import masked_id
from bot.channels.messaging import posting
from bot.channels.signatures import hex_hmac_sha256
from bot.channels.slack import Slack
from bot.settings import load_settings

SECRET, TOKEN = "8f742231b10e8888abcd99yyyzzz85a5", "xoxb-17653672481-19874698323"
CHANNEL = "D07AB12CD34"
SECONDS = 1760000000
BODY = b'{"type":"event_callback","event":{}}'
PART = Part("Call *now* &amp; stay")


def slack_at(url: str) -> Slack:
    settings = load_settings(slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_api_url=url)
    return Slack(settings, clock=lambda: datetime.fromtimestamp(SECONDS, timezone.utc))


SLACK = slack_at("https://slack.example/api")


@pytest_asyncio.fixture
async def slack(vendor: VendorServer) -> AsyncIterator[Slack]:
    messenger = slack_at(vendor.url)
    yield messenger
    await messenger.close()


def posted(body: bytes, **headers: str) -> Webhook:
    return Webhook("POST", {name.replace("_", "-"): value for name, value in headers.items()}, {}, body)


def signature(at: object = SECONDS, *, secret: str = SECRET, body: bytes = BODY) -> str:
    return "v0=" + hex_hmac_sha256(secret, f"v0:{at}:".encode() + body)


@pytest.mark.parametrize("at", [SECONDS, SECONDS - 300, SECONDS + 300])
def test_what_slack_signed_passes(at: int) -> None:
    SLACK.verify(posted(BODY, x_slack_request_timestamp=str(at), x_slack_signature=signature(at)))


def test_bytes_that_are_no_text_are_signed_as_they_are() -> None:
    body = b"\xff\x00"
    SLACK.verify(posted(body, x_slack_request_timestamp=str(SECONDS), x_slack_signature=signature(SECONDS, body=body)))


@pytest.mark.parametrize(
    ("at", "given"),
    [
        pytest.param(str(SECONDS), "", id="no signature"),
        pytest.param("", signature(""), id="no timestamp"),
        pytest.param(str(SECONDS), signature(secret=SECRET[:-1] + "6"), id="another secret"),
        pytest.param(str(SECONDS), signature(body=BODY + b" "), id="another body"),
        pytest.param(str(SECONDS + 1), signature(), id="another timestamp"),
        pytest.param(str(SECONDS), signature().upper(), id="in upper case"),
        pytest.param(str(SECONDS), signature()[3:], id="without the version"),
        pytest.param(str(SECONDS), "v0=ünïcödé\ud800", id="no ASCII"),
        pytest.param(str(SECONDS - 301), signature(SECONDS - 301), id="too old"),
        pytest.param(str(SECONDS + 301), signature(SECONDS + 301), id="too far ahead"),
        pytest.param("1e9", signature("1e9"), id="no whole number"),
        pytest.param("-1", signature("-1"), id="a negative one"),
        pytest.param("١٧", signature("١٧"), id="digits of another script"),
        pytest.param("9" * 5000, signature("9" * 5000), id="a huge one"),
    ],
)
def test_what_slack_did_not_sign_is_refused(at: str, given: str) -> None:
    headers = {"x_slack_request_timestamp": at, "x_slack_signature": given}
    with pytest.raises(NotSigned):
        SLACK.verify(posted(BODY, **{name: value for name, value in headers.items() if value}))


@pytest.mark.parametrize(
    ("method", "body", "answer"),
    [
        ("POST", {"type": "url_verification", "challenge": "3eZbrw1aBm2r"}, Answer("3eZbrw1aBm2r")),
        ("POST", {"type": "url_verification", "challenge": 7}, None),
        ("POST", {"type": "event_callback", "challenge": "3eZbrw1aBm2r"}, None),
        ("GET", {"type": "url_verification", "challenge": "3eZbrw1aBm2r"}, None),
    ],
)
def test_the_challenge_is_answered_where_it_is_posted(method: str, body: Any, answer: Answer | None) -> None:
    assert SLACK.challenge(Webhook(method, {}, {}, json.dumps(body).encode())) == answer


def test_a_challenge_that_is_no_json_is_not_readable() -> None:
    with pytest.raises(NotReadable):
        SLACK.challenge(posted(b"{"))


async def test_a_text_is_posted(slack: Slack, vendor: VendorServer) -> None:
    sent_id = await slack.send(CHANNEL, PART)
    (request,) = vendor.requests

    assert sent_id == "1700000000.000001"
    assert (request.method, request.path) == ("POST", "/chat.postMessage")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.body == {"channel": CHANNEL, "text": PART.text, "unfurl_links": False, "unfurl_media": False}


async def test_options_are_posted_as_buttons_under_the_text(slack: Slack, vendor: VendorServer) -> None:
    options = (Option("When to call", "", "b:41:1"), Option("Fever & co", "", "b:41:2"))
    await slack.send(CHANNEL, Part("Which *one*?", options, "buttons"))
    body = vendor.requests[0].body
    section, actions = body["blocks"]

    assert body["text"] == "Which *one*?"
    assert section == {"type": "section", "text": {"type": "mrkdwn", "text": "Which *one*?"}}
    assert actions["type"] == "actions"
    assert [(button["type"], button["text"], button["value"]) for button in actions["elements"]] == [
        ("button", {"type": "plain_text", "text": "When to call"}, "b:41:1"),
        ("button", {"type": "plain_text", "text": "Fever & co"}, "b:41:2"),
    ]
    assert len({button["action_id"] for button in actions["elements"]}) == 2


async def test_a_text_that_its_marks_made_too_long_for_a_block_takes_two(slack: Slack, vendor: VendorServer) -> None:
    text = "this &amp; that " * 250
    await slack.send(CHANNEL, Part(text, (Option("One", "", "b:41:1"),), "buttons"))
    *sections, _ = vendor.requests[0].body["blocks"]

    assert " ".join(section["text"]["text"] for section in sections) == text.strip()
    assert all(len(section["text"]["text"]) <= 3000 for section in sections)


@pytest.mark.parametrize(
    ("status", "body", "error", "again", "perhaps"),
    [
        (200, {"ok": False, "error": "ratelimited"}, "HTTP 200, code ratelimited", True, False),
        (429, {"ok": False, "error": "ratelimited"}, "HTTP 429, code ratelimited", True, False),
        (429, "", "HTTP 429", True, False),
        (200, {"ok": False, "error": "channel_not_found"}, "HTTP 200, code channel_not_found", False, False),
        (200, {"ok": False, "error": "is_archived"}, "HTTP 200, code is_archived", False, False),
        (200, {"ok": False, "error": "user_not_found"}, "HTTP 200, code user_not_found", False, False),
        (200, {"ok": False, "error": "invalid_blocks"}, "HTTP 200, code invalid_blocks", False, False),
        (200, {"ok": False, "error": "invalid_auth"}, "HTTP 200, code invalid_auth", True, False),
        (200, {"ok": False, "error": "token_revoked"}, "HTTP 200, code token_revoked", True, False),
        (200, {"ok": False, "error": "account_inactive"}, "HTTP 200, code account_inactive", True, False),
        (200, {"ok": False, "error": "missing_scope"}, "HTTP 200, code missing_scope", True, False),
        (200, {"ok": False, "error": "messages_tab_disabled"}, "HTTP 200, code messages_tab_disabled", True, False),
        (200, {"ok": False, "error": "internal_error"}, "HTTP 200, code internal_error", True, True),
        (200, {"ok": False, "error": "Call *now*"}, "HTTP 200", False, False),
        (200, {"ok": False}, "HTTP 200", False, False),
        (401, "", "HTTP 401", True, False),
        (403, "<html>", "HTTP 403", True, False),
        (400, {"ok": False, "error": "invalid_arguments"}, "HTTP 400, code invalid_arguments", False, False),
        (503, {"ok": False, "error": "service_unavailable"}, "HTTP 503, code service_unavailable", True, False),
        (500, "", "HTTP 500", True, False),
        (502, "", "HTTP 502", True, True),
    ],
)
async def test_a_refusal_says_whether_to_try_again(
    slack: Slack, vendor: VendorServer, status: int, body: Any, error: str, again: bool, perhaps: bool
) -> None:
    vendor.answer(status, body)
    with pytest.raises(NotSent) as raised:
        await slack.send(CHANNEL, PART)

    refused = raised.value
    assert (refused.error, refused.again, refused.perhaps_arrived) == (error, again, perhaps)
    assert refused.after_s is None


async def test_slack_says_when_to_try_again(slack: Slack, vendor: VendorServer) -> None:
    vendor.answer(429, {"ok": False, "error": "ratelimited"}, Retry_After="30")
    with pytest.raises(NotSent) as raised:
        await slack.send(CHANNEL, PART)

    assert raised.value.after_s == 30


@pytest.mark.parametrize("body", ["", "ok", [], {}, {"ok": True}, {"ok": True, "ts": 7}])
async def test_success_without_an_id_is_success(slack: Slack, vendor: VendorServer, body: Any) -> None:
    vendor.answer(200, body)

    assert await slack.send(CHANNEL, PART) == ""


async def test_a_connection_that_breaks_may_have_delivered(slack: Slack, vendor: VendorServer) -> None:
    vendor.script(Scripted(drops=True))
    with pytest.raises(NotSent) as raised:
        await slack.send(CHANNEL, PART)

    assert (raised.value.again, raised.value.perhaps_arrived) == (True, True)


async def test_an_answer_that_takes_too_long_may_have_delivered(
    vendor: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "ANSWER_LIMIT_S", 0.05)
    impatient = slack_at(vendor.url)
    vendor.script(Scripted(delay_s=30))
    with pytest.raises(NotSent) as raised:
        await impatient.send(CHANNEL, PART)
    await impatient.close()

    assert (raised.value.error, raised.value.again, raised.value.perhaps_arrived) == ("ReadTimeout", True, True)


async def test_what_never_connected_has_not_arrived(slack: Slack, vendor: VendorServer) -> None:
    vendor.down()
    with pytest.raises(NotSent) as raised:
        await slack.send(CHANNEL, PART)

    assert (raised.value.again, raised.value.perhaps_arrived) == (True, False)
    assert TOKEN not in repr(raised.value)


async def test_the_check_says_who_we_are(slack: Slack, vendor: VendorServer) -> None:
    found = await slack.check()

    assert (found.works, found.found, found.advice) == (True, "is faq in the workspace Ward", ())
    assert vendor.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, {"ok": False, "error": "invalid_auth"}, ("BOT_SLACK_BOT_TOKEN", "invalid_auth")),
        (200, {"ok": False, "error": "token_revoked"}, ("BOT_SLACK_BOT_TOKEN", "token_revoked")),
        (403, "", ("BOT_SLACK_BOT_TOKEN", "403")),
        (404, "not here", ("BOT_SLACK_API_URL", "404")),
        (200, "welcome", ("BOT_SLACK_API_URL", "200")),
        (200, {"ok": False, "error": "ratelimited"}, ("ratelimited",)),
    ],
)
async def test_the_check_names_the_setting_to_mend(
    slack: Slack, vendor: VendorServer, status: int, body: Any, words: tuple[str, ...]
) -> None:
    vendor.answer(status, body)
    found = await slack.check()

    assert not found.works
    assert all(word in found.found for word in words)
    assert TOKEN not in found.found


async def test_the_check_names_what_the_token_may_not_do(slack: Slack, vendor: VendorServer) -> None:
    body = {"ok": True, "team": "Ward\n7", "user": "faq"}
    vendor.answer(200, body, X_OAuth_Scopes="chat:write,users:read")
    found = await slack.check()

    assert (found.works, found.found) == (True, "is faq in the workspace Ward 7")
    assert len(found.advice) == 1
    assert "im:history" in found.advice[0]


async def test_the_check_of_a_vendor_that_is_down(slack: Slack, vendor: VendorServer) -> None:
    vendor.down()
    found = await slack.check()

    assert not found.works
    assert "BOT_SLACK_API_URL" in found.found


def test_a_sender_is_masked() -> None:
    assert SLACK.masked(CHANNEL) == masked_id(CHANNEL)
    assert CHANNEL not in SLACK.masked(CHANNEL)
