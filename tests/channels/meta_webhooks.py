"""Webhooks as Meta sends them, for the tests of its two channels."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bot.channels.base import Messenger, Webhook
from bot.channels.messenger import FacebookMessenger
from bot.channels.signatures import hex_hmac_sha256
from bot.channels.whatsapp import WhatsApp
from bot.settings import Settings, load_settings

FIXTURES = Path(__file__).parent / "fixtures"
APP_SECRET, VERIFY_TOKEN, ACCESS_TOKEN = "app-secret", "word-of-ours", "access-token"
NUMBER_ID = "105550000000001"
AT = datetime.fromtimestamp(1_760_000_000, timezone.utc)


def settings_for(url: str = "https://graph.example/v21.0") -> Settings:
    """Settings of both channels, with Meta at an address."""
    return load_settings(
        whatsapp_app_secret=APP_SECRET,
        whatsapp_verify_token=VERIFY_TOKEN,
        whatsapp_access_token=ACCESS_TOKEN,
        whatsapp_phone_number_id=NUMBER_ID,
        whatsapp_api_url=url,
        messenger_app_secret=APP_SECRET,
        messenger_verify_token=VERIFY_TOKEN,
        messenger_page_token=ACCESS_TOKEN,
        messenger_api_url=url,
    )


def both(url: str = "https://graph.example/v21.0") -> list[Messenger]:
    """Meta's two channels."""
    return [WhatsApp(settings_for(url)), FacebookMessenger(settings_for(url))]


def fixture(channel: str, name: str) -> Webhook:
    """A webhook from a file."""
    return posted((FIXTURES / channel / f"{name}.json").read_bytes())


def fixtures(channel: str) -> list[str]:
    """The names of a channel's files."""
    return sorted(file.stem for file in (FIXTURES / channel).glob("*.json"))


def posted(content: Any, **headers: str) -> Webhook:
    """A POST with bytes, or with anything else as JSON."""
    return Webhook("POST", headers, {}, content if isinstance(content, bytes) else json.dumps(content).encode())


def signed(body: bytes, secret: str = APP_SECRET) -> Webhook:
    """A POST that Meta signed."""
    return Webhook("POST", {"x-hub-signature-256": f"sha256={hex_hmac_sha256(secret, body)}"}, {}, body)


def asked(**query: str) -> Webhook:
    """A GET; of the parameters' names `_` stands for the first dot."""
    return Webhook("GET", {}, {name.replace("_", ".", 1): value for name, value in query.items()}, b"")
