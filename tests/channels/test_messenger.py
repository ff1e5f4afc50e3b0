"""bot.channels.messenger: Meta's webhooks become messages and reports, replies become Meta's payloads."""

from datetime import timedelta
from typing import Any

import pytest
from meta_webhooks import ACCESS_TOKEN, AT, fixture, fixtures, posted, settings_for
from vendor import VendorServer

from bot.channels.base import Contents, NotReadable, Option, Part, Received, Report
from bot.channels.messenger import FacebookMessenger
from bot.conversations.forms import EDITED, NOT_TEXT

CHANNEL = FacebookMessenger(settings_for())
ANA, BEN = "7000000000000123", "7000000000000456"


def received(message_id: str, text: str, *, sender: str = ANA, after_s: int = 0, **more: Any) -> Received:
    return Received(sender, message_id, AT + timedelta(seconds=after_s), text, **more)


def one(message_id: str, text: str, **more: Any) -> Contents:
    return Contents((received(message_id, text, **more),))


READ = {
    "batch": Contents(
        (
            received("m_A1", "first", after_s=1),
            received("m_A3", "second", sender=BEN, after_s=2),
            received("m_A2", "third", after_s=3),
        ),
        (Report("m_S1", "delivered"),),
    ),
    "button_press": one("m_A2", "Yes", option="b:r7:1"),
    "duplicate": Contents((received("m_A1", "twice"), received("m_A1", "twice"))),
    "echo": Contents(),
    "edited": one("m_A1:edit:1", "fever of 39", form=EDITED),
    "edited_again": one("m_A1:edit:2", "fever of 40", form=EDITED, after_s=5),
    "edited_uncounted": one("m_A1:edit:1760000000000", "fever of 41", form=EDITED),
    "image": one("m_A1", "", form=NOT_TEXT),
    "image_with_caption": one("m_A1", "Is this rash normal?", form=NOT_TEXT),
    "link_with_preview": one("m_A1", "see https://h.example"),
    "location": one("m_A1", "", form=NOT_TEXT),
    "one_malformed": Contents(
        (
            received("m_A4", "", form=NOT_TEXT),
            received("m_A5", "a list of nothing"),
            received("m_A1", "good"),
        )
    ),
    "out_of_order": Contents(
        (
            received("m_A1", "earlier", after_s=1),
            received("m_A2", "later", after_s=9),
            received("m_A3", "with it", after_s=9),
        )
    ),
    "oversize": one("m_A1", "fever " * 1666 + "last"),
    "postback": one("m_A3", "Get started", option="b:r7:2"),
    "postback_in_strings": one("m_A3", "Get started"),
    "reaction": Contents(),
    "receipts": Contents((), (Report("m_S1", "delivered"), Report("m_S2", "delivered"), Report("m_S1", "read"))),
    "shared_link": one("m_A1", "", form=NOT_TEXT),
    "sticker": one("m_A1", "", form=NOT_TEXT),
    "text": one("m_A1", "How long does the infusion take?"),
    "text_in_answer": one("m_A1", "And after that?"),
    "unicode": one("m_A1", "Fièvre 🤒👩‍👧 حمى 发烧 e\u0301 ?"),
    "unknown_event": Contents(),
    "unknown_type": one("m_A1", "look", form=NOT_TEXT),
    "unsent": Contents(),
    "unsupported": one("m_A1", "", form=NOT_TEXT),
    "voice": one("m_A1", "", form=NOT_TEXT),
}


def test_every_fixture_is_read() -> None:
    assert fixtures("messenger") == sorted(READ)


@pytest.mark.parametrize("name", READ)
def test_a_webhook_becomes_messages_and_reports(name: str) -> None:
    assert CHANNEL.read(fixture("messenger", name)) == READ[name]


@pytest.mark.parametrize("about", ["instagram", "whatsapp_business_account", None, ["page"]])
def test_a_webhook_of_another_product_is_not_readable(about: object) -> None:
    with pytest.raises(NotReadable):
        CHANNEL.read(posted({"object": about, "entry": []}))


OPTIONS = (Option("Yes", "", "b:r7:1"), Option("Driving", "", "b:r7:2"))
SENT = [
    (Part("See https://h.example"), {"text": "See https://h.example"}),
    (
        Part("Which?", OPTIONS, "buttons"),
        {
            "text": "Which?",
            "quick_replies": [
                {"content_type": "text", "title": "Yes", "payload": "b:r7:1"},
                {"content_type": "text", "title": "Driving", "payload": "b:r7:2"},
            ],
        },
    ),
]


@pytest.mark.parametrize(("part", "message"), SENT)
async def test_a_part_is_sent_as_meta_wants_it(part: Part, message: dict[str, Any], vendor: VendorServer) -> None:
    channel = FacebookMessenger(settings_for(f"{vendor.url}/v21.0"))

    sent_id = await channel.send(ANA, part)

    (request,) = vendor.requests
    assert sent_id == "m_00000001"
    assert (request.method, request.path, request.query) == ("POST", "/v21.0/me/messages", {})
    assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert request.body == {"recipient": {"id": ANA}, "messaging_type": "RESPONSE", "message": message}
    await channel.close()


async def test_a_check_tells_the_page(vendor: VendorServer) -> None:
    channel = FacebookMessenger(settings_for(f"{vendor.url}/v21.0"))

    found = await channel.check()

    assert (found.works, found.found, found.advice) == (True, "Ward", ())
    assert (vendor.requests[0].path, vendor.requests[0].query) == ("/v21.0/me", {"fields": "id,name"})
    await channel.close()
