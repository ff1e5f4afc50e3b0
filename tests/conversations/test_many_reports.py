"""bot.conversations.outbox: thousands of reports on messages that somebody else sent from the same number."""

from datetime import timedelta
from typing import Any

from exchanges import answer, message, outcome
from sqlalchemy import event, select

from bot.conversations.models import DELIVERED, SENT, Delivery
from bot.conversations.outbox import Ended, Outbox, Reported
from bot.conversations.store import ConversationStore
from bot.storage.base import now
from bot.storage.database import migrate, open_database, session_factory

UNKNOWN = 2_000


def test_unknown_reports_cost_few_questions_and_hide_no_known_one(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    sessions, moment = session_factory(engine), now()
    store, outbox, reply = ConversationStore(sessions), Outbox(sessions), answer()
    inbound = message(channel="whatsapp", address="encrypted")
    store.accept(inbound)
    store.record(inbound, outcome(reply))
    outbox.carry([Ended(reply.id, SENT, moment, 1, sent_id="ours")], [], moment)
    unknown = [Reported(f"theirs {number}", DELIVERED, moment) for number in range(UNKNOWN)]
    ours = Reported("ours", DELIVERED, moment + timedelta(seconds=1))
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    returned = outbox.report([*unknown[:1500], ours, *unknown[1500:]])

    assert returned == unknown
    assert len(asked) < 10
    with sessions() as session:
        (delivery,) = session.scalars(select(Delivery))
        assert (delivery.state, delivery.delivered_at) == (DELIVERED, ours.at)
    engine.dispose()
