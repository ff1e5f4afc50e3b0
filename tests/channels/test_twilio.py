"""bot.channels.twilio: Twilio's signatures, what its forms say, and messages sent through it."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator
from vendor import Scripted, VendorServer

from bot.channels.base import Answer, Contents, NotReadable, NotSent, NotSigned, Part, Received, Report, Webhook
from bot.channels.twilio import Twilio
from bot.conversations.forms import FORMS, NOT_TEXT, TEXT
from bot.settings import load_settings
from bot.storage.base import now

FIXTURES = Path(__file__).parent / "fixtures" / "twilio"
TOKEN = "t" * 32
ACCOUNT = "AC00000000000000000000000000000001"
WHATSAPP = "whatsapp:+8613900000001>whatsapp:+441632960000"
SMS = "+447700900123>+441632960000"
SENT = "SM00000000000000000000000000000009"
PUBLIC = "https://chat.hospital.example"
ADDRESS = f"{PUBLIC}/channels/twilio"


def twilio_at(api_url: str = "https://api.twilio.com", **overrides: Any) -> Twilio:
    values = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_from": "whatsapp:+441632960000,+441632960000",
        "twilio_public_url": PUBLIC,
        "twilio_api_url": api_url,
    }
    return Twilio(load_settings(**{**values, **overrides}))


TWILIO = twilio_at()


def webhook(body: bytes, query_string: str = "", **headers: str) -> Webhook:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Webhook("POST", names, dict(parse_qsl(query_string)), body, query_string)


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.txt").read_bytes()


def signed(body: bytes, query_string: str = "", *, address: str = ADDRESS, token: str = TOKEN) -> Webhook:
    """A form as Twilio signs it: its own library is the judge."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    whole = f"{address}?{query_string}" if query_string else address
    signature = RequestValidator(token).compute_signature(whole, MultiDict(pairs))
    return webhook(body, query_string, x_twilio_signature=signature)


def refused(given: Webhook, twilio: Twilio = TWILIO) -> bool:
    try:
        twilio.verify(given)
    except NotSigned:
        return True
    return False


TEXT_BODY = fixture("whatsapp_text")


@pytest.mark.parametrize("name", sorted(file.stem for file in FIXTURES.glob("*.txt") if file.stem != "not_utf8"))
def test_what_twilio_signs_is_let_in(name: str) -> None:
    assert not refused(signed(fixture(name)))


@pytest.mark.parametrize(
    "let_in",
    [
        pytest.param(signed(TEXT_BODY, "ward=4"), id="with a query"),
        pytest.param(signed(TEXT_BODY, "ward=4%20a&empty=&ward=5"), id="whose query must stay as it came"),
        pytest.param(signed(b"a=2&a=1&b=&a=2"), id="with repeated parameters"),
        pytest.param(signed(b""), id="without parameters"),
        pytest.param(signed(b"Body=%2B%26%3D&A+b=c"), id="with escaped signs"),
        pytest.param(signed(TEXT_BODY, address="https://chat.hospital.example:443/channels/twilio"), id="with a port"),
    ],
)
def test_a_form_is_let_in(let_in: Webhook) -> None:
    assert not refused(let_in)


def test_a_public_address_with_a_port_is_signed_with_or_without_it() -> None:
    twilio = twilio_at(twilio_public_url="https://chat.hospital.example:8443")

    for host in ("chat.hospital.example:8443", "chat.hospital.example"):
        assert not refused(signed(TEXT_BODY, address=f"https://{host}/channels/twilio"), twilio)
    assert refused(signed(TEXT_BODY, address="https://chat.hospital.example:443/channels/twilio"), twilio)


