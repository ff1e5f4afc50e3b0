"""WhatsApp, by Meta's Cloud API."""

from bot.channels import meta
from bot.channels.base import Answer, Check, Contents, Json, Messenger, Option, Part, Received, Report, Webhook
from bot.channels.masking import masked_id
from bot.channels.messaging.posting import Vendor
from bot.channels.signatures import check_meta_signature
from bot.channels.vendor_json import child, children, moment, number, text, word
from bot.conversations.forms import EDITED, NOT_TEXT, TEXT
from bot.settings import Settings

# What Meta tells as messages although nobody wrote one: a thumb under ours, one taken back, a new phone number, an
# opened chat.
_EVENTS = frozenset({"reaction", "revoke", "system", "request_welcome"})
_STATES = {"delivered": "delivered", "read": "read", "failed": "undelivered"}


class WhatsApp(Messenger):
    """WhatsApp, by Meta's Cloud API.

    Source: Meta, Cloud API: webhooks reference (messages, status, edit), messages (text, interactive reply buttons,
    interactive list), business-scoped user ids.
    """

    name = "whatsapp"

    def __init__(self, settings: Settings) -> None:
        self._app_secret = settings.whatsapp_app_secret
        self._verify_token = settings.whatsapp_verify_token
        self._phone_number_id = settings.whatsapp_phone_number_id
        token = {"Authorization": f"Bearer {settings.whatsapp_access_token}"}
        self._vendor = Vendor(settings.whatsapp_api_url, headers=token)

    def verify(self, webhook: Webhook) -> None:
        """Check Meta's signature; see `Messenger.verify`."""
        check_meta_signature(webhook, self._app_secret)

    def challenge(self, webhook: Webhook) -> Answer | None:
        """Answer Meta's challenge; see `Messenger.challenge`."""
        return meta.challenge(webhook, self._verify_token)

    def read(self, webhook: Webhook) -> Contents:
        """What was written to our number, and what became of our messages; see `Messenger.read`."""
        entries = meta.entries(webhook, "whatsapp_business_account")
        changes = [change for entry in entries for change in children(entry, "changes")]
        values = [child(change, "value") for change in changes if change.get("field") == "messages"]
        # One account, and so one webhook, can have several numbers.
        ours = [value for value in values if child(value, "metadata").get("phone_number_id") == self._phone_number_id]
        messages = [_message(item) for value in ours for item in children(value, "messages")]
        reports = [_report(item) for value in ours for item in children(value, "statuses")]
        return Contents(
            tuple(sorted((message for message in messages if message), key=lambda message: message.at)),
            tuple(report for report in reports if report),
        )

    async def send(self, sender: str, part: Part) -> str:
        """Send one message; see `Messenger.send`."""
        payload = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_address(sender),
            **_content(part),
        }
        answer = await meta.send(self._vendor, f"{self._phone_number_id}/messages", payload)
        return next((word(message.get("id")) for message in children(answer, "messages")), "")

    async def check(self) -> Check:
        """Ask Meta about our number; see `Messenger.check`."""
        found = await meta.ask(
            self._vendor,
            self._phone_number_id,
            "id,display_phone_number,verified_name,quality_rating",
            address="BOT_WHATSAPP_API_URL",
            credential="BOT_WHATSAPP_ACCESS_TOKEN",
            unknown="Meta knows no number for this token with the id in BOT_WHATSAPP_PHONE_NUMBER_ID",
        )
        if isinstance(found, str):
            return Check(works=False, found=found)
        named = [text(found.get(field)) for field in ("verified_name", "display_phone_number")]
        red = found.get("quality_rating") == "RED"
        advice = ("Meta rates the number's quality as low, and may limit it: look at WhatsApp Manager",) if red else ()
        return Check(True, " ".join(" ".join(named).split()) or "Meta knows the number", advice)

    def masked(self, sender: str) -> str:
        """A phone number, most of it hidden; see `Messenger.masked`."""
        return masked_id(sender)

    async def close(self) -> None:
        """Close the connections."""
        await self._vendor.close()


def _message(item: Json) -> Received | None:
    """A message; None for an event, and for what cannot be answered."""
    # Whoever has a WhatsApp username need not show a phone number; then Meta gives an id of its own.
    sender = word(item.get("from")) or word(item.get("from_user_id"))
    message_id = word(item.get("id"))
    kind = text(item.get("type"))
    if not sender or not message_id or kind in _EVENTS:
        return None
    at = moment(item.get("timestamp"))
    if kind == "edit":
        # The event has an id of its own, so every version has another.
        return Received(sender, message_id, at, _written(child(child(item, "edit"), "message")), EDITED)
    option, title = _pressed(item, kind)
    if option or title:
        return Received(sender, message_id, at, title, TEXT, option)
    written = _written(item)
    return Received(sender, message_id, at, written, TEXT if kind == "text" and written else NOT_TEXT)


def _written(item: Json) -> str:
    """What a message says: its text, or its caption."""
    kind = text(item.get("type"))
    return text(child(item, kind).get("body" if kind == "text" else "caption"))


def _pressed(item: Json, kind: str) -> tuple[str, str]:
    """The token and the title of the option that was pressed; empty where none was."""
    if kind == "button":  # under a template, which the hospital may have sent by other means
        button = child(item, "button")
        return text(button.get("payload")), text(button.get("text"))
    if kind == "interactive":
        interactive = child(item, "interactive")
        reply = child(interactive, "button_reply") or child(interactive, "list_reply")
        return text(reply.get("id")), text(reply.get("title"))
    return "", ""


def _report(item: Json) -> Report | None:
    """What became of a message; None where that is nothing new."""
    sent_id, state = word(item.get("id")), _STATES.get(text(item.get("status")), "")
    if not sent_id or not state:
        return None
    code = next((number(error.get("code")) for error in children(item, "errors")), None)
    return Report(sent_id, state, "" if code is None or state != "undelivered" else str(code))


def _address(sender: str) -> Json:
    # Meta takes what is not a number for one, answers with success and sends nothing.
    return {"to": sender} if sender.isdecimal() else {"recipient": sender}


def _content(part: Part) -> Json:
    if not part.options:
        return {"type": "text", "text": {"preview_url": False, "body": part.text}}
    action = _list(part) if part.shown_as == "list" else _buttons(part)
    return {"type": "interactive", "interactive": {**action, "body": {"text": part.text}}}


def _buttons(part: Part) -> Json:
    replies = [{"type": "reply", "reply": {"id": option.token, "title": option.title}} for option in part.options]
    return {"type": "button", "action": {"buttons": replies}}


def _list(part: Part) -> Json:
    section = {"title": part.label, "rows": [_row(option) for option in part.options]}
    return {"type": "list", "action": {"button": part.label, "sections": [section]}}


def _row(option: Option) -> Json:
    row = {"id": option.token, "title": option.title}
    return {**row, "description": option.description} if option.description else row
