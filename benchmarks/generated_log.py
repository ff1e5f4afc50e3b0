"""Fill an empty database with a log as a busy service would have it: `python benchmarks/generated_log.py --help`.

The same seed and end give the same log. It serves measurements of the console, and with few messages its tests.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from generated_families import Exchange, Families
from generated_reviews import Navigators
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.expression import bindparam

from bot.answers.setup import load_answers_file, prepare_storage
from bot.conversations.code import conversation_code
from bot.conversations.inbox_filter import STATES
from bot.conversations.models import (
    ANSWERED,
    DELIVERED,
    INBOUND,
    OUTBOUND,
    PENDING,
    TO_REVIEW,
    UNANSWERED,
    UNDELIVERED,
    Conversation,
    ConversationWord,
    Delivery,
    Feedback,
    Message,
    MessageRedFlag,
)
from bot.conversations.review_models import (
    RED_FLAG,
    UNDELIVERED_EMERGENCY,
    Alert,
    ConversationTag,
    Correction,
    Note,
    QueuedExample,
    Review,
)
from bot.conversations.triage import alerts_for, sort_in
from bot.conversations.words import words_of
from bot.replies import EMERGENCY, NOTICE, Reply
from bot.settings import load_settings
from bot.storage.base import now
from bot.storage.inserting import insert_missing

MESSAGES_A_CONVERSATION, MESSAGES_AN_EXCHANGE = 10, 2.25
DAYS = 90
VISIT_SHARE = 0.7  # of the messages after the first: they come minutes after the one before, the others days after
BATCH = 20_000  # rows of messages in one commit
WORDS_AT_ONCE = 2_000_000
# In the order in which they may be written: each refers only to those before it.
TABLES = (Conversation, Message, Delivery, MessageRedFlag, Feedback, Alert, Correction, QueuedExample)
REVIEW_TABLES = (Review, Note, ConversationTag)
CHANNELS = {"widget": 70, "whatsapp": 20, "telegram": 10}
RULESET = "generated"


class GeneratedLog:
    """Writes a log into a database that has none."""

    def __init__(self, sessions: "sessionmaker[Session]", *, messages: int, seed: int, until: datetime) -> None:
        """Prepare.

        Args:
            sessions: of a migrated database without conversations.
            messages: about how many, of families and replies together.
            seed: what chance begins with.
            until: the end of the days that the log covers.
        """
        self._sessions = sessions
        self._messages, self._until = messages, until
        self._numbers = random.Random(seed)
        self._families = Families(load_settings(), self._numbers)
        self._navigators = Navigators(self._numbers, self._families.topics, until)
        self._conversations: dict[int, Conversation] = {}
        self._rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        self._words: set[tuple[str, int]] = set()
        self._message_id = 0

    def write(self) -> int:
        """Write it all.

        Returns:
            how many messages were written.
        """
        with self._sessions() as session:
            (index,) = ConversationWord.__table__.indexes
            index.drop(session.connection())  # made anew at the end, which is far quicker
            self._navigators.sign_up(session)
            session.commit()
            for moment, number in self._moments():
                self._exchange(number, moment)
                if len(self._rows[Message]) >= BATCH:
                    self._flush(session)
            self._flush(session)
            self._review(session)
            self._flush(session, REVIEW_TABLES)
            self._index(session)
            _continue_numbers(session)
            index.create(session.connection())
            session.commit()
        return self._message_id

    def _moments(self) -> list[tuple[datetime, int]]:
        """When which conversation has a message of its family, in order."""
        exchanges = max(1, round(self._messages / MESSAGES_AN_EXCHANGE))
        conversations = max(1, self._messages // MESSAGES_A_CONVERSATION)
        each = [1] * conversations
        for _ in range(exchanges - conversations):
            each[int(conversations * self._numbers.random() ** 1.5)] += 1  # some families write far more than others
        begin, moments = self._until - timedelta(days=DAYS), []
        for number, count in enumerate(each, start=1):
            moment = begin + timedelta(days=DAYS) * self._numbers.random()
            for _ in range(count):
                if moment > self._until:
                    break  # this family is not done yet
                moments.append((moment, number))
                minutes = 3 if self._numbers.random() < VISIT_SHARE else 3 * 24 * 60
                moment += timedelta(minutes=self._numbers.expovariate(1 / minutes))
        return sorted(moments)

    def _exchange(self, number: int, moment: datetime) -> None:
        conversation = self._conversations.get(number)
        exchange = self._families.exchange(first=conversation is None)
        if conversation is None:
            conversation = self._conversations[number] = self._new_conversation(number, moment)
        message = self._inbound(conversation, exchange, moment)
        conversation.last_message_at = moment
        conversation.topic = exchange.topic or conversation.topic
        conversation.unanswered = conversation.unanswered or message.state == UNANSWERED
        sort_in(conversation, tier=exchange.tier, replies=exchange.replies)
        for symptom in exchange.symptoms:
            flag = {"message_id": message.id, "symptom": symptom, "detector": "semantic", "start": None, "end": None}
            self._rows[MessageRedFlag].append(flag)
        for position, reply in enumerate(exchange.replies):
            self._outbound(message, position, reply)
        for alert in alerts_for(message, tier=exchange.tier, replies=exchange.replies):
            self._alert(alert, moment)
        correction = self._navigators.correction(message)
        if correction is not None:
            self._rows[Correction].append(correction)
            self._rows[QueuedExample].extend(self._navigators.queued(message, correction))

    def _new_conversation(self, number: int, moment: datetime) -> Conversation:
        key = self._key()
        (channel,) = self._numbers.choices(list(CHANNELS), list(CHANNELS.values()))
        values = {
            **{"id": number, "key": key, "code": conversation_code(key), "channel": channel, "noticed": True},
            **{"topic": None, "created_at": moment, "last_message_at": moment, "tier": None, "review": TO_REVIEW},
            **{"assignee_id": None, **dict.fromkeys(STATES, False)},
        }
        self._rows[Conversation].append(values)
        return Conversation(**values)

    def _inbound(self, conversation: Conversation, exchange: Exchange, moment: datetime) -> Message:
        key = self._key()
        values = {
            **self._common(conversation.id, conversation.channel, INBOUND, moment, exchange.text),
            "channel_message_id": key,
            "state": ANSWERED if exchange.replies else UNANSWERED,
            "intent": exchange.intent,
            "confidence": exchange.confidence,
            "tier": exchange.tier,
            "ruleset": RULESET,
            "milliseconds": round(self._numbers.uniform(20, 200), 1),
        }
        self._rows[Message].append(values)
        return Message(**values)

    def _outbound(self, message: Message, position: int, reply: Reply) -> None:
        at = message.received_at + timedelta(seconds=0.1 * (position + 1))
        values = {
            **self._common(message.conversation_id, message.channel, OUTBOUND, at, reply.text),
            "reply_to_id": message.id,
            "position": position,
            "kind": reply.kind,
            "topic": reply.topic,
            "variant": reply.variant or None,
            "revision": reply.revision,
            "text_id": reply.text_id or None,
            "sources": list(reply.sources),
            "buttons": [{"title": button.title, "token": button.token} for button in reply.buttons],
        }
        self._rows[OUTBOUND].append(values)
        self._deliver(values)
        if reply.kind != NOTICE and self._numbers.random() < 0.06:
            self._rows[Feedback].append(
                self._navigators.feedback_on(values, self._conversations[message.conversation_id])
            )

    def _common(self, conversation: int, channel: str, direction: str, at: datetime, words: str) -> dict[str, Any]:
        self._message_id += 1
        return {
            **{"id": self._message_id, "key": self._key(), "conversation_id": conversation, "direction": direction},
            **{"channel": channel, "received_at": at, "text": words},
        }

    def _deliver(self, reply: dict[str, Any]) -> None:
        (state,) = self._numbers.choices((DELIVERED, PENDING, UNDELIVERED), (993, 4, 3))
        self._rows[Delivery].append(
            {
                **{"message_id": reply["id"], "state": state, "attempts": 6 if state == UNDELIVERED else 1},
                "delivered_at": reply["received_at"] if state == DELIVERED else None,
                "error": "the channel refused it" if state == UNDELIVERED else None,
            }
        )
        if state == UNDELIVERED:
            self._conversations[reply["conversation_id"]].undelivered = True
        if state == UNDELIVERED and reply["kind"] == EMERGENCY:
            alert = Alert(conversation_id=reply["conversation_id"], message_id=reply["id"], goes_out=True)
            alert.kind = UNDELIVERED_EMERGENCY
            self._alert(alert, reply["received_at"])

    def _alert(self, alert: Alert, moment: datetime) -> None:
        acknowledged = self._navigators.acknowledged(moment, urgent=alert.kind == RED_FLAG)
        self._rows[Alert].append(
            {
                **{"conversation_id": alert.conversation_id, "message_id": alert.message_id, "kind": alert.kind},
                **{"tier": alert.tier, "raised_at": moment, "goes_out": alert.goes_out},
                **{"attempts": int(alert.goes_out), "last_sent_at": moment if alert.goes_out else None},
                **acknowledged,
            }
        )

    def _review(self, session: Session) -> None:
        """What navigators did with each conversation, and where its messages put it in the inbox."""
        names = ("last_message_at", "topic", "tier", *STATES)
        changed = []
        for number, conversation in self._conversations.items():
            done = self._navigators.review(conversation)
            for table in REVIEW_TABLES:
                self._rows[table].extend({"conversation_id": number, **row} for row in done.rows[table])
            values = {f"new_{name}": getattr(conversation, name) for name in names}
            values |= {"of": number, "new_review": done.state, "new_assignee_id": done.assignee_id}
            changed.append(values)
        table = Conversation.__table__
        new = {name: bindparam(f"new_{name}") for name in (*names, "review", "assignee_id")}
        session.execute(update(table).where(table.c.id == bindparam("of")).values(new), changed)

    def _flush(self, session: Session, models: tuple[Any, ...] = TABLES) -> None:
        """Write the rows that were gathered, and commit."""
        for model in models:
            for rows in (self._rows.pop(model, []), self._rows.pop(OUTBOUND, []) if model is Message else []):
                if rows:
                    session.execute(insert(model.__table__), rows)
                if model in (Message, Note):
                    told = (row for row in rows if row.get("direction") != OUTBOUND)
                    self._words.update((word, row["conversation_id"]) for row in told for word in words_of(row["text"]))
        session.commit()
        if len(self._words) > WORDS_AT_ONCE:
            self._index(session)

    def _index(self, session: Session) -> None:
        """Write the words that conversations are found by, many at once and sorted, as their table is."""
        missing = [{"word": word, "conversation_id": number} for word, number in sorted(self._words)]
        self._words.clear()
        insert_missing(session, ConversationWord, missing)
        session.commit()

    def _key(self) -> str:
        return f"{self._numbers.getrandbits(128):032x}"


def _continue_numbers(session: Session) -> None:
    """Let PostgreSQL count on from the ids that were given here; SQLite does so by itself."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = 0"))  # the index that is made next takes longer
        for table in ("conversation", "message"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))


def generate_log(
    sessions: "sessionmaker[Session]", *, messages: int = 2_000, seed: int = 1, until: datetime | None = None
) -> int:
    """Fill a database that has no conversations.

    Returns:
        how many messages were written, about as many as were asked for.

    Raises:
        ValueError: there are conversations.
    """
    with sessions() as session:
        if session.execute(select(func.count()).select_from(Conversation)).scalar_one():
            raise ValueError("the database has conversations: take an empty one")
    return GeneratedLog(sessions, messages=messages, seed=seed, until=until or now()).write()


def main() -> None:
    """Fill the database that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000, help="about how many (1000000)")
    parser.add_argument("--database-url", required=True, help="sqlite:///FILE or postgresql://…, without conversations")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same log (1)")
    arguments = parser.parse_args()
    started = time.perf_counter()
    sessions = prepare_storage(load_settings(database_url=arguments.database_url))
    load_answers_file(sessions)
    try:
        written = generate_log(sessions, messages=arguments.messages, seed=arguments.seed)
    except ValueError as error:
        sys.exit(f"generated_log: {error}")
    print(f"{written} messages in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