@pytest.mark.parametrize(
    "kept_out",
    [
        pytest.param(webhook(TEXT_BODY), id="no header"),
        pytest.param(webhook(TEXT_BODY, x_twilio_signature=""), id="empty"),
        pytest.param(webhook(TEXT_BODY, x_twilio_signature="sha1=é\udcff☃"), id="beyond ASCII"),
        pytest.param(signed(TEXT_BODY, token="o" * 32), id="another token"),
        pytest.param(signed(TEXT_BODY, address="https://other.example/channels/twilio"), id="another address"),
        pytest.param(
            Webhook("POST", signed(TEXT_BODY).headers, {}, TEXT_BODY.replace(b"fever", b"rash")), id="another body"
        ),
        pytest.param(Webhook("POST", signed(TEXT_BODY).headers, {}, TEXT_BODY, "a=b"), id="a query put behind"),
        pytest.param(Webhook("POST", signed(TEXT_BODY, "a=b").headers, {}, TEXT_BODY), id="its query taken away"),
        pytest.param(
            Webhook(
                "POST",
                {"x-twilio-signature": signed(TEXT_BODY).headers["x-twilio-signature"].swapcase()},
                {},
                TEXT_BODY,
            ),
            id="in another case",
        ),
    ],
)
def test_all_else_is_kept_out(kept_out: Webhook) -> None:
    assert refused(kept_out)


JSON_BODY = b'{"MessageSid": "SM1"}'
JSON_QUERY = f"bodySHA256={sha256(JSON_BODY).hexdigest()}"


def signed_json(body: bytes, query_string: str) -> Webhook:
    signature = RequestValidator(TOKEN).compute_signature(f"{ADDRESS}?{query_string}", {})
    return webhook(body, query_string, x_twilio_signature=signature)


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        pytest.param(signed_json(JSON_BODY, JSON_QUERY), False, id="its digest in the address"),
        pytest.param(signed_json(JSON_BODY, f"ward=4&{JSON_QUERY}"), False, id="behind another parameter"),
        pytest.param(signed_json(JSON_BODY + b" ", JSON_QUERY), True, id="another body"),
        pytest.param(signed_json(JSON_BODY, "bodySHA256=é"), True, id="no digest"),
        pytest.param(webhook(JSON_BODY, JSON_QUERY), True, id="no signature"),
        pytest.param(signed_json(JSON_BODY, "ward=4"), True, id="without its digest"),
    ],
)
def test_a_body_that_is_no_form(given: Webhook, is_refused: bool) -> None:
    assert refused(given) is is_refused


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=50), st.text(max_size=40))
def test_nothing_that_is_not_signed_gets_in(body: bytes, query: bytes, signature: str) -> None:
    assert refused(webhook(body, query.decode("latin-1"), x_twilio_signature=signature))


def message(
    text: str, form: str = TEXT, *, option: str = "", sender: str = WHATSAPP, sid: str = "SM" + "1".zfill(32)
) -> list[tuple[str, ...]]:
    return [(sender, sid, text, form, option)]


def sms(text: str, form: str = TEXT) -> list[tuple[str, ...]]:
    return message(text, form, sender=SMS, sid="SM" + "2".zfill(32))


MESSAGES = {
    "whatsapp_text": message("How long does the fever last?"),
    "sms_text": sms("Can he eat grapefruit & yoghurt?"),
    "sms_start": sms("START"),
    "without_status": sms("hello"),
    "button": message("Fever above 38 °C", option="b:5f:1"),
    "button_without_title": message("Fever", option="b:5f:1"),
    "list": message("Headache", option="b:5f:4"),
    "picture": message("", NOT_TEXT),
    "picture_with_caption": message("Is this rash normal?", NOT_TEXT),
    "mms": sms("look", NOT_TEXT),
    "voice": message("", NOT_TEXT),
    "sticker": message("", NOT_TEXT),
    "contacts": message("", NOT_TEXT),
    "location": message("", NOT_TEXT),
    "location_with_words": message("we are here", NOT_TEXT),
    "unknown_type": message("hello", NOT_TEXT),
    "empty": sms("", NOT_TEXT),
    "unicode": message("\U0001f468\u200d\U0001f469\u200d\U0001f467 حمى 发烧 cafe\u0301"),
    "oversize": message("word " * 2000),
    "nul": message("fever"),
    "not_utf8": message("a\ufffdb \ufffd\ufffd\ufffd"),
}
REPORTS = {
    "delivered": Report(SENT, "delivered"),
    "read": Report(SENT, "read"),
    "undelivered": Report(SENT, "undelivered", "63016"),
    "odd_error_code": Report(SENT, "undelivered"),
    "failed_sms": Report(SENT, "undelivered", "30003"),
}
NOTHING = (
    *("sent", "sent_to_ourselves", "reaction", "unknown_event", "without_sender", "bad_sid"),
    *("other_account", "report_of_other_account", "other_number"),
)


