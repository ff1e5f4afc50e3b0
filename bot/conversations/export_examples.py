"""Rasa's training data from the log: messages under the topic that a navigator gave them."""

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, select, union
from sqlalchemy.orm import Session, aliased, sessionmaker

from bot.conversations.export import Choice, chosen
from bot.conversations.masking import Masking
from bot.conversations.models import Conversation, Message
from bot.conversations.review_models import DROPPED, REGRESSION, TOPIC, TRAINING, Correction, QueuedExample

READ_AT_ONCE = 500  # messages
VOICE = "families"  # as data/nlu.yml wants it said


def training_data(sessions: "sessionmaker[Session]", choice: Choice) -> Iterator[str]:
    """A file such as data/nlu.yml, piece by piece, with each message that was corrected or queued.

    Args:
        sessions: of the database; each batch is read in a transaction of its own.
        choice: what is chosen.
    """
    masking = Masking() if choice.masked else None
    yield 'version: "3.1"\n\nnlu:\n'
    with sessions() as session:
        topics = session.scalars(_topics()).all()
    any_topic = False
    for topic in topics:
        begun, written = False, set()
        for text in _texts(sessions, topic, choice):
            line = _line(masking.mask(text) if masking else text)
            if not line or line in written:
                continue
            if not begun:
                yield f"- intent: {topic}\n  metadata:\n    voice: {VOICE}\n  examples: |\n"
            begun = any_topic = True
            written.add(line)
            yield f"    - {line}\n"
    if not any_topic:
        yield "  []\n"


def _topics() -> object:
    """Every topic that a message was corrected to or queued under."""
    corrected = select(Correction.value).where(Correction.kind == TOPIC, Correction.value.is_not(None))
    queued = select(QueuedExample.topic).where(QueuedExample.purpose == TRAINING, QueuedExample.state != DROPPED)
    both = union(corrected, queued).subquery()
    return select(both.c[0]).order_by(both.c[0])


def _texts(sessions: "sessionmaker[Session]", topic: str, choice: Choice) -> Iterator[str]:
    """What was written about a topic; as it was queued, where it was. What is measured with is never trained on."""
    newest = aliased(Correction)
    is_newest = select(func.max(newest.id)).where(newest.message_id == Message.id, newest.kind == TOPIC)
    corrected = and_(Correction.message_id == Message.id, Correction.id == is_newest.scalar_subquery())
    queued = and_(QueuedExample.message_id == Message.id, QueuedExample.purpose == TRAINING)
    measured = aliased(QueuedExample)
    is_measured = exists().where(
        measured.message_id == Message.id, measured.purpose == REGRESSION, measured.state != DROPPED
    )
    query = (
        select(Message.id, func.coalesce(QueuedExample.text, Message.text).label("text"))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(Correction, corrected)
        .outerjoin(QueuedExample, queued)
        .where(func.coalesce(QueuedExample.topic, Correction.value) == topic)
        .where(func.coalesce(QueuedExample.state, "") != DROPPED, ~is_measured)
        .order_by(Message.id)
        .limit(READ_AT_ONCE)
    )
    query, last = chosen(query, choice, of_messages=True), 0
    while True:
        with sessions() as session:
            rows = session.execute(query.where(Message.id > last)).all()
        yield from (row.text for row in rows)
        if len(rows) < READ_AT_ONCE:
            return
        last = rows[-1].id


def _line(text: str) -> str:
    """A text as one line of examples; nothing in it marks an entity, which Rasa would take out of it."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line.replace("](", "] (").replace("]{", "] {")
