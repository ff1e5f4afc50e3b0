"""bot.channels.telegram: what it sends, what the answers mean, and what it says of its settings."""

import logging
import traceback
from collections.abc import Iterator

import pytest
from vendor import Scripted, VendorServer

from bot.channels.base import NotSent, Option, Part
from bot.channels.messaging.rules import load_rules
from bot.channels.plain_text import marked
from bot.channels.telegram import Telegram
from bot.logs import configure_logs
from bot.settings import load_settings

TOKEN = "123456789:AAvery-secret_part"
SECRET_TOKEN = "Word_of-our-own"
CHAT = "700000001"


def telegram_at(api_url: str = "https://api.telegram.org") -> Telegram:
    return Telegram(load_settings(telegram_token=TOKEN, telegram_secret_token=SECRET_TOKEN, telegram_api_url=api_url))


PLAIN = {"chat_id": 700000001, "text": "It <b>passes</b>.", "link_preview_options": {"is_disabled": True}}


async def sent(telegram: Telegram, part: Part) -> str | NotSent:
    """What a message is called, or why it did not go out."""
    try:
        return await telegram.send(CHAT, part)
    except NotSent as error:
        return error
    finally:
        await telegram.close()


async def test_a_message_is_sent(vendor: VendorServer) -> None:
    assert await sent(telegram_at(vendor.url), Part("It <b>passes</b>.")) == "1"
    [request] = vendor.requests

    assert request.path == f"/bot{TOKEN}/sendMessage"
    assert request.body == {**PLAIN, "parse_mode": "HTML"}


async def test_options_are_sent_one_a_row(vendor: VendorServer) -> None:
    options = (Option("Fever", "", "b:5f:1"), Option("Headache…", "Headache and more", "b:5f:2"))
    await sent(telegram_at(vendor.url), Part("It <b>passes</b>.", options, "buttons"))

    rows = [[{"text": "Fever", "callback_data": "b:5f:1"}], [{"text": "Headache…", "callback_data": "b:5f:2"}]]
    assert vendor.requests[0].body == {**PLAIN, "parse_mode": "HTML", "reply_markup": {"inline_keyboard": rows}}


BROKEN = {
    "ok": False,
    "error_code": 400,
    "description": 'Bad Request: can\'t parse entities: Unsupported start tag "b"',
}


async def test_broken_marks_are_taken_away(vendor: VendorServer) -> None:
    text = marked(
        "**Call** [the *ward*](https://a.example/?b=1&c=2) if <38 °C & rising", load_rules().limits["telegram"].marks
    )
    vendor.answer(400, BROKEN)
    found = await sent(telegram_at(vendor.url), Part(text, (Option("Fever", "", "b:5f:1"),), "buttons"))
    first, second = (request.body for request in vendor.requests)

    assert found == "1"
    assert second.pop("text") == "Call the *ward* (https://a.example/?b=1&c=2) if <38 °C & rising"
    assert (first.pop("text"), first.pop("parse_mode")) == (text, "HTML")
    assert first == second


async def test_marks_are_taken_away_once(vendor: VendorServer) -> None:
    vendor.answer(400, BROKEN, times=2)
    found = await sent(telegram_at(vendor.url), Part("<b>hello"))

    assert isinstance(found, NotSent)
    assert (found.error, found.again, len(vendor.requests)) == ("HTTP 400", False, 2)


def says(code: int, description: str, **more: object) -> dict[str, object]:
    return {"ok": False, "error_code": code, "description": description, **more}


FLOOD = says(429, "Too Many Requests: retry after 14", parameters={"retry_after": 14})
REFUSALS = [
    (403, says(403, "Forbidden: bot was blocked by the user"), "HTTP 403, code bot was blocked", False, None),
    (403, says(403, "Forbidden: user is deactivated"), "HTTP 403, code user is deactivated", False, None),
    (403, says(403, "Forbidden: something new about 700000001"), "HTTP 403", False, None),
    (403, "a proxy's page", "HTTP 403", True, None),
    (400, says(400, "Bad Request: chat not found"), "HTTP 400, code chat not found", False, None),
    (400, says(400, "Bad Request: secret words"), "HTTP 400", False, None),
    (401, says(401, "Unauthorized"), "HTTP 401", True, None),
    (404, says(404, "Not Found"), "HTTP 404", True, None),
    (429, FLOOD, "HTTP 429", True, 14.0),
    (429, says(429, "Too Many Requests", parameters={"retry_after": "soon"}), "HTTP 429", True, None),
    (429, says(429, "Too Many Requests", parameters=[]), "HTTP 429", True, None),
    (500, says(500, "Internal Server Error"), "HTTP 500", True, None),
    (503, "", "HTTP 503", True, None),
]


@pytest.mark.parametrize(("status", "body", "error", "again", "after_s"), REFUSALS)
async def test_what_a_refusal_means(
    vendor: VendorServer, status: int, body: object, error: str, again: bool, after_s: float | None
) -> None:
    vendor.answer(status, body)
    found = await sent(telegram_at(vendor.url), Part("hello"))

    assert isinstance(found, NotSent)
    assert (found.error, found.again, found.after_s, found.perhaps_arrived) == (error, again, after_s, False)
    assert len(vendor.requests) == 1


