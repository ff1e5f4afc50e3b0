"""What each vendor of messengers says to the service, signed, and what it is told: one speaker for each channel."""

import json
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1, sha256
from hmac import HMAC
from typing import Any
from urllib.parse import urlencode

from vendor import Request

SECRET = "a-secret-of-the-vendor"
WORD = "a-word-of-ours"
TOKEN = "a-token-to-send-with"
NUMBER_ID, ACCOUNT = "105550000000001", "AC00000000000000000000000000000001"
OUR_SMS, OUR_WHATSAPP = "+441632960000", "whatsapp:+441632960000"
PUBLIC = "https://chat.hospital.example"


@dataclass(frozen=True)
class Post:
    """A webhook, ready to be posted."""

    content: bytes
    headers: Mapping[str, str]


def channel_settings(url: str) -> dict[str, str]:
    """Settings of all five channels, with the vendors at an address."""
    return {
        "identity_key": "k" * 32,
        "whatsapp_app_secret": SECRET,
        "whatsapp_verify_token": WORD,
        "whatsapp_access_token": TOKEN,
        "whatsapp_phone_number_id": NUMBER_ID,
        "whatsapp_api_url": f"{url}/v21.0",
        "telegram_token": f"123456:{TOKEN}",
        "telegram_secret_token": WORD,
        "telegram_api_url": url,
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": SECRET,
        "twilio_from": f"{OUR_WHATSAPP},{OUR_SMS}",
        "twilio_public_url": PUBLIC,
        "twilio_api_url": url,
        "messenger_app_secret": SECRET,
        "messenger_verify_token": WORD,
        "messenger_page_token": TOKEN,
        "messenger_api_url": f"{url}/v21.0",
        "slack_signing_secret": SECRET,
        "slack_bot_token": f"xoxb-{TOKEN}",
        "slack_api_url": f"{url}/api",
    }


class Speaker(ABC):
    """A vendor. Messages have ids that a test chooses, so that they can be delivered again.

    Some have more: what they say of `edited` messages, and what they `report` of replies.
    """

    name: str
    send_path: str  # of the requests by which it is told to send
    first_family: int

    @property
    def path(self) -> str:
        return f"/channels/{self.name}"

    def family(self, number: int) -> str:
        """The vendor's id of a family."""
        return str(self.first_family + number)

    @abstractmethod
    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        """A typed message."""

    @abstractmethod
    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        """A pressed option."""

    @abstractmethod
    def picture(self, family: str, caption: str, message_id: str) -> Post:
        """A picture with its caption."""

    @abstractmethod
    def recipient(self, request: Request) -> str:
        """The family that a request sends to."""

    @abstractmethod
    def words(self, request: Request) -> str:
        """The text that a request sends."""

    def options(self, request: Request) -> dict[str, str]:
        """Titles and tokens of the options that a request shows."""
        return {}


