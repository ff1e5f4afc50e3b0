"""Webhooks as vendors send them, signed with the benchmark's own secrets."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

_NUMBER = "+441632960000"
_ADDRESS = "https://chat.example"
SECRETS = {
    "BOT_WHATSAPP_APP_SECRET": "whatsapp-app-secret",
    "BOT_WHATSAPP_VERIFY_TOKEN": "whatsapp-word",
    "BOT_WHATSAPP_ACCESS_TOKEN": "whatsapp-token",
    "BOT_WHATSAPP_PHONE_NUMBER_ID": "1234567",
    "BOT_TELEGRAM_TOKEN": "123:telegram-token",
    "BOT_TELEGRAM_SECRET_TOKEN": "telegram-word",
    "BOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "BOT_TWILIO_AUTH_TOKEN": "twilio-token",
    "BOT_TWILIO_FROM": _NUMBER,
    "BOT_TWILIO_PUBLIC_URL": _ADDRESS,
    "BOT_MESSENGER_APP_SECRET": "messenger-app-secret",
    "BOT_MESSENGER_VERIFY_TOKEN": "messenger-word",
    "BOT_MESSENGER_PAGE_TOKEN": "messenger-token",
    "BOT_SLACK_SIGNING_SECRET": "slack-signing-secret",
    "BOT_SLACK_BOT_TOKEN": "xoxb-slack-token",
}


@dataclass(frozen=True)
class Webhook:
    """One message of one family; `family` stands in every id by which its vendor knows it."""

    channel: str
    family: str
    body: bytes
    is_red_flag: bool

    def signed(self) -> dict[str, str]:
        """The headers by which the vendor shows that it is the vendor, made when it is sent."""
        return _SIGNED[self.channel](self.body)


def webhook(*, family: int, number: int, words: str, is_red_flag: bool = False) -> Webhook:
    """A message of a family, on the channel that is its own.

    Args:
        family: a number.
        number: of the message.
        words: what it says.
        is_red_flag: whether it names a red flag.
    """
    channel = sorted(_BODIES)[family % len(_BODIES)]
    name = f"77{family:09d}"
    return Webhook(channel, name, _BODIES[channel](name, number, words), is_red_flag)


def _whatsapp(family: str, number: int, words: str) -> bytes:
    said = {"from": family, "id": f"wamid.{number}", "timestamp": str(int(time.time())), "type": "text"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": SECRETS["BOT_WHATSAPP_PHONE_NUMBER_ID"]},
        "messages": [{**said, "text": {"body": words}}],
    }
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def _messenger(family: str, number: int, words: str) -> bytes:
    said = {"sender": {"id": family}, "recipient": {"id": "1"}, "timestamp": int(time.time() * 1000)}
    entry = {"id": "1", "time": 1, "messaging": [{**said, "message": {"mid": f"m{number}", "text": words}}]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def _telegram(family: str, number: int, words: str) -> bytes:
    chat = {"id": int(family), "type": "private"}
    said = {"message_id": number, "from": {"id": int(family), "is_bot": False}, "chat": chat}
    return json.dumps({"update_id": number, "message": {**said, "date": int(time.time()), "text": words}}).encode()


def _slack(family: str, number: int, words: str) -> bytes:
    said = {"type": "message", "channel": f"D{family}", "channel_type": "im", "user": f"U{family}", "text": words}
    event = {**said, "ts": f"{time.time():.6f}"}
    return json.dumps({"type": "event_callback", "event_id": f"Ev{number}", "team_id": "T1", "event": event}).encode()


def _twilio(family: str, number: int, words: str) -> bytes:
    said = {"MessageSid": f"SM{number:032d}", "SmsStatus": "received", "AccountSid": SECRETS["BOT_TWILIO_ACCOUNT_SID"]}
    return urlencode({**said, "From": f"+{family}", "To": _NUMBER, "Body": words, "NumMedia": "0"}).encode()


def _signed_by_meta(name: str) -> Callable[[bytes], dict[str, str]]:
    secret = SECRETS[f"BOT_{name}_APP_SECRET"].encode()

    def signed(body: bytes) -> dict[str, str]:
        return {"x-hub-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()}

    return signed


def _signed_by_telegram(_body: bytes) -> dict[str, str]:
    return {"x-telegram-bot-api-secret-token": SECRETS["BOT_TELEGRAM_SECRET_TOKEN"]}


def _signed_by_slack(body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    secret = SECRETS["BOT_SLACK_SIGNING_SECRET"].encode()
    signature = hmac.new(secret, b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={signature}", "content-type": "application/json"}


def _signed_by_twilio(body: bytes) -> dict[str, str]:
    parameters = "".join(name + value for name, value in sorted(parse_qsl(body.decode())))
    signed = f"{_ADDRESS}/channels/twilio{parameters}".encode()
    digest = hmac.new(SECRETS["BOT_TWILIO_AUTH_TOKEN"].encode(), signed, hashlib.sha1).digest()
    return {
        "x-twilio-signature": base64.b64encode(digest).decode(),
        "content-type": "application/x-www-form-urlencoded",
    }


_BODIES: dict[str, Callable[[str, int, str], bytes]] = {
    "whatsapp": _whatsapp,
    "messenger": _messenger,
    "telegram": _telegram,
    "slack": _slack,
    "twilio": _twilio,
}
_SIGNED: dict[str, Callable[[bytes], dict[str, str]]] = {
    "whatsapp": _signed_by_meta("WHATSAPP"),
    "messenger": _signed_by_meta("MESSENGER"),
    "telegram": _signed_by_telegram,
    "slack": _signed_by_slack,
    "twilio": _signed_by_twilio,
}