async def test_a_header_too_says_when_to_ask_again(vendor: VendorServer) -> None:
    vendor.answer(429, "", Retry_After="7")
    found = await sent(telegram_at(vendor.url), Part("hello"))

    assert isinstance(found, NotSent)
    assert found.after_s == 7


@pytest.mark.parametrize("body", ["", "no JSON", [], {"ok": True, "result": {"message_id": None}}, {"result": []}])
async def test_a_message_that_was_taken_without_an_id_is_sent(vendor: VendorServer, body: object) -> None:
    vendor.answer(200, body)
    assert await sent(telegram_at(vendor.url), Part("hello")) == ""


async def test_a_pressed_option_is_acknowledged(vendor: VendorServer) -> None:
    vendor.answer(400, says(400, "Bad Request: query is too old"))
    telegram = telegram_at(vendor.url)
    await telegram.acknowledge("4382000000000000001")
    vendor.down()
    await telegram.acknowledge("4382000000000000002")
    await telegram.close()
    [request] = vendor.requests

    assert request.path == f"/bot{TOKEN}/answerCallbackQuery"
    assert request.body == {"callback_query_id": "4382000000000000001"}


@pytest.fixture
def all_logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Everything that the service would write, with the libraries at their most talkative."""
    configure_logs("DEBUG")
    libraries = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    for logger in libraries:
        logger.setLevel(logging.DEBUG)
    yield capsys
    for logger in libraries:
        logger.setLevel(logging.NOTSET)
    configure_logs("ERROR")


async def test_nothing_shows_the_token(vendor: VendorServer, all_logged: pytest.CaptureFixture[str]) -> None:
    vendor.script(Scripted(to="sendMessage", drops=True))
    vendor.answer(401, says(401, "Unauthorized"))
    taken = await sent(telegram_at(vendor.url), Part("hello"))
    refused = await sent(telegram_at(vendor.url), Part("hello"))
    vendor.down()
    down = await sent(telegram_at(vendor.url), Part("hello"))
    telegram = telegram_at(vendor.url)
    check = await telegram.check()
    await telegram.close()
    errors = [error for error in (taken, refused, down) if isinstance(error, NotSent)]

    assert [(error.error, error.again, error.perhaps_arrived) for error in errors] == [
        ("RemoteProtocolError", True, True),
        ("HTTP 401", True, False),
        ("ConnectError", True, False),
    ]
    shown = [*("".join(traceback.format_exception(error)) for error in errors), repr(telegram), check.found]
    written = all_logged.readouterr()
    assert "httpcore" in written.err  # so what httpx says of the addresses would be there too
    assert not any(TOKEN.partition(":")[2] in text for text in (*shown, written.out, written.err))


def tells(**fields: object) -> dict[str, object]:
    url = "https://chat.hospital.example/channels/telegram"
    return {"ok": True, "result": {"url": url, "has_custom_certificate": False, "pending_update_count": 0, **fields}}


FAILED = "the last delivery that failed, 2023-11-14 22:13 UTC: "
OTHER_SECRET = "setWebhook's secret_token may be another than BOT_TELEGRAM_SECRET_TOKEN"
CHECKS = [
    ("getWebhookInfo", 200, tells(), True, "bot @ward_bot", ()),
    (
        "getWebhookInfo",
        200,
        tells(last_error_date=1700000000, last_error_message="Wrong response from the webhook: 403 Forbidden"),
        True,
        "bot @ward_bot",
        (f"{FAILED}Wrong response from the webhook: 403 Forbidden", OTHER_SECRET),
    ),
    (
        "getWebhookInfo",
        200,
        tells(last_error_date=1700000000, last_error_message="Timed out\nfor 700000001"),
        True,
        "bot @ward_bot",
        (f"{FAILED}Timed out for …",),
    ),
    (
        "getWebhookInfo",
        200,
        tells(allowed_updates=["message"]),
        True,
        "bot @ward_bot",
        ("setWebhook's allowed_updates lacks edited_message, callback_query",),
    ),
    *(
        (
            "getWebhookInfo",
            200,
            body,
            False,
            "no webhook of @ward_bot leads to /channels/telegram: tell Telegram its address with setWebhook",
            (),
        )
        for body in (tells(url=""), tells(url="https://other.example/hook"), "no JSON")
    ),
    ("getMe", 401, says(401, "Unauthorized"), False, "Telegram refuses BOT_TELEGRAM_TOKEN", ()),
    ("getMe", 404, says(404, "Not Found"), False, "Telegram refuses BOT_TELEGRAM_TOKEN", ()),
    ("getWebhookInfo", 502, "", False, "Telegram answers HTTP 502; try again later", ()),
]


@pytest.mark.parametrize(("method", "status", "body", "works", "found", "advice"), CHECKS)
async def test_the_bot_is_checked(
    vendor: VendorServer, method: str, status: int, body: object, works: bool, found: str, advice: tuple[str, ...]
) -> None:
    vendor.script(Scripted(to=method, status=status, body=body))
    telegram = telegram_at(vendor.url)
    check = await telegram.check()
    await telegram.close()

    assert (check.works, check.found, check.advice) == (works, found, advice)


async def test_a_check_says_that_telegram_is_not_reached(vendor: VendorServer) -> None:
    vendor.down()
    telegram = telegram_at(vendor.url)
    check = await telegram.check()
    await telegram.close()

    assert (check.works, check.found) == (False, "Telegram cannot be reached at BOT_TELEGRAM_API_URL: ConnectError")