def test_every_fixture_is_used() -> None:
    assert {file.stem for file in FIXTURES.glob("*.txt")} == {*MESSAGES, *REPORTS, *NOTHING, "without_id"}


@pytest.mark.parametrize(("name", "expected"), MESSAGES.items())
def test_messages_are_read(name: str, expected: list[tuple[str, ...]]) -> None:
    before = now()
    contents = TWILIO.read(webhook(fixture(name)))

    read = [(found.sender, found.message_id, found.text, found.form, found.option) for found in contents.messages]
    assert (read, contents.reports) == (expected, ())
    assert all(before <= found.at <= now() for found in contents.messages)


@pytest.mark.parametrize(("name", "expected"), REPORTS.items())
def test_reports_are_read(name: str, expected: Report) -> None:
    assert TWILIO.read(webhook(fixture(name))) == Contents(reports=(expected,))


@pytest.mark.parametrize("name", NOTHING)
def test_what_means_nothing_to_us_is_left_out(name: str) -> None:
    assert TWILIO.read(webhook(fixture(name))) == Contents()


@pytest.mark.parametrize("body", [fixture("without_id"), b"", b'{"MessageSid": "SM1"}', b"\xff\x00&&=;"])
def test_what_is_no_message_is_not_readable(body: bytes) -> None:
    with pytest.raises(NotReadable):
        TWILIO.read(webhook(body))


NAMES = sorted({name for file in FIXTURES.glob("*.txt") for name, _ in parse_qsl(file.read_text())})
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from((ACCOUNT, SENT, "received", "read", "whatsapp:+441632960000", "+447700900123", "9" * 5000)),
)


def is_valid(found: Received) -> bool:
    words = (found.sender, found.message_id, found.text, found.option)
    usable = bool(found.sender and found.message_id) and found.at <= now() and found.form in FORMS
    return usable and all(word == word.encode().decode() and "\0" not in word for word in words)


@settings(deadline=None)
@given(st.sampled_from(sorted(MESSAGES)), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), st.binary())
def test_whatever_comes_is_read_or_refused(name: str, changed: Mapping[str, str], behind: bytes) -> None:
    form = {**dict(parse_qsl(fixture(name).decode(), keep_blank_values=True, errors="replace")), **changed}
    for body in (urlencode(form).encode(), urlencode(form).encode() + behind, behind):
        with suppress(NotReadable):
            assert all(is_valid(found) for found in TWILIO.read(webhook(body)).messages)


@pytest.mark.parametrize("sender", [WHATSAPP, SMS])
async def test_a_message_is_sent_from_the_number_that_was_written_to(vendor: VendorServer, sender: str) -> None:
    twilio = twilio_at(vendor.url)
    sent_id = await twilio.send(sender, Part("It lasts *three days* & more.\n1. Fever"))
    await twilio.close()
    [request] = vendor.requests

    theirs, ours = sender.split(">")
    assert sent_id == f"SM{1:032x}"
    assert request.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert request.headers["authorization"] == f"Basic {b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}"
    assert request.body == {
        "From": ours,
        "To": theirs,
        "Body": "It lasts *three days* & more.\n1. Fever",
        "StatusCallback": ADDRESS,
    }


REFUSALS = [
    (400, {"code": 21610, "message": "unsubscribed +447700900123"}, "HTTP 400, code 21610", False),
    (400, {"code": 21211}, "HTTP 400, code 21211", False),
    (403, {"code": 21610}, "HTTP 403, code 21610", False),
    (400, {"code": 63016}, "HTTP 400, code 63016", False),
    (400, {"code": 21617}, "HTTP 400, code 21617", False),
    (400, {"code": 21606}, "HTTP 400, code 21606", True),
    (400, {"code": 63007}, "HTTP 400, code 63007", True),
    (400, {"code": 21611}, "HTTP 400, code 21611", True),
    (429, {"code": 20429}, "HTTP 429, code 20429", True),
    (401, {"code": 20003}, "HTTP 401, code 20003", True),
    (403, {}, "HTTP 403", True),
    (404, {"code": 20404}, "HTTP 404, code 20404", True),
    (400, {"code": "secret words"}, "HTTP 400", False),
    (400, ["no object"], "HTTP 400", False),
    (400, "no JSON", "HTTP 400", False),
    (500, "", "HTTP 500", True),
]


