"""bot.channels.messaging.ledger: what became of replies gets into the log as soon as that takes it, however many."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from databases import Down
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from bot.channels.messaging.ledger import TOGETHER, Ledger
from bot.conversations.journal import Journal
from bot.conversations.models import PENDING, SENDING, SENT, Delivery
from bot.conversations.outbox import Claim, Ended, Outbox
from bot.conversations.records import Inbound, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, Reply
from bot.storage.base import now
from bot.storage.database import open_database, session_factory


@pytest.fixture
def engine(database_url: str) -> Any:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest_asyncio.fixture
async def journal(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)  # whatever else the machine does
    journal = Journal(session_factory(engine), tmp_path / "spool")
    yield journal
    await journal.close()


def written(engine: Engine, count: int) -> list[str]:
    """Keys of replies that are in the log and wait to be sent."""
    replies = tuple(Reply(ANSWER, f"Answer {number}", 1) for number in range(count))
    inbound = Inbound("whatsapp", "wh-family", "1", "How long?", address="encrypted")
    ConversationStore(session_factory(engine)).record(inbound, Outcome(replies, None, None, None, None, "", 1.0))
    return [reply.id for reply in replies]


def states(engine: Engine) -> list[str]:
    with session_factory(engine)() as session:
        return list(session.scalars(select(Delivery.state).order_by(Delivery.id)))


def sent(key: str) -> Ended:
    return Ended(key, SENT, now(), 1)


async def test_a_fault_of_the_program_keeps_no_reply_from_being_sent(
    engine: Engine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = written(engine, 2)
    ledger = Ledger(journal, set())
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "carry", lambda self: None)  # a TypeError
        ledger.end(sent(first))
        assert await ledger.claim(Claim(second, now()))

    await ledger.write_rest()
    assert states(engine) == [SENT, PENDING]


async def test_a_reply_waits_for_one_that_another_process_sends_and_not_for_its_own(
    engine: Engine, journal: Journal
) -> None:
    first, second = written(engine, 2)
    until = now() + timedelta(minutes=1)
    in_hand: set[str] = set()
    ledger, other = Ledger(journal, in_hand), Ledger(journal, {first})
    assert not await ledger.claim(Claim(second, until))

    assert await other.claim(Claim(first, until))
    assert not await ledger.claim(Claim(second, until))

    in_hand.add(first)
    assert await ledger.claim(Claim(second, until))


async def test_what_the_log_did_not_take_goes_with_the_next_claim(
    engine: Engine, journal: Journal, database_down: Down
) -> None:
    first, second = written(engine, 2)
    ledger = Ledger(journal, set())
    with database_down(engine):
        ledger.end(sent(first))
        await ledger.finished()
        assert ledger.has(first)
    assert states(engine) == [PENDING, PENDING]

    assert await ledger.claim(Claim(second, now() + timedelta(minutes=1)))

    await ledger.finished()
    assert states(engine) == [SENT, SENDING]
    assert not ledger.has(first)


async def test_or_soon_when_nothing_else_is_sent(engine: Engine, journal: Journal, database_down: Down) -> None:
    (key,) = written(engine, 1)
    ledger = Ledger(journal, set())
    with database_down(engine):
        ledger.end(sent(key))
        await ledger.finished()
        await ledger.write_rest()
        assert ledger.has(key)

    await ledger.write_rest()

    assert states(engine) == [SENT]


async def test_many_ends_go_in_several_transactions(engine: Engine, journal: Journal) -> None:
    keys = written(engine, TOGETHER * 2 + 1)
    ledger = Ledger(journal, set())
    most = 0

    def count(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        nonlocal most
        most = max(most, len(parameters))

    event.listen(engine, "before_cursor_execute", count)
    for key in keys:
        ledger.end(sent(key))
    await ledger.finished()

    assert set(states(engine)) == {SENT}
    assert most <= TOGETHER
