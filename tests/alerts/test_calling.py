"""bot.alerts.calling: from a red flag in a database to a call that arrives, whatever is in the way."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from databases import Down, locked
from project import settings_in
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from alerts.log import PHONE, WORDS, acknowledge, alerts_in, inbound, red_flag, write
from alerts.receivers import HANG, Received, mail_receiver, web_receiver
from bot.alerts.calling import NOBODY, WORKS, Calling, ways_of
from bot.alerts.queue import AlertQueue
from bot.alerts.rules import load_rules
from bot.answers.setup import prepare_storage
from bot.conversations.models import Conversation
from bot.conversations.records import Inbound
from bot.conversations.review_models import Alert
from bot.conversations.store import ConversationStore
from bot.metrics import Metrics
from bot.replies import Reply
from bot.service import Service
from bot.settings import Settings
from bot.storage.base import now

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ARRIVES_WITHIN_S = 20  # patience on a busy machine


class Room:
    """A database with alerts, what is called, and the clock."""

    def __init__(self, settings: Settings, web: Received, post: Received) -> None:
        self.web, self.post = web, post
        self.settings = settings.copy(
            update={
                "alert_webhook_url": f"http://127.0.0.1:{web.port}/secret-hook",
                "smtp_url": f"smtp://nurse:secret-word@127.0.0.1:{post.port}?from=bot@a.example&to=ward@a.example",
            }
        )
        self.sessions = prepare_storage(self.settings)
        self.metrics = Metrics()
        self.moment = NOON
        self.calling = self.new_process()

    def new_process(self) -> Calling:
        queue = AlertQueue(self.sessions, load_rules(), self.settings.console_address)
        return Calling(queue, ways_of(self.settings), self.metrics, clock=lambda: self.moment)

    async def call(self, **later: float) -> tuple[int, int]:
        """Move the clock on, make the calls that are due, and count what has arrived: by web, by mail."""
        self.moment += timedelta(**later)
        await self.calling.call_due()
        await self.calling.finished()
        return len(self.web.got), len(self.post.got)

    async def state(self) -> str:
        await self.calling.call_due()
        return self.calling.state

    def counted(self, name: str, way: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"way": way}) or 0


@asynccontextmanager
async def open_room(settings: Settings) -> AsyncIterator[Room]:
    async with web_receiver() as web, mail_receiver() as post:
        room = Room(settings, web, post)
        yield room
        await room.calling.close()


async def test_calls_go_out_on_all_ways_until_they_are_acknowledged(settings: Settings) -> None:
    async with open_room(settings) as room:
        write(room.sessions, red_flag(), at=NOON)

        assert await room.call() == (1, 1)
        assert await room.call(minutes=1) == (1, 1)
        assert await room.call(minutes=1) == (2, 2)
        acknowledge(room.sessions, room.moment)
        assert await room.call(hours=1) == (2, 2)

        assert await room.state() == WORKS
        assert room.counted("bot_alerts_sent_total", "webhook") == room.counted("bot_alerts_sent_total", "e-mail") == 2


async def test_what_fails_is_told_counted_and_tried_again(settings: Settings) -> None:
    async with open_room(settings) as room:
        room.web.behaviour, room.post.behaviour = "500 Oh no", "MAIL | 550 No"
        write(room.sessions, red_flag(), at=NOON)

        assert await room.call() == (1, 0)
        assert await room.state() == "failing: 1 could not be sent since 2026-03-01 12:00 UTC"
        (alert,) = alerts_in(room.sessions)
        assert (alert.attempts, alert.error) == (1, "webhook: HTTP 500; e-mail: SMTPSenderRefused 550")
        assert room.counted("bot_alerts_failed_total", "webhook") == 1
        assert await room.call(seconds=4) == (1, 0)
        assert await room.call(seconds=1) == (2, 0)

        room.web.behaviour = room.post.behaviour = ""
        assert await room.call(seconds=10) == (3, 1)
        assert await room.state() == WORKS


async def test_one_way_that_fails_holds_nothing_up_and_is_told(settings: Settings) -> None:
    async with open_room(settings) as room:
        room.web.behaviour = "500 Oh no"
        write(room.sessions, red_flag(), at=NOON)

        assert await room.call() == (1, 1)
        assert (await room.state()).startswith("failing: ")
        assert await room.call(minutes=1) == (1, 1)
        room.web.behaviour = ""
        assert await room.call(minutes=1) == (2, 2)
        assert await room.state() == WORKS


async def test_a_receiver_that_hangs_holds_no_other_call_back(settings: Settings) -> None:
    async with open_room(settings) as room:
        room.web.behaviour = HANG
        write(room.sessions, red_flag(), at=NOON)
        await room.calling.call_due()
        await asyncio.wait_for(room.web.arrived.wait(), ARRIVES_WITHIN_S)
        room.web.behaviour = ""
        room.web.arrived.clear()
        write(room.sessions, red_flag(), at=NOON, family="another")

        await room.calling.call_due()
        await asyncio.wait_for(room.web.arrived.wait(), ARRIVES_WITHIN_S)

        families = {request["body"]["link"].rsplit("/")[-1] for request in room.web.got}
        assert families == {"family", "another"}


async def test_a_restart_forgets_nothing_and_repeats_nothing(settings: Settings) -> None:
    async with open_room(settings) as room:
        write(room.sessions, red_flag(), at=NOON)
        assert await room.call() == (1, 1)
        await room.calling.close()
        room.calling = room.new_process()

        assert await room.call(seconds=30) == (1, 1)
        assert await room.call(seconds=90) == (2, 2)


async def test_two_processes_do_not_both_call(database_settings: Settings) -> None:
    async with open_room(database_settings) as room:
        others = [room.new_process() for _ in range(3)]
        for number in range(6):
            write(room.sessions, red_flag(), at=NOON, family=f"family {number}")

        everyone = [room.calling, *others]
        for _ in range(5):  # who finds the database locked asks again
            await asyncio.gather(*(each.call_due() for each in everyone))
            await asyncio.gather(*(each.finished() for each in everyone))

        assert sorted(request["body"]["link"][-1] for request in room.web.got) == list("012345")
        assert len(room.post.got) == 6
        await asyncio.gather(*(each.close() for each in others))


async def test_a_database_that_is_away_is_told(database_settings: Settings, database_down: Down) -> None:
    async with open_room(database_settings) as room:
        write(room.sessions, red_flag(), at=NOON)
        with database_down(room.sessions.kw["bind"]):
            assert await room.state() == "failing: the database cannot be used"

        assert await room.call() == (1, 1)


async def test_nothing_of_a_family_and_no_secret_goes_out_or_into_logs(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        async with open_room(settings) as room:
            write(room.sessions, red_flag(), at=NOON)
            await room.call()
            room.web.behaviour, room.post.behaviour = "500 Oh no", "MAIL | 550 No"
            await room.call(minutes=2)
            sent = f"{room.web.got} {room.post.got}"
            stored = str([alert.error for alert in alerts_in(room.sessions)])

    assert "Red flag" in sent
    ours = [entry for entry in logs if entry["event"] == "alerts.not_sent"]
    assert len(ours) == 2
    for word in (*WORDS.split(), PHONE):
        assert word not in sent + stored + str(logs) + caplog.text
    for secret in ("secret-hook", "secret-word", "ward@a.example"):
        assert secret not in stored + str(ours)


# The whole service


@asynccontextmanager
async def running(settings: Settings, sessions: "sessionmaker[Session]") -> AsyncIterator[Service]:
    """Without a model: a red flag is answered and alerts all the same."""
    service = Service(settings, model=Path("missing.tar.gz"), sessions=sessions)
    await service.start()
    yield service
    await service.stop()


async def deliver_nothing(_reply: Reply) -> None:
    pass


async def test_a_red_flag_of_a_family_calls_by_itself(tmp_path: Path) -> None:
    async with web_receiver() as web:
        settings = settings_in(tmp_path, alert_webhook_url=f"http://127.0.0.1:{web.port}/")
        sessions = prepare_storage(settings)
        async with running(settings, sessions) as service:
            await service.turn.handle(Inbound("widget", "home", "1", "he cannot breathe"), deliver_nothing)
            await asyncio.wait_for(web.arrived.wait(), ARRIVES_WITHIN_S)
    with sessions() as session:
        code = session.scalars(select(Conversation.code)).one()

    assert (web.got[0]["body"]["kind"], web.got[0]["body"]["conversation"]) == ("red_flag", code)


async def test_a_red_flag_that_a_crash_left_too_long_ago_calls(tmp_path: Path) -> None:
    """Nobody answers it any more; and what it was answered with all the same, the spool may bring yet."""
    an_hour_ago = now() - timedelta(hours=1)
    left = [
        Inbound("widget", "home", "1", "he cannot breathe", received_at=an_hour_ago),
        Inbound("widget", "other", "2", "what is CRS?", received_at=an_hour_ago),
    ]
    async with web_receiver() as web:
        settings = settings_in(tmp_path, alert_webhook_url=f"http://127.0.0.1:{web.port}/")
        sessions = prepare_storage(settings)
        for each in left:
            ConversationStore(sessions).accept(each)
        async with running(settings, sessions):
            await asyncio.wait_for(web.arrived.wait(), ARRIVES_WITHIN_S)

    with sessions() as session:
        assert {each.tier for each in session.scalars(select(Conversation))} == {"T1", None}
    ConversationStore(sessions).record(left[0], red_flag())
    assert [(alert.kind, alert.tier, alert.goes_out) for alert in alerts_in(sessions)] == [("red_flag", "T1", True)]


async def test_a_red_flag_that_only_the_spool_could_take_calls_when_it_is_read_back(
    database_settings: Settings, database_url: str
) -> None:
    async with open_room(database_settings) as room:
        service = Service(room.settings, model=Path("missing.tar.gz"), sessions=room.sessions)
        with locked(database_url):
            await service.journal.record(inbound(), red_flag())
            assert await room.call() == (0, 0)
        await service.journal.read_back()
        with room.sessions() as session:
            room.moment = session.scalars(select(Alert.raised_at)).one()

        assert await room.call() == (1, 1)
        await service.stop()


async def test_without_an_address_nobody_is_called_and_it_is_told(settings: Settings) -> None:
    sessions: Any = prepare_storage(settings)
    async with running(settings, sessions) as service:
        write(sessions, red_flag(), at=NOON)
        await service.calling.keep_calling()

        assert (service.calling.state, service.calling.fault) == (NOBODY, None)
        assert alerts_in(sessions)[0].next_attempt_at == NOON
