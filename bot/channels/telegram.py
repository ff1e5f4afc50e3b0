"""Telegram.

Source: Telegram, "Bot API": Update, Message, CallbackQuery, setWebhook, getWebhookInfo, sendMessage,
answerCallbackQuery, ResponseParameters.
"""

import html
import re
from contextlib import suppress

import httpx

from bot.channels.base import Answer, Check, Contents, Json, Messenger, NotReadable, NotSent, Part, Received, Webhook
from bot.channels.masking import masked_id
from bot.channels.messaging.posting import Vendor, json_of, refusal
from bot.channels.signatures import check_same
from bot.channels.telegram_updates import message_of, press_of
from bot.channels.vendor_json import child, json_object, moment, number, text
from bot.settings import Settings

_PATH = "/channels/telegram"
_NEEDED_UPDATES = ("message", "edited_message", "callback_query")
_TOKEN_REFUSED = (401, 404)
# What Telegram's description of a refusal may say; the rest of it can quote the message.
_REASONS = ("bot was blocked", "user is deactivated", "can't initiate conversation", "chat not found")
_MARKS_REFUSED = "can't parse entities"
_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>')
_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"\d{5,}")


class Telegram(Messenger):
    """A bot of Telegram's, in private chats. A sender is the id of the chat."""

    name = "telegram"

    def __init__(self, settings: Settings) -> None:
        self._secret_token = settings.telegram_secret_token
        # The token is a part of every address, so no address may be shown.
        self._vendor = Vendor(f"{settings.telegram_api_url}/bot{settings.telegram_token}")

    def verify(self, webhook: Webhook) -> None:
        """X-Telegram-Bot-Api-Secret-Token is the word that setWebhook was told."""
        check_same(webhook.headers.get("x-telegram-bot-api-secret-token", ""), self._secret_token)

    def challenge(self, webhook: Webhook) -> Answer | None:
        """Telegram asks for none."""
        return None

    def read(self, webhook: Webhook) -> Contents:
        """One update, which is a message, a later version of one, or a pressed option."""
        update = json_object(webhook.body)
        update_id = number(update.get("update_id"))
        if update_id is None:
            raise NotReadable("update_id is missing")
        found: Received | None = None
        if "message" in update:
            found = message_of(update_id, child(update, "message"))
        elif "edited_message" in update:
            found = message_of(update_id, child(update, "edited_message"), edited=True)
        elif "callback_query" in update:
            found = press_of(update_id, child(update, "callback_query"))
        return Contents((found,)) if found else Contents()

    async def send(self, sender: str, part: Part) -> str:
        """Send one message; once more without its marks where Telegram takes them to be broken."""
        message = _payload(sender, part)
        response = await self._vendor.post("sendMessage", json={**message, "parse_mode": "HTML"})
        if response.status_code == 400 and _MARKS_REFUSED in _description(response):
            response = await self._vendor.post("sendMessage", json={**message, "text": _without_marks(part.text)})
        if not response.is_success:
            raise _refused(response)
        sent_id = number(child(json_of(response), "result").get("message_id"))
        return "" if sent_id is None else str(sent_id)

    async def acknowledge(self, receipt: str) -> None:
        """End the waiting that a pressed option shows."""
        # It only ends sooner than it would by itself.
        with suppress(NotSent):
            await self._vendor.post("answerCallbackQuery", json={"callback_query_id": receipt})

    async def check(self) -> Check:
        """Ask who the bot is, and where its webhook leads."""
        try:
            me, webhook = await self._vendor.get("getMe"), await self._vendor.get("getWebhookInfo")
        except NotSent as error:
            return Check(False, f"Telegram cannot be reached at BOT_TELEGRAM_API_URL: {error}")
        for response in (me, webhook):
            if response.status_code in _TOKEN_REFUSED:
                return Check(False, "Telegram refuses BOT_TELEGRAM_TOKEN")
            if not response.is_success:
                return Check(False, f"Telegram answers HTTP {response.status_code}; try again later")
        name = text(child(json_of(me), "result").get("username"))[:64]
        found = child(json_of(webhook), "result")
        if not text(found.get("url")).endswith(_PATH):
            return Check(False, f"no webhook of @{name} leads to {_PATH}: tell Telegram its address with setWebhook")
        return Check(True, f"bot @{name}", _advice(found))

    def masked(self, sender: str) -> str:
        """The ends of the chat's id."""
        return masked_id(sender)

    async def close(self) -> None:
        """Close the connections."""
        await self._vendor.close()


def _payload(sender: str, part: Part) -> Json:
    message: Json = {"chat_id": int(sender), "text": part.text, "link_preview_options": {"is_disabled": True}}
    if part.options:
        rows = [[{"text": option.title, "callback_data": option.token}] for option in part.options]
        message["reply_markup"] = {"inline_keyboard": rows}
    return message


def _without_marks(marked: str) -> str:
    return html.unescape(_TAG.sub("", _LINK.sub(r"\2 (\1)", marked)))


def _description(response: httpx.Response) -> str:
    return text(json_of(response).get("description"))


def _refused(response: httpx.Response) -> NotSent:
    """What a refusal means.

    401 and 404 say that the token is wrong. 403 is the family's doing, if it is Telegram that says so and no proxy.
    """
    description = _description(response)
    reason = next((reason for reason in _REASONS if reason in description), "")
    again = {401: True, 403: "ok" not in json_of(response), 404: True}.get(response.status_code)
    refused = refusal(response, reason, again=again)
    after_s = number(child(json_of(response), "parameters").get("retry_after"))
    refused.after_s = refused.after_s if after_s is None else float(after_s)
    return refused


def _advice(webhook: Json) -> tuple[str, ...]:
    """What is to be looked at in an answer of getWebhookInfo."""
    advice = []
    allowed = webhook.get("allowed_updates")
    missing = [kind for kind in _NEEDED_UPDATES if isinstance(allowed, list) and allowed and kind not in allowed]
    if missing:
        advice.append(f"setWebhook's allowed_updates lacks {', '.join(missing)}")
    error = " ".join(_LONG_NUMBER.sub("…", text(webhook.get("last_error_message"))).split())[:100]
    if error:
        at = moment(webhook.get("last_error_date"))
        advice.append(f"the last delivery that failed, {at:%Y-%m-%d %H:%M} UTC: {error}")
    if "401" in error or "403" in error:
        advice.append("setWebhook's secret_token may be another than BOT_TELEGRAM_SECRET_TOKEN")
    return tuple(advice)
