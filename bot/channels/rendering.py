"""Replies and messages as the widget gets them."""

from typing import Any

from bot.channels.requests import client_id_of
from bot.replies import Reply


def rendered(reply: Reply) -> dict[str, Any]:
    """A reply as the page shows it."""
    return {
        "id": reply.id,
        "kind": reply.kind,
        "text": reply.text,
        "buttons": [{"title": button.title, "token": button.token} for button in reply.buttons],
        "topic": reply.topic,
        "sources": list(reply.sources),
        "at": reply.at.isoformat(),
    }


def remembered(entry: dict[str, Any]) -> dict[str, Any]:
    """A message of the history, see `History.history`."""
    reply: Reply | None = entry["reply"]
    if reply is not None:
        opinion = {} if entry["helpful"] is None else {"helpful": entry["helpful"]}
        return {"from": "service", **rendered(reply), **opinion}
    return {
        "from": "family",
        "at": entry["at"],
        "id": client_id_of(entry["channel_message_id"]),
        "text": entry["text"],
    }