class _Meta(Speaker):
    def signed(self, content: bytes) -> Post:
        digest = HMAC(SECRET.encode(), content, sha256).hexdigest()
        return Post(content, {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"})


class _WhatsApp(_Meta):
    name, send_path, first_family = "whatsapp", f"/{NUMBER_ID}/messages", 447700900000

    def batch(self, messages: Sequence[Mapping[str, Any]], key: str = "messages") -> Post:
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER_ID}, key: list(messages)}
        change = {"field": "messages", "value": value}
        body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
        return self.signed(json.dumps(body).encode())

    def message(self, family: str, message_id: str, kind: str, at: float | None = None, **content: Any) -> Any:
        seconds = str(int(time.time() if at is None else at))
        return {"from": family, "id": f"wamid.{message_id}", "timestamp": seconds, "type": kind, **content}

    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        return self.batch([self.message(family, message_id, "text", at, text={"body": words})])

    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        pressed = {"type": "list_reply", "list_reply": {"id": token, "title": title}}
        return self.batch([self.message(family, message_id, "interactive", interactive=pressed)])

    def edited(self, family: str, words: str, message_id: str) -> Post:
        edit = {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": words}}}
        return self.batch([self.message(family, message_id, "edit", edit=edit)])

    def picture(self, family: str, caption: str, message_id: str) -> Post:
        return self.batch([self.message(family, message_id, "image", image={"id": "1", "caption": caption})])

    def report(self, sent_id: str, state: str) -> Post:
        errors = [{"code": 131026}] if state == "failed" else []
        return self.batch([{"id": sent_id, "status": state, "errors": errors}], "statuses")

    def recipient(self, request: Request) -> str:
        return str(request.body["to"])

    def words(self, request: Request) -> str:
        shown = request.body.get("interactive")
        return str(shown["body"]["text"] if shown else request.body["text"]["body"])

    def options(self, request: Request) -> dict[str, str]:
        action = request.body.get("interactive", {}).get("action", {})
        rows = [button["reply"] for button in action.get("buttons", ())]
        rows += [row for section in action.get("sections", ()) for row in section["rows"]]
        return {row.get("description") or row["title"]: row["id"] for row in rows}


class _Messenger(_Meta):
    name, send_path, first_family = "messenger", "/me/messages", 7000000000000000

    def event(self, family: str, at: float | None = None, **content: Any) -> Post:
        milliseconds = int((time.time() if at is None else at) * 1000)
        event = {"sender": {"id": family}, "recipient": {"id": "1"}, "timestamp": milliseconds, **content}
        return self.signed(json.dumps({"object": "page", "entry": [{"id": "1", "messaging": [event]}]}).encode())

    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        return self.event(family, at, message={"mid": f"m_{message_id}", "text": words})

    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        return self.event(family, message={"mid": f"m_{message_id}", "text": title, "quick_reply": {"payload": token}})

    def edited(self, family: str, words: str, message_id: str) -> Post:
        return self.event(family, message_edit={"mid": f"m_{message_id}", "text": words, "num_edit": 1})

    def picture(self, family: str, caption: str, message_id: str) -> Post:
        attachment = {"type": "image", "payload": {"url": "https://cdn.example/1.jpg"}}
        return self.event(family, message={"mid": f"m_{message_id}", "text": caption, "attachments": [attachment]})

    def report(self, sent_id: str, state: str) -> Post:
        return self.event(self.family(0), **{"read" if state == "read" else "delivery": {"mids": [sent_id]}})

    def recipient(self, request: Request) -> str:
        return str(request.body["recipient"]["id"])

    def words(self, request: Request) -> str:
        return str(request.body["message"]["text"])

    def options(self, request: Request) -> dict[str, str]:
        return {reply["title"]: reply["payload"] for reply in request.body["message"].get("quick_replies", ())}


class _Telegram(Speaker):
    name, send_path, first_family = "telegram", "/sendMessage", 700000000

    def signed(self, content: bytes) -> Post:
        return Post(content, {"content-type": "application/json", "x-telegram-bot-api-secret-token": WORD})

    def update(self, message_id: str, **content: Any) -> Post:
        number = int(sha256(message_id.encode()).hexdigest()[:8], 16)
        return self.signed(json.dumps({"update_id": number, **content}).encode())

    def message(self, family: str, **content: Any) -> Any:
        return {"message_id": 1, "chat": {"id": int(family), "type": "private"}, "date": int(time.time()), **content}

    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        return self.update(message_id, message=self.message(family, text=words))

    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        keyboard = {"inline_keyboard": [[{"text": title, "callback_data": token}]]}
        press = {"id": f"4{message_id}", "data": token, "message": self.message(family, reply_markup=keyboard)}
        return self.update(message_id, callback_query=press)

    def edited(self, family: str, words: str, message_id: str) -> Post:
        return self.update(message_id, edited_message=self.message(family, text=words, edit_date=int(time.time())))

    def picture(self, family: str, caption: str, message_id: str) -> Post:
        return self.update(message_id, message=self.message(family, photo=[{"file_id": "1"}], caption=caption))

    def recipient(self, request: Request) -> str:
        return str(request.body["chat_id"])

    def words(self, request: Request) -> str:
        return str(request.body["text"])

    def options(self, request: Request) -> dict[str, str]:
        rows = request.body.get("reply_markup", {}).get("inline_keyboard", ())
        return {button["text"]: button["callback_data"] for row in rows for button in row}


class _Twilio(Speaker):
    name, send_path, first_family = "twilio", "/Messages.json", 447700900000

    def family(self, number: int) -> str:
        return f"+{self.first_family + number}"

    def form(self, **fields: str) -> Post:
        whole = f"{PUBLIC}{self.path}" + "".join(name + fields[name] for name in sorted(fields))
        signature = b64encode(HMAC(SECRET.encode(), whole.encode(), sha1).digest()).decode()
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
        return Post(urlencode(fields).encode(), headers)

    def message(self, family: str, words: str, message_id: str, **fields: str) -> Post:
        sid = "SM" + sha256(message_id.encode()).hexdigest()[:32]
        both = {"From": family, "To": OUR_SMS, "MessageSid": sid, "AccountSid": ACCOUNT, "SmsStatus": "received"}
        return self.form(**{**both, "Body": words, "NumMedia": "0", **fields})

    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        return self.message(family, words, message_id)

    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        return self.message(family, title, message_id, ButtonPayload=token, ButtonText=title)

    def picture(self, family: str, caption: str, message_id: str) -> Post:
        return self.message(family, caption, message_id, NumMedia="1", MediaUrl0="https://api.twilio.com/m/ME1")

    def report(self, sent_id: str, state: str) -> Post:
        error = {"ErrorCode": "30003"} if state == "failed" else {}
        return self.form(MessageSid=sent_id, AccountSid=ACCOUNT, MessageStatus=state, **error)

    def recipient(self, request: Request) -> str:
        return str(request.body["To"])

    def words(self, request: Request) -> str:
        return str(request.body["Body"])


class _Slack(Speaker):
    name, send_path, first_family = "slack", "/chat.postMessage", 1000

    def family(self, number: int) -> str:
        return f"D07FAM{self.first_family + number}"

    def signed(self, content: bytes, kind: str = "application/json") -> Post:
        stamp = str(int(time.time()))
        digest = HMAC(SECRET.encode(), f"v0:{stamp}:".encode() + content, sha256).hexdigest()
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}
        return Post(content, {"content-type": kind, **headers})

    def event(self, family: str, message_id: str, **content: Any) -> Post:
        event = {"type": "message", "channel": family, "channel_type": "im", "ts": f"{time.time():.6f}", **content}
        body = {"type": "event_callback", "event_id": f"Ev{message_id}", "event": event}
        return self.signed(json.dumps(body).encode())

    def text(self, family: str, words: str, message_id: str, *, at: float | None = None) -> Post:
        return self.event(family, message_id, user="U07FAMILY01", text=words)

    def press(self, family: str, token: str, title: str, message_id: str) -> Post:
        action = {"action_id": token, "value": token, "text": {"text": title}, "action_ts": f"{time.time():.6f}"}
        body = {"type": "block_actions", "trigger_id": message_id, "channel": {"id": family}, "actions": [action]}
        return self.signed(urlencode({"payload": json.dumps(body)}).encode(), "application/x-www-form-urlencoded")

    def edited(self, family: str, words: str, message_id: str) -> Post:
        edited = {"type": "message", "user": "U07FAMILY01", "text": words, "edited": {"ts": f"{time.time():.6f}"}}
        before = {"type": "message", "user": "U07FAMILY01", "text": "before"}
        return self.event(family, message_id, subtype="message_changed", message=edited, previous_message=before)

    def picture(self, family: str, caption: str, message_id: str) -> Post:
        picture = {"subtype": "file_share", "files": [{"id": "F1"}]}
        return self.event(family, message_id, user="U07FAMILY01", text=caption, **picture)

    def recipient(self, request: Request) -> str:
        return str(request.body["channel"])

    def words(self, request: Request) -> str:
        return str(request.body["text"])

    def options(self, request: Request) -> dict[str, str]:
        blocks = request.body.get("blocks", ())
        buttons = [button for block in blocks for button in block.get("elements", ())]
        return {button["text"]["text"]: button["value"] for button in buttons}


WHATSAPP, TELEGRAM, TWILIO, MESSENGER, SLACK = _WhatsApp(), _Telegram(), _Twilio(), _Messenger(), _Slack()
SPEAKERS: tuple[Speaker, ...] = (WHATSAPP, TELEGRAM, TWILIO, MESSENGER, SLACK)
SHOW_OPTIONS: tuple[Speaker, ...] = (WHATSAPP, TELEGRAM, MESSENGER, SLACK)  # the others number them in the text
TELL_EDITS: tuple[Speaker, ...] = (WHATSAPP, TELEGRAM, MESSENGER, SLACK)
REPORT: tuple[Speaker, ...] = (WHATSAPP, TWILIO, MESSENGER)
