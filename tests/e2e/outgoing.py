"""Replies on their way: what the log of a service says of them, and what the vendors got."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from socket import create_server
from typing import Any

from sqlalchemy import select, update
from vendor import VendorServer
from vendors_say import MESSENGER, SPEAKERS, TELEGRAM, Post, Speaker, channel_settings

from bot.answers.published import PublishedAnswers
from bot.answers.workflow import FROM_CONSOLE, add_draft, find_published, publish_revision
from bot.channels.messaging.identities import Identities
from bot.channels.messaging.rules import load_rules
from bot.channels.messaging.showing import parts_for
from bot.conversations.history import reply_of
from bot.conversations.models import (
    ANSWERED,
    INBOUND,
    OUTBOUND,
    PENDING,
    SENDING,
    SENT,
    Conversation,
    Delivery,
    Message,
)
from bot.settings import variable_of
from bot.storage.base import now
from bot.storage.database import open_database, session_factory

MARKS = {"twilio": "twilio_sms"}


@dataclass(frozen=True)
class Writing:
    """A message of a family; written again, it is the same."""

    speaker: Speaker
    family: int
    number: int
    words: str

    @property
    def sender(self) -> str:
        return self.speaker.family(self.family)

    @property
    def post(self) -> Post:
        return self.speaker.text(self.sender, self.words, f"{self.family}-{self.number}")


@dataclass(frozen=True)
class Outgoing:
    """A reply as the log has it. `parts`: the texts that it is sent as."""

    sender: str
    kind: str
    state: str
    attempts: int
    possibly_repeated: bool
    parts: tuple[str, ...]


class Log:
    """The database of a service that runs elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._engine = open_database(f"sqlite:///{folder}/bot.sqlite3")
        self._sessions = session_factory(self._engine)
        self._rules = load_rules()
        self._identities = Identities((channel_settings("")["identity_key"],))

    def close(self) -> None:
        self._engine.dispose()

    def asked(self) -> list[tuple[str, str]]:
        """Of each message of a family: from whom it is, and its state."""
        query = select(Message, Conversation).join(Conversation, Conversation.id == Message.conversation_id)
        with self._sessions() as session:
            rows = session.execute(query.where(Message.direction == INBOUND).order_by(Message.id)).all()
            return [(self._sender(conversation), message.state) for message, conversation in rows]

    def replies(self, sender: str = "") -> list[Outgoing]:
        """All replies, or those to one family, as they were written."""
        query = (
            select(Message, Delivery, Conversation)
            .join(Delivery, Delivery.message_id == Message.id)
            .join(Conversation, Conversation.id == Message.conversation_id)
        )
        with self._sessions() as session:
            rows = session.execute(query.where(Message.direction == OUTBOUND).order_by(Message.id)).all()
            replies = [self._outgoing(*row) for row in rows]
        return [reply for reply in replies if sender in ("", reply.sender)]

    def all_is_sent(self, messages: int) -> bool:
        """Whether so many messages are there, all are answered, and the vendors have taken all replies."""
        with self._sessions() as session:
            asked = session.scalars(select(Message.state).where(Message.direction == INBOUND)).all()
            states = set(session.scalars(select(Delivery.state).distinct()))
        return len(asked) >= messages and set(asked) == {ANSWERED} and states == {SENT}

    def make_due(self) -> None:
        """No reply belongs to a process any more, or waits for its next attempt: the tests wait for neither."""
        self._write(
            update(Delivery)
            .where(Delivery.state.in_((PENDING, SENDING)))
            .values(next_attempt_at=now() - timedelta(seconds=1))
        )

    def lengthen(self, topic: str, words: str) -> None:
        """Put words behind the answer on a topic: none of the project's is longer than one text message."""
        answers = PublishedAnswers(self._sessions)
        answers.refresh()
        published = answers.named(topic)
        assert published is not None
        longer = replace(published.content, text=published.content.text + words)
        with self._sessions() as session:
            answer = find_published(session, topic).answer
            revision = add_draft(session, answer, longer, author="author", origin=FROM_CONSOLE)
            publish_revision(session, revision, by="another")
            session.commit()

    def _write(self, statement: Any) -> None:
        with self._sessions() as session:
            session.execute(statement.execution_options(synchronize_session=False))
            session.commit()

    def _outgoing(self, message: Message, delivery: Delivery, conversation: Conversation) -> Outgoing:
        limits = self._rules.limits[MARKS.get(message.channel, message.channel)]
        return Outgoing(
            self._sender(conversation),
            message.kind,
            delivery.state,
            delivery.attempts,
            delivery.possibly_repeated,
            tuple(part.text for part in parts_for(reply_of(message), limits)),
        )

    def _sender(self, conversation: Conversation) -> str:
        return self._identities.decrypted(conversation.address).partition(">")[0]


class Vendors:
    """The vendors: WhatsApp and Twilio answer; Messenger's can be deaf, and Telegram's away."""

    def __init__(self) -> None:
        self.answering, self.deaf, self.away = self._all = VendorServer(), VendorServer(), VendorServer()
        values = channel_settings(self.answering.url)
        for speaker, vendor in ((MESSENGER, self.deaf), (TELEGRAM, self.away)):
            field = f"{speaker.name}_api_url"
            values[field] = channel_settings(vendor.url)[field]
        self.variables = {variable_of(field): value for field, value in values.items()}

    @contextmanager
    def in_trouble(self) -> Iterator[None]:
        """One takes connections and never reads from them, one takes none; then they are well again."""
        self.deaf.down()
        self.away.down()
        with create_server(("127.0.0.1", self.deaf.port), backlog=100):
            yield
        self.deaf.up()
        self.away.up()

    def close(self) -> None:
        for vendor in self._all:
            vendor.close()

    def sent(self) -> list[tuple[str, str]]:
        """To whom they were given what; of each family in the order in which it came."""
        return [
            (speaker.recipient(request), speaker.words(request))
            for vendor in self._all
            for request in vendor.requests
            for speaker in SPEAKERS
            if request.path.endswith(speaker.send_path)
        ]
