"""What navigators do on the page of a conversation. Each change is in the audit, with no word of what was written."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.conversation import PART, existing, subject_of
from bot.console.desk import Desk
from bot.console.forms import Form, Refused
from bot.console.titles import Titles
from bot.conversations import correcting, reviewing
from bot.conversations.inbox_filter import read_query
from bot.conversations.models import Conversation, Message
from bot.staff.models import ADMIN

# Changes a conversation with the fields of a form.
Change = Callable[[Session, Conversation, Form, Visit], object]
MessageChange = Callable[[Session, Message, Form, Visit], object]
Recorded = tuple[str, ...]  # the fields that the audit keeps: choices from lists, never text
NOT_ERASED = "The conversation could not be erased just now: try again in a moment."


class ConversationChanges:
    """The forms of a conversation and of its messages."""

    def __init__(self, desk: Desk, titles: Titles) -> None:
        self._desk = desk
        self._titles = titles

    def routes(self) -> list[BaseRoute]:
        """The forms."""
        of_conversation: tuple[tuple[str, str, Change, Recorded], ...] = (
            ("note", "conversation.noted", _note, ()),
            ("tag", "conversation.tagged", _tag, ()),
            ("untag", "conversation.untagged", _untag, ()),
            ("assign", "conversation.assigned", _assign, ("assignee",)),
            ("review", "conversation.reviewed", _review, ("state",)),
        )
        of_message: tuple[tuple[str, str, MessageChange, Recorded], ...] = (
            ("topic", "message.topic_corrected", self._topic, ("topic",)),
            ("tier", "message.tier_corrected", _tier, ("tier",)),
            ("missed", "message.missed_reported", self._missed, ("symptom", "tier")),
            ("example", "message.queued", self._example, ("purpose", "topic")),
        )
        desk, path = self._desk, "/conversations/{key}"
        return [
            *(
                desk.route("POST", f"{path}/{name}", self._changing(action, change, recorded), name=name)
                for name, action, change, recorded in of_conversation
            ),
            *(
                desk.route(
                    "POST",
                    f"{path}/messages/{{message}}/{name}",
                    self._changing(action, _on_message(of_one), recorded),
                    name=f"message_{name}",
                )
                for name, action, of_one, recorded in of_message
            ),
            desk.route("POST", f"{path}/erase", self._erase, role=ADMIN, name="erase"),
        ]

    def _changing(
        self, action: str, change: Callable[..., object], recorded: Recorded
    ) -> Callable[[Request, Visit], Awaitable[Response]]:
        """What answers a form.

        Args:
            action: what the audit calls it.
            change: does it.
            recorded: what the audit keeps of the form.
        """

        async def answer(request: Request, visit: Visit) -> Response:
            form = await self._desk.form(request)
            key, message_key = request.path_params["key"], request.path_params.get("message")
            detail: dict[str, Any] = {name: form.get(name, "")[:64] for name in recorded}
            if message_key:
                detail["message"] = message_key

            def work(session: Session) -> None:
                conversation = existing(session, key)
                values = (conversation, message_key) if message_key else (conversation,)
                change(session, *values, form, visit)

            await self._desk.change(visit, action, subject_of(key), work, detail)
            return self._back(request, form, key, message_key)

        return answer

    def _back(self, request: Request, form: Form, key: str, message_key: str | None) -> Response:
        """To the page of the conversation, in the filter in which it is read, at the message."""
        part = form.get("part", "")
        address = (read_query(form.get("view", "")).query(), part if PART.fullmatch(part) else "")
        query = "&".join(each for each in address if each)
        path = self._desk.path_for("conversation", key=key)
        anchor = f"#message-{message_key}" if message_key else ""
        return self._desk.go(request, f"{path}{'?' if query else ''}{query}{anchor}")

    def _topic(self, session: Session, message: Message, form: Form, visit: Visit) -> None:
        known = self._titles.corrections()
        correcting.correct_topic(session, message, form.get("topic", ""), known, by=visit.user_id)

    def _missed(self, session: Session, message: Message, form: Form, visit: Visit) -> None:
        symptom, tier = form.get("symptom", ""), form.get("tier", "")
        correcting.report_missed(session, message, symptom, tier, self._titles.symptoms, by=visit.user_id)

    def _example(self, session: Session, message: Message, form: Form, visit: Visit) -> None:
        purpose, text, topic = (form.get(name, "") for name in ("purpose", "text", "topic"))
        known = self._titles.corrections()
        correcting.queue_example(session, message, purpose, text, topic, known, by=visit.user_id)

    async def _erase(self, request: Request, visit: Visit) -> Response:
        key = request.path_params["key"]
        # Recorded before it happens: what is erased must not be unrecorded, and what fails is recorded as failed.
        await self._desk.change(
            visit, "conversation.erased", subject_of(key), lambda session: existing(session, key) and None
        )
        try:
            await self._desk.service.turn.erase(key)
        except (SQLAlchemyError, TimeoutError) as error:
            await self._desk.change(visit, "conversation.not_erased", subject_of(key), lambda _session: None)
            raise Refused(503, NOT_ERASED) from error
        return self._desk.go(request, self._desk.path_for("inbox"))


def _on_message(change: MessageChange) -> Callable[[Session, Conversation, str, Form, Visit], object]:
    def on_message(session: Session, conversation: Conversation, key: str, form: Form, visit: Visit) -> object:
        message = correcting.find_message(session, conversation, key)
        if message is None:
            raise Refused(404, "There is no such message.")
        return change(session, message, form, visit)

    return on_message


def _note(session: Session, conversation: Conversation, form: Form, visit: Visit) -> None:
    reviewing.add_note(session, conversation, form.get("text", ""), by=visit.user_id)


def _tag(session: Session, conversation: Conversation, form: Form, visit: Visit) -> None:
    reviewing.add_tag(session, conversation, form.get("name", ""), by=visit.user_id)


def _untag(session: Session, conversation: Conversation, form: Form, _visit: Visit) -> None:
    tag = form.get("tag", "")
    if tag.isascii() and tag.isdigit() and len(tag) < 10:
        reviewing.remove_tag(session, conversation, int(tag))


def _assign(session: Session, conversation: Conversation, form: Form, _visit: Visit) -> None:
    reviewing.assign(session, conversation, form.get("assignee") or None)


def _review(session: Session, conversation: Conversation, form: Form, visit: Visit) -> None:
    reviewing.set_review(session, conversation, form.get("state", ""), by=visit.user_id)


def _tier(session: Session, message: Message, form: Form, visit: Visit) -> None:
    tier = form.get("tier", "none")
    correcting.correct_tier(session, message, None if tier == "none" else tier, by=visit.user_id)
