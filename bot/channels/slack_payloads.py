"""What Slack's webhooks hold, and what its messages look like.

Sources: Slack, Events API; "message event" and its subtypes; "block_actions payload"; "Formatting text for app
surfaces"; Block Kit reference: section, actions, button.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import sha256
from urllib.parse import parse_qs

from bot.channels.base import Contents, Json, NotReadable, Part, Received, Webhook
from bot.channels.plain_text import parts_of
from bot.conversations.forms import EDITED, NOT_TEXT, TEXT
from bot.storable import storable
from bot.storage.base import now

# Marks and escaped signs make a text longer than data/channels.yml counts; what is too long for one block takes two.
SECTION_MAXIMUM = 3000  # characters
AHEAD_S = 300.0  # a message is not from the future, but clocks differ

_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_BY_SLACK = "USLACKBOT"
_TYPED = ("", "me_message", "thread_broadcast")
# Messages that tell what happened; nobody wrote them. A subtype that is not known may be a family's.
_NOTICES = re.compile(
    r"(assistant_app|bot|channel|group|huddle|joiner|message|reminder|sh_room)_.*"
    r"|(un)?pinned_item|tombstone|slackbot_response|ekm_access_denied|document_mention|file_(mention|comment)"
)
# <https://a.example|the title>, <mailto:a@b.example|a@b.example>, <@U1>, <!here>
_LINK = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


def payload_of(webhook: Webhook) -> Json:
    """The object that a webhook holds: in the body for an event, in a form for a pressed button.

    Raises:
        NotReadable: there is none.
    """
    body: str | bytes = webhook.body
    if webhook.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(webhook.body.decode("utf-8", "replace")).get("payload", [""])[0]
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotReadable("the body is no JSON") from error
    if not isinstance(payload, dict):
        raise NotReadable("the body is no object")
    return payload


def contents_of(payload: Json) -> Contents:
    """The messages of a webhook's object.

    Raises:
        NotReadable: it does not have Slack's shape.
    """
    kind = payload.get("type")
    if not isinstance(kind, str):
        raise NotReadable("there is no type")
    if kind == "event_callback":
        if not isinstance(payload.get("event"), dict):
            raise NotReadable("there is no event")
        found = [_message(payload, payload["event"])]
    elif kind == "block_actions":
        if not isinstance(payload.get("actions"), list):
            raise NotReadable("there are no actions")
        found = [_pressed(payload, action) for action in payload["actions"] if isinstance(action, dict)]
    else:
        found = []
    return Contents(tuple(sorted((message for message in found if message), key=lambda message: message.at)))


def message_to(channel: str, part: Part) -> Json:
    """What is posted to send a part."""
    message: Json = {"channel": channel, "text": part.text, "unfurl_links": False, "unfurl_media": False}
    if not part.options:
        return message
    sections = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in parts_of(part.text, SECTION_MAXIMUM)
    ]
    buttons = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": option.title},
            "action_id": option.token,
            "value": option.token,
        }
        for option in part.options
    ]
    return {**message, "blocks": [*sections, {"type": "actions", "elements": buttons}]}


def _message(payload: Json, event: Json) -> Received | None:
    channel, event_id = _id(event.get("channel")), _id(payload.get("event_id"))
    # The documented event of an edited message does not say the type of its channel; a direct one's id begins with D.
    direct = event.get("channel_type", "im") == "im" and channel.startswith("D")
    if event.get("type") != "message" or not direct or not event_id:
        return None
    ours = _bots(payload)
    if event.get("subtype") == "message_changed":
        written, before = _object(event.get("message")), event.get("previous_message")
        if not _is_by_family(written, ours) or not _is_changed(written, before):
            return None
        at = _moment(_object(written.get("edited")).get("ts") or event.get("event_ts"))
        return Received(channel, event_id, at, _plain(written.get("text")), EDITED)
    if not _is_by_family(event, ours):
        return None
    text = _plain(event.get("text"))
    typed = _subtype(event) in _TYPED and not event.get("files") and text.strip()
    return Received(channel, event_id, _moment(event.get("ts")), text, TEXT if typed else NOT_TEXT)


def _pressed(payload: Json, action: Json) -> Received | None:
    channel = _id(_object(payload.get("channel")).get("id") or _object(payload.get("container")).get("channel_id"))
    option = _text(action.get("value"))
    # Slack gives no id; these two change with every press, and the last tells the buttons of one payload apart.
    told = [_text(payload.get("trigger_id")), _text(action.get("action_ts")), _text(action.get("action_id"))]
    if not channel.startswith("D") or not option or not any(told[:2]):
        return None
    return Received(
        sender=channel,
        message_id="pressed-" + sha256("\n".join(told).encode()).hexdigest(),
        at=_moment(action.get("action_ts")),
        text=_plain(_object(action.get("text")).get("text")),
        option=option,
    )


def _is_by_family(message: Mapping[str, object], ours: frozenset[str]) -> bool:
    user = _id(message.get("user"))
    return bool(
        user
        and user != _BY_SLACK
        and user not in ours
        and not message.get("bot_id")
        and not _NOTICES.fullmatch(_subtype(message))
    )


def _is_changed(written: Mapping[str, object], before: object) -> bool:
    """Whether a family changed the words: Slack also says so when it adds the preview of a link."""
    if isinstance(before, dict):
        return _text(written.get("text")) != _text(before.get("text"))
    return bool(written.get("edited"))


def _bots(payload: Json) -> frozenset[str]:
    """The users that this app is."""
    given = payload.get("authorizations")
    entries = [_object(entry) for entry in given] if isinstance(given, list) else []
    return frozenset(_id(entry.get("user_id")) for entry in entries if entry.get("is_bot") is True)


def _subtype(message: Mapping[str, object]) -> str:
    subtype = message.get("subtype") or ""
    return subtype if isinstance(subtype, str) else "unknown"


def _plain(value: object) -> str:
    """A text as it was typed: Slack escapes three signs, and turns addresses and names into links."""
    text = _LINK.sub(_as_typed, _text(value))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _as_typed(link: "re.Match[str]") -> str:
    target, title = link[1], link[2]
    if title:
        return title
    return "" if target.startswith(("@", "#", "!")) else target.removeprefix("mailto:").removeprefix("tel:")


def _moment(value: object) -> datetime:
    """The moment of a timestamp; the present one where it is none, or lies ahead."""
    present = now()
    try:
        seconds = float(value) if isinstance(value, str) else 0.0
    except ValueError:
        return present
    if not 0 < seconds <= present.timestamp() + AHEAD_S:
        return present
    return datetime.fromtimestamp(seconds, timezone.utc)


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""


def _id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
