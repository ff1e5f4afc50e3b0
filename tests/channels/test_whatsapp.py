"""bot.channels.whatsapp: Meta's webhooks become messages and reports, replies become Meta's payloads."""

from datetime import timedelta
from typing import Any

import pytest
from meta_webhooks import ACCESS_TOKEN, AT, NUMBER_ID, fixture, fixtures, posted, settings_for
from vendor import VendorServer

from bot.channels.base import Contents, NotReadable, Option, Part, Received, Report
from bot.channels.whatsapp import WhatsApp
from bot.conversations.forms import EDITED, NOT_TEXT
from bot.storage.base import now

CHANNEL = WhatsApp(settings_for())
ANA, BEN = "447700900123", "16505550199"


def received(number: int, text: str, *, sender: str = ANA, after_s: int = 0, **more: Any) -> Received:
    return Received(sender, f"wamid.A{number}", AT + timedelta(seconds=after_s), text, **more)


def one(number: int, text: str, **more: Any) -> Contents:
    return Contents((received(number, text, **more),))


READ = {
    "account_error": Contents(),
    "batch": Contents(
        (
            received(1, "first", after_s=1),
            received(3, "second", sender=BEN, after_s=2),
            received(2, "third", after_s=3),
        ),
        (Report("wamid.S1", "delivered"),),
    ),
    "button_press": one(2, "Yes", option="b:r7:1"),
    "contacts": one(1, "", form=NOT_TEXT),
    "document_with_caption": one(1, "the letter", form=NOT_TEXT),
    "duplicate": Contents((received(1, "twice"), received(1, "twice"))),
    "edited": one(9, "fever of 39", form=EDITED),
    "edited_again": one(10, "fever of 40", form=EDITED),
    "edited_caption": one(11, "a rash", form=EDITED),
    "form_filled_in": one(5, "", form=NOT_TEXT),
    "image": one(1, "", form=NOT_TEXT),
    "image_with_caption": one(1, "Is this rash normal?", form=NOT_TEXT),
    "list_press": one(3, "Driving", option="b:r7:4"),
    "location": one(1, "", form=NOT_TEXT),
    "new_number": Contents(),
    "one_malformed": Contents(
        (received(3, "", form=NOT_TEXT), received(4, "", form=NOT_TEXT), received(1, "good")),
    ),
    "opened_chat": Contents(),
    "other_number": Contents(),
    "out_of_order": Contents(
        (received(1, "earlier", after_s=1), received(2, "later", after_s=9), received(3, "with it", after_s=9))
    ),
    "oversize": one(1, "fever " * 1666 + "last"),
    "reaction": Contents(),
    "revoked": Contents(),
    "statuses": Contents(
        (),
        (
            Report("wamid.S1", "delivered"),
            Report("wamid.S1", "read"),
            Report("wamid.S2", "undelivered", "131047"),
            Report("wamid.S3", "undelivered"),
            Report("wamid.S5", "undelivered"),
            Report("wamid.S6", "undelivered"),
            Report("wamid.S7", "read"),
        ),
    ),
    "sticker": one(1, "", form=NOT_TEXT),
    "template_button_press": one(4, "Stop", option="Stop"),
    "text": one(1, "How long does the infusion take?"),
    "text_in_answer": one(1, "And after that?"),
    "unicode": one(1, "Fièvre 🤒👩‍👧 حمى 发烧 e\u0301 ?"),
    "unknown_event": Contents(),
    "unknown_type": one(1, "look", form=NOT_TEXT),
    "unsupported": one(1, "", form=NOT_TEXT),
    "username_without_number": one(1, "hello", sender="GB.1029384756"),
    "voice": one(1, "", form=NOT_TEXT),
}


def test_every_fixture_is_read() -> None:
    assert fixtures("whatsapp") == sorted(READ)


