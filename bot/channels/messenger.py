"""Facebook Messenger, by Meta's Messenger Platform."""

from datetime import datetime

from bot.channels import meta
from bot.channels.base import Answer, Check, Contents, Json, Messenger, Part, Received, Report, Webhook
from bot.channels.masking import masked_id
from bot.channels.messaging.posting import Vendor
from bot.channels.signatures import check_meta_signature
from bot.channels.vendor_json import child, children, moment, number, text, word
from bot.conversations.forms import EDITED, NOT_TEXT, TEXT
from bot.settings import Settings


class FacebookMessenger(Messenger):
    """Facebook Messenger: whoever writes to the hospital's page.

    Source: Meta, Messenger Platform: webhook events (messages, messaging_postbacks, message_edits,
    message_deliveries, message_reads), quick replies, Send API.
    """

    name = "messenger"

    def __init__(self, settings: Settings) -> None:
        self._app_secret = settings.messenger_app_secret
        self._verify_token = settings.messenger_verify_token
        # In a header and not in the address, as Meta's examples have it: addresses get into logs.
        token = {"Authorization": f"Bearer {settings.messenger_page_token}"}
        self._vendor = Vendor(settings.messenger_api_url, headers=token)

    def verify(self, webhook: Webhook) -> None:
        """Check Meta's signature; see `Messenger.verify`."""
        check_meta_signature(webhook, self._app_secret)

    def challenge(self, webhook: Webhook) -> Answer | None:
        """Answer Meta's challenge; see `Messenger.challenge`."""
        return meta.challenge(webhook, self._verify_token)

    def read(self, webhook: Webhook) -> Contents:
        """What was written to the page, and what became of our messages; see `Messenger.read`."""
        events = [event for entry in meta.entries(webhook, "page") for event in children(entry, "messaging")]
        messages = (_message(event) for event in events)
        return Contents(
            tuple(sorted((message for message in messages if message), key=lambda message: message.at)),
            tuple(report for event in events for report in _reports(event)),
        )

    async def send(self, sender: str, part: Part) -> str:
        """Send one message; see `Messenger.send`."""
        payload = {"recipient": {"id": sender}, "messaging_type": "RESPONSE", "message": _content(part)}
        answer = await meta.send(self._vendor, "me/messages", payload)
        return word(answer.get("message_id"))

    async def check(self) -> Check:
        """Ask Meta about the page; see `Messenger.check`."""
        found = await meta.ask(
            self._vendor,
            "me",
            "id,name",
            address="BOT_MESSENGER_API_URL",
            credential="BOT_MESSENGER_PAGE_TOKEN",
            unknown="Meta knows no page for the token in BOT_MESSENGER_PAGE_TOKEN",
        )
        if isinstance(found, str):
            return Check(works=False, found=found)
        return Check(True, " ".join(text(found.get("name")).split()) or "Meta knows the page")

    def masked(self, sender: str) -> str:
        """The id of a person at the page, most of it hidden; see `Messenger.masked`."""
        return masked_id(sender)

    async def close(self) -> None:
        """Close the connections."""
        await self._vendor.close()


def _message(event: Json) -> Received | None:
    """A message; None for another event, and for what cannot be answered."""
    sender, at = word(child(event, "sender").get("id")), moment(event.get("timestamp"))
    if not sender:
        return None
    if message := child(event, "message"):
        return _written(message, sender, at)
    if postback := child(event, "postback"):
        return _pressed(postback, sender, at)
    if edit := child(event, "message_edit"):
        return _edited(edit, event, sender, at)
    return None


def _written(message: Json, sender: str, at: datetime) -> Received | None:
    message_id = word(message.get("mid"))
    # An echo is what the page itself wrote: we, or a person at the hospital.
    if not message_id or message.get("is_echo") or message.get("is_deleted"):
        return None
    written, option = text(message.get("text")), text(child(message, "quick_reply").get("payload"))
    is_text = (written or option) and not _has_attachments(message)
    return Received(sender, message_id, at, written, TEXT if is_text else NOT_TEXT, option)


def _has_attachments(message: Json) -> bool:
    """Whether there is more to a message than its text; the preview of a link in it is no more."""
    return any(attachment.get("type") != "fallback" for attachment in children(message, "attachments"))


def _pressed(postback: Json, sender: str, at: datetime) -> Received | None:
    message_id = word(postback.get("mid"))
    if not message_id:
        return None
    option, title = text(postback.get("payload")), text(postback.get("title"))
    return Received(sender, message_id, at, title, TEXT if option or title else NOT_TEXT, option)


def _edited(edit: Json, event: Json, sender: str, at: datetime) -> Received | None:
    message_id = word(edit.get("mid"))
    # All versions have the id of the first one.
    version = number(edit.get("num_edit")) or number(event.get("timestamp"))
    if not message_id or version is None:
        return None
    return Received(sender, f"{message_id}:edit:{version}", at, text(edit.get("text")), EDITED)


def _reports(event: Json) -> list[Report]:
    """Receipts that name the messages; a mere watermark tells no single one."""
    states = (("delivery", "delivered"), ("read", "read"))
    named = [(state, child(event, key).get("mids")) for key, state in states]
    return [
        Report(word(sent_id), state)
        for state, sent_ids in named
        if isinstance(sent_ids, list)
        for sent_id in sent_ids
        if word(sent_id)
    ]


def _content(part: Part) -> Json:
    if not part.options:
        return {"text": part.text}
    replies = [{"content_type": "text", "title": option.title, "payload": option.token} for option in part.options]
    return {"text": part.text, "quick_replies": replies}