@pytest.mark.parametrize(("status", "body", "error", "again"), REFUSALS)
async def test_what_a_refusal_means(vendor: VendorServer, status: int, body: object, error: str, again: bool) -> None:
    vendor.answer(status, body)
    twilio = twilio_at(vendor.url)
    with pytest.raises(NotSent) as refusal:
        await twilio.send(SMS, Part("hello"))
    await twilio.close()

    found = refusal.value
    assert (found.error, found.again, found.after_s, found.perhaps_arrived) == (error, again, None, False)


async def test_twilio_says_when_to_ask_again(vendor: VendorServer) -> None:
    vendor.answer(429, {"code": 20429}, Retry_After="7")
    twilio = twilio_at(vendor.url)
    with pytest.raises(NotSent) as refusal:
        await twilio.send(SMS, Part("hello"))
    await twilio.close()

    assert refusal.value.after_s == 7


@pytest.mark.parametrize("body", ["", "no JSON", [], {"sid": None}])
async def test_a_message_that_was_taken_without_an_id_is_sent(vendor: VendorServer, body: object) -> None:
    vendor.answer(201, body)
    twilio = twilio_at(vendor.url)
    assert await twilio.send(SMS, Part("hello")) == ""
    await twilio.close()


async def test_without_an_answer_a_message_has_perhaps_arrived(vendor: VendorServer) -> None:
    vendor.script(Scripted(drops=True))
    twilio = twilio_at(vendor.url)
    with pytest.raises(NotSent) as dropped:
        await twilio.send(SMS, Part("hello"))
    vendor.down()
    with pytest.raises(NotSent) as down:
        await twilio.send(SMS, Part("hello"))
    await twilio.close()

    assert (dropped.value.again, dropped.value.perhaps_arrived) == (True, True)
    assert (down.value.again, down.value.perhaps_arrived) == (True, False)


CHECKS = [
    (200, {"friendly_name": "Ward", "status": "active"}, True, "account Ward, 2 number(s)"),
    (200, {"status": "suspended"}, False, "the account of BOT_TWILIO_ACCOUNT_SID is not active but suspended"),
    (200, "no JSON", False, "the account of BOT_TWILIO_ACCOUNT_SID is not active but unknown"),
    (401, {"code": 20003}, False, "Twilio refuses BOT_TWILIO_ACCOUNT_SID with BOT_TWILIO_AUTH_TOKEN"),
    (503, "", False, "Twilio answers HTTP 503; try again later"),
]


@pytest.mark.parametrize(("status", "body", "works", "found"), CHECKS)
async def test_the_account_is_checked(vendor: VendorServer, status: int, body: object, works: bool, found: str) -> None:
    vendor.answer(status, body)
    twilio = twilio_at(vendor.url)
    check = await twilio.check()
    await twilio.close()

    assert (check.works, check.found, check.advice) == (works, found, ())
    assert vendor.requests[0].path == f"/2010-04-01/Accounts/{ACCOUNT}.json"


async def test_a_check_says_that_twilio_is_not_reached(vendor: VendorServer) -> None:
    vendor.down()
    twilio = twilio_at(vendor.url)
    check = await twilio.check()
    await twilio.close()

    assert (check.works, check.found) == (False, "Twilio cannot be reached at BOT_TWILIO_API_URL: ConnectError")


async def test_a_public_address_without_encryption_is_advised_against(vendor: VendorServer) -> None:
    twilio = twilio_at(vendor.url, twilio_public_url="http://127.0.0.1:8000")
    check = await twilio.check()
    await twilio.close()

    assert (check.works, check.advice) == (True, ("BOT_TWILIO_PUBLIC_URL should begin with https:",))


def test_a_webhook_is_answered_with_nothing_to_say() -> None:
    assert TWILIO.answer == Answer("<Response/>", "text/xml")
    assert TWILIO.challenge(webhook(b"")) is None


@pytest.mark.parametrize(
    ("sender", "marks", "masked"),
    [
        (WHATSAPP, "twilio_whatsapp", "+8•••••01"),
        (SMS, "twilio_sms", "+4•••••23"),
        ("12345>+44", "twilio_sms", "•••••5"),
    ],
)
def test_whose_rules_hold_and_what_is_seen_of_a_number(sender: str, marks: str, masked: str) -> None:
    assert (TWILIO.marks(sender), TWILIO.masked(sender)) == (marks, masked)