@pytest.mark.parametrize("name", READ)
def test_a_webhook_becomes_messages_and_reports(name: str) -> None:
    assert CHANNEL.read(fixture("whatsapp", name)) == READ[name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"\xff\xfe\x00",
        b"[" * 100000,
        [],
        1,
        None,
        {},
        {"object": "page", "entry": []},
        {"object": "whatsapp_business_account"},
        {"object": "whatsapp_business_account", "entry": {}},
    ],
)
def test_what_has_not_metas_frame_is_not_readable(content: Any) -> None:
    with pytest.raises(NotReadable):
        CHANNEL.read(posted(content))


@pytest.mark.parametrize("timestamp", ["0", 0, -1, "soon", None, True, 1e400, 10**400, "9" * 400, "4102444800", {}])
def test_a_timestamp_that_cannot_be_right_is_now(timestamp: Any) -> None:
    message = {"from": ANA, "id": "wamid.A1", "timestamp": timestamp, "type": "text", "text": {"body": "hello"}}
    value = {"metadata": {"phone_number_id": NUMBER_ID}, "messages": [message]}
    entry = {"changes": [{"field": "messages", "value": value}]}
    before = now()

    (read,) = CHANNEL.read(posted({"object": "whatsapp_business_account", "entry": [entry]})).messages

    assert before <= read.at <= now()


OPTIONS = (Option("Yes", "", "b:r7:1"), Option("Driving", "When may I drive again?", "b:r7:2"))
FRAME = {"messaging_product": "whatsapp", "recipient_type": "individual"}
SENT = {
    "text": (ANA, Part("See https://h.example"), {"to": ANA, "type": "text"}, "text"),
    "to a username": ("GB.1029384756", Part("Hello"), {"recipient": "GB.1029384756", "type": "text"}, "text"),
    "buttons": (ANA, Part("Which?", OPTIONS, "buttons"), {"to": ANA, "type": "interactive"}, "interactive"),
    "list": (ANA, Part("Which?", OPTIONS, "list", "Choices"), {"to": ANA, "type": "interactive"}, "interactive"),
}
CONTENT = {
    "text": {"preview_url": False, "body": "See https://h.example"},
    "to a username": {"preview_url": False, "body": "Hello"},
    "buttons": {
        "type": "button",
        "body": {"text": "Which?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "b:r7:1", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "b:r7:2", "title": "Driving"}},
            ]
        },
    },
    "list": {
        "type": "list",
        "body": {"text": "Which?"},
        "action": {
            "button": "Choices",
            "sections": [
                {
                    "title": "Choices",
                    "rows": [
                        {"id": "b:r7:1", "title": "Yes"},
                        {"id": "b:r7:2", "title": "Driving", "description": "When may I drive again?"},
                    ],
                }
            ],
        },
    },
}


@pytest.mark.parametrize("name", SENT)
async def test_a_part_is_sent_as_meta_wants_it(name: str, vendor: VendorServer) -> None:
    channel = WhatsApp(settings_for(f"{vendor.url}/v21.0"))
    sender, part, around, key = SENT[name]

    sent_id = await channel.send(sender, part)

    (request,) = vendor.requests
    assert sent_id == "wamid.00000001"
    assert (request.method, request.path, request.query) == ("POST", f"/v21.0/{NUMBER_ID}/messages", {})
    assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert request.body == {**FRAME, **around, key: CONTENT[name]}
    await channel.close()


async def test_a_number_of_low_quality_is_worth_a_look(vendor: VendorServer) -> None:
    channel = WhatsApp(settings_for(f"{vendor.url}/v21.0"))
    vendor.answer(200, {"id": NUMBER_ID, "verified_name": "Ward\n4", "quality_rating": "RED"})

    low, good = await channel.check(), await channel.check()

    assert (low.works, low.found, len(low.advice)) == (True, "Ward 4", 1)
    assert (good.works, good.found, good.advice) == (True, "Ward +44 1632 960000", ())
    assert vendor.requests[0].path == f"/v21.0/{NUMBER_ID}"
    await channel.close()
