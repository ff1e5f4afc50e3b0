"""What Telegram's updates hold.

Source: Telegram, "Bot API": Message, CallbackQuery, InlineKeyboardMarkup.
"""

from bot.channels.base import Json, Received
from bot.channels.vendor_json import child, moment, number, text, word
from bot.conversations.forms import EDITED, NOT_TEXT, TEXT
from bot.storage.base import now

# Telegram's ids have 52 bits at most; those of groups are below zero.
_LARGEST_ID = 2**52
# By these a message tells what has happened in the chat; nobody wrote it.
_SERVICE = frozenset(
    {"new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo"}
    | {"group_chat_created", "supergroup_chat_created", "channel_chat_created", "pinned_message"}
    | {"message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "boost_added"}
    | {"successful_payment", "refunded_payment", "users_shared", "chat_shared", "connected_website"}
    | {"write_access_allowed", "passport_data", "proximity_alert_triggered", "chat_background_set", "web_app_data"}
    | {"gift", "unique_gift", "gift_upgrade_sent", "paid_message_price_changed", "direct_message_price_changed"}
    | {"forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"}
    | {"general_forum_topic_hidden", "general_forum_topic_unhidden", "checklist_tasks_done", "checklist_tasks_added"}
    | {"video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited"}
)


def message_of(update_id: int, message: Json, *, edited: bool = False) -> Received | None:
    """What a family wrote; None for what was not written in a private chat, or says nothing.

    Args:
        update_id: of the update that holds it.
        message: the message.
        edited: whether it is a later version.
    """
    sender = _private_chat(message)
    words = text(message.get("text"))
    caption = text(message.get("caption"))
    if not sender or not _SERVICE.isdisjoint(message):
        return None
    if not edited:
        form = TEXT if words else NOT_TEXT
        return Received(sender, str(update_id), moment(message.get("date")), words or caption, form)
    # A place that is shared for an hour comes as a version every few seconds.
    if not words and not caption:
        return None
    edit_date = number(message.get("edit_date")) or 0
    return Received(sender, f"{update_id}-{edit_date}", moment(edit_date), words or caption, EDITED)


def press_of(update_id: int, press: Json) -> Received | None:
    """A pressed option; None where it stood elsewhere than under a message in a private chat."""
    message = child(press, "message")
    sender = _private_chat(message)
    token = text(press.get("data"))
    if not sender or not token:
        return None
    return Received(
        sender=sender,
        message_id=str(update_id),
        at=now(),  # Telegram does not say when it was pressed
        text=_title(message, token),
        option=token,
        receipt=word(press.get("id")),
    )


def _private_chat(message: Json) -> str:
    chat = child(message, "chat")
    chat_id = chat.get("id")
    is_usable = type(chat_id) is int and 0 < chat_id < _LARGEST_ID
    return str(chat_id) if is_usable and chat.get("type") == "private" else ""


def _title(message: Json, token: str) -> str:
    """The title of an option, which stands in the message that it was pressed under."""
    rows = child(message, "reply_markup").get("inline_keyboard")
    buttons = [button for row in rows if isinstance(row, list) for button in row] if isinstance(rows, list) else []
    titles = (
        text(button.get("text"))
        for button in buttons
        if isinstance(button, dict) and button.get("callback_data") == token
    )
    return next(titles, "")
