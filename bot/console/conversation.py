"""The page of a conversation: what was said, and all that is known of it. Each look is recorded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console import labels
from bot.console.access import Visit
from bot.console.addresses import Addresses
from bot.console.alert_bar import NO_CONVERSATION
from bot.console.desk import Desk, is_htmx
from bot.console.formatting import blocks_of
from bot.console.forms import Refused
from bot.console.marking import label_of, pieces_of
from bot.console.titles import Titles
from bot.conversations.code import conversation_code
from bot.conversations.correcting import find_message
from bot.conversations.improvement import TEXT_MAXIMUM
from bot.conversations.inbox import Neighbours, neighbours
from bot.conversations.inbox_filter import FilterError, InboxFilter, read_filter
from bot.conversations.models import Conversation
from bot.conversations.reviewing import all_tags, colleagues, find_conversation
from bot.conversations.transcript import read_entry, read_page, read_surroundings

PART = re.compile(r"(?:earlier|later)=[0-9]{1,18}")  # of a long conversation, in an address


@dataclass(frozen=True)
class _Address:
    """How a conversation is read.

    Attributes:
        chosen: the filter of the inbox that it was opened from.
        part: of a long one, as it stands in the address; empty for its end.
    """

    chosen: InboxFilter
    part: str

    def values(self) -> dict[str, Any]:
        """As templates use it; `behind` is all of it, as it stands behind a path."""
        query = self.chosen.query()
        whole = "&".join(each for each in (query, self.part) if each)
        return {"query": query, "part": self.part, "behind": f"?{whole}" if whole else ""}

    @property
    def place(self) -> dict[str, int]:
        """The part, as the transcript takes it."""
        name, _, row = self.part.partition("=")
        return {"before" if name == "earlier" else "after": int(row)} if row else {}


class ConversationPage:
    """Reading a conversation and its messages."""

    def __init__(self, desk: Desk, titles: Titles, mask: Callable[[str], str], addresses: Addresses) -> None:
        """Prepare.

        Args:
            desk: the console's common ground.
            titles: of topics and symptoms.
            mask: takes contact data and personal numbers out of a text.
            addresses: what is shown of where replies go.
        """
        self._desk = desk
        self._titles = titles
        self._mask = mask
        self._addresses = addresses

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk = self._desk
        return [
            desk.route("GET", "/conversations/{key}", self._show, name="conversation"),
            desk.route("GET", "/conversations/{key}/messages/{message}", self._show_message, name="message"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        key = request.path_params["key"]
        address = _read_address(request)

        def work(session: Session) -> dict[str, Any]:
            conversation = existing(session, key)
            return {
                "conversation": conversation,
                "page": read_page(session, conversation, **address.place),
                "around": read_surroundings(session, conversation),
                "neighbours": neighbours(session, address.chosen, conversation, visit.user_id),
                "people": colleagues(session),
                "all_tags": all_tags(session),
            }

        values = await self._desk.look(visit, "conversation.viewed", subject_of(key), work)
        values |= self._links(key, address, values["neighbours"]) | self._wording()
        conversation = values["conversation"]
        values["family_id"] = self._addresses.masked(conversation.channel, conversation.address)
        values["open_alerts"] = [alert for alert in values["around"].alerts if alert.acknowledged_at is None]
        return self._desk.page(request, visit, "conversation.html", **values)

    def _links(self, key: str, address: _Address, around: Neighbours) -> dict[str, Any]:
        query = address.chosen.query()
        behind = f"?{query}" if query else ""

        def path(other: str | None) -> str | None:
            return f"{self._desk.path_for('conversation', key=other)}{behind}" if other else None

        return {
            **address.values(),
            "inbox_path": f"{self._desk.path_for('inbox')}{behind}",
            "own_path": path(key),
            "previous": path(around.previous),
            "following": path(around.next),
        }

    async def _show_message(self, request: Request, visit: Visit) -> Response:
        key, message_key = request.path_params["key"], request.path_params["message"]
        address = _read_address(request)

        def work(session: Session) -> dict[str, Any]:
            conversation = existing(session, key)
            message = find_message(session, conversation, message_key)
            if message is None:
                raise Refused(404, "There is no such message.")
            return {"conversation": conversation, "entry": read_entry(session, message)}

        values = await self._desk.look(visit, "message.viewed", subject_of(key), work)
        template = "message_forms.html" if is_htmx(request) else "message.html"
        values |= address.values() | self._wording()
        return self._desk.page(request, visit, template, **values)

    def _wording(self) -> dict[str, Any]:
        symptoms = self._titles.symptoms
        return {
            "labels": labels,
            "titles": self._titles,
            "pieces": lambda message: pieces_of(message.text, message.red_flags, symptoms),
            "masked": self._mask,
            "text_maximum": TEXT_MAXIMUM,
            "blocks_of": blocks_of,
            "label_of": lambda flag: label_of(flag, symptoms),
        }


def existing(session: Session, key: str) -> Conversation:
    """The conversation of a key.

    Raises:
        Refused: there is none.
    """
    conversation = find_conversation(session, key)
    if conversation is None:
        raise Refused(404, NO_CONVERSATION)
    return conversation


def subject_of(key: str) -> str:
    """What the audit calls a conversation."""
    return f"conversation {conversation_code(key)}"


def _read_address(request: Request) -> _Address:
    parameters = request.query_params.multi_items()
    parts = [f"{name}={value}" for name, value in parameters if name in ("earlier", "later")]
    if len(parts) > 1 or (parts and not PART.fullmatch(parts[0])):
        raise FilterError("the address names no part of the conversation")
    chosen, _ = read_filter((name, value) for name, value in parameters if name not in ("earlier", "later"))
    return _Address(chosen, "".join(parts))
