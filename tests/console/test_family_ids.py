"""What navigators see of the id that a messenger knows a family by, and where they see nothing of it."""

from pathlib import Path

import pytest
from log_entries import add_conversation, add_message
from project import settings_in
from sqlalchemy import select

from bot.channels.messaging.identities import Identities
from bot.console.addresses import UNREADABLE
from bot.conversations.export import Choice
from bot.conversations.export_formats import export
from bot.conversations.models import Conversation
from bot.staff.audit import Actor
from bot.staff.models import AuditEvent
from console.conftest import SECRET
from console.house import House

KEY, OLD_KEY = "i" * 32, "o" * 32
NUMBER, CHAT = "447700900123", "700123456"
WHATSAPP = {
    "whatsapp_app_secret": "s",
    "whatsapp_verify_token": "v",
    "whatsapp_access_token": "t",
    "whatsapp_phone_number_id": "1",
}
TWILIO = {
    "twilio_account_sid": "AC1",
    "twilio_auth_token": "t",
    "twilio_from": "whatsapp:+441632960000",
    "twilio_public_url": "https://chat.hospital.example",
}
TELEGRAM = {"telegram_token": "1:t", "telegram_secret_token": "s"}
SLACK = {"slack_signing_secret": "s", "slack_bot_token": "xoxb-1"}
MESSENGER = {"messenger_app_secret": "s", "messenger_verify_token": "v", "messenger_page_token": "t"}


def house_with(house: House, folder: Path, **settings: str) -> House:
    """The same house with other settings."""
    return House(house.service, house.sessions, settings_in(folder, secret_key=SECRET, **settings))


def write(house: House, channel: str, sender: str | None, key: str = KEY) -> None:
    with house.sessions() as session:
        address = Identities([key]).encrypted(sender) if sender else None
        add_message(session, add_conversation(session, "family", channel=channel, address=address))
        session.commit()


@pytest.mark.parametrize(
    ("settings", "channel", "sender", "key", "shown"),
    [
        ({"identity_key": KEY, **WHATSAPP}, "whatsapp", NUMBER, KEY, "WhatsApp · 44•••••23"),
        ({"identity_key": f"{KEY},{OLD_KEY}", **WHATSAPP}, "whatsapp", NUMBER, OLD_KEY, "WhatsApp · 44•••••23"),
        (
            {"identity_key": KEY, **TWILIO},
            *("twilio", "whatsapp:+447700900123", KEY, "SMS or WhatsApp by Twilio · +4•••••23"),
        ),
        ({"identity_key": KEY, **TELEGRAM}, "telegram", CHAT, KEY, "Telegram · 7•••••56"),
        ({"identity_key": KEY, **MESSENGER}, "messenger", "24681012141618", KEY, "Messenger · 24•••••18"),
        ({"identity_key": KEY, **SLACK}, "slack", "U0123ABCDEF", KEY, "Slack · U"),
        # The channel is switched off.
        ({"identity_key": KEY}, "whatsapp", NUMBER, KEY, "WhatsApp · 44•••••23"),
        # The key is lost, or has never been there.
        ({"identity_key": KEY, **WHATSAPP}, "whatsapp", NUMBER, OLD_KEY, f"WhatsApp · {UNREADABLE}"),
        ({}, "whatsapp", NUMBER, KEY, f"WhatsApp · {UNREADABLE}"),
        # Nobody has an id there.
        ({"identity_key": KEY, **WHATSAPP}, "widget", None, KEY, "Website</span>"),
    ],
)
async def test_a_conversations_page_shows_a_part_of_the_id(
    house: House, tmp_path: Path, settings: dict[str, str], channel: str, sender: str | None, key: str, shown: str
) -> None:
    write(house, channel, sender, key)
    async with house_with(house, tmp_path, **settings).signed_in("nina") as http:
        page = (await http.get("/console/conversations/family")).text

    assert f'<span class="soft">{shown}' in page
    for whole in (sender, (sender or "").partition(":+")[2]):
        assert not whole or whole not in page


async def test_the_id_is_nowhere_else(
    each_house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    house = house_with(each_house, tmp_path, identity_key=KEY, **WHATSAPP)
    write(house, "whatsapp", NUMBER)
    with house.sessions() as session:
        address = session.scalars(select(Conversation.address)).one()
    async with house.signed_in("nina") as http:
        pages = [
            (await http.get(f"/console{path}")).text
            for path in ("/", "/?channel=whatsapp&review=all", "/alerts", "/conversations/family")
        ]
        found = (await http.post("/console/search", data={"words": NUMBER})).text
    exports = [
        "".join(export(house.sessions, Actor("anna", "admin"), form, Choice(masked=masked)))
        for form in ("csv", "jsonl", "nlu")
        for masked in (True, False)
    ]
    with house.sessions() as session:
        columns = AuditEvent.action, AuditEvent.subject, AuditEvent.detail
        audited = [str(row) for row in session.execute(select(*columns))]

    assert found.count(NUMBER) == 1  # what was searched for, in its field
    told = [*pages, *exports, *audited, caplog.text, *capfd.readouterr()]
    assert [text for text in told if NUMBER in text or address in text] == []
    assert [page for page in pages[:3] if "•" in page] == []
