"""What the widget's requests must look like; everything else is refused before any work is done for it."""

import json
import re
from typing import Any

from starlette.requests import ClientDisconnect, Request

from bot.conversations.records import Inbound
from bot.storable import storable

CHANNEL = "widget"
BODY_MAXIMUM = 16 * 1024  # bytes
COMMENT_MAXIMUM = 1000  # characters
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUTTON = re.compile(r"[a-z0-9_/]{1,100}")


class Refused(Exception):
    """A request that no work is done for."""

    def __init__(self, status: int, error: str, *, text: str = "", retry_after_s: int = 0) -> None:
        """Say why.

        Args:
            status: the HTTP status.
            error: one line for whoever wrote the page.
            text: a fixed text for the family; empty for none.
            retry_after_s: whole seconds after which the same request would be taken; 0 for no such thing.
        """
        super().__init__(error)
        self.status = status
        self.error = error
        self.text = text
        self.retry_after_s = retry_after_s


async def read_json(request: Request) -> dict[str, Any]:
    """The request's JSON object, read no further than the limit.

    Raises:
        Refused: it is too long, broken off or no JSON object.
    """
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > BODY_MAXIMUM:
                raise Refused(413, f"a message may have {BODY_MAXIMUM} bytes at most")
        body = json.loads(received)
    except ClientDisconnect as error:
        raise Refused(400, "the request broke off") from error
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "the body must be an object")
    return body


def inbound_of(conversation: str, body: dict[str, Any]) -> Inbound:
    """The message that a body holds.

    Raises:
        Refused: a value is missing or of another form.
    """
    client_id, text, button = body.get("id"), body.get("text"), body.get("button", "")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise Refused(400, "'id' must be 1 to 64 letters, digits, '-' or '_'")
    if not isinstance(text, str):
        raise Refused(400, "'text' must be a string")
    if not isinstance(button, str) or (button and not _BUTTON.fullmatch(button)):
        raise Refused(400, "'button' must be the token of a button")
    return Inbound(
        channel=CHANNEL,
        conversation=conversation,
        message_id=f"{conversation}:{client_id}",
        text=storable(text),
        button=button,
    )


def feedback_of(body: dict[str, Any]) -> tuple[str, bool, str]:
    """The reply's id, whether it helped, and the comment; how long the comment may be is not looked at yet.

    Raises:
        Refused: a value is missing or of another form.
    """
    reply_id, helpful, comment = body.get("reply_id"), body.get("helpful"), body.get("comment", "")
    if not isinstance(reply_id, str) or not reply_id:
        raise Refused(400, "'reply_id' must be the id of a reply")
    if not isinstance(helpful, bool):
        raise Refused(400, "'helpful' must be true or false")
    if not isinstance(comment, str):
        raise Refused(400, "'comment' must be a string")
    return storable(reply_id), helpful, storable(comment).strip()


def client_id_of(message_id: str) -> str:
    """What the page calls a message."""
    return message_id.rpartition(":")[2]
