"""Two processes on one database: a family gets each reply once, and what one leaves the other carries on."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from messaging_house import QUESTION, RED_FLAG, House, hasty, new_family, new_id, patient, running, service_in, until
from vendor import Scripted, VendorServer
from vendors_say import WHATSAPP

from bot.answers.setup import prepare_storage
from bot.channels.messaging.courier import Courier
from bot.conversations import outbox
from bot.conversations.outbox import Claim, Outbox
from bot.conversations.records import Inbound, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, Reply
from bot.settings import Settings
from bot.storage.base import now

Two = Callable[[], Any]


@pytest.fixture
def two(tmp_path: Path, answers_file: Path, model: Path, vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> Two:
    """Starts two services on one database."""
    patient(monkeypatch)
    hasty(monkeypatch, tmp_path)
    own_folder = tmp_path / "other"
    url = f"sqlite:///{tmp_path}/bot.sqlite3"

    @asynccontextmanager
    async def start() -> AsyncIterator[tuple[House, House]]:
        async with running(service_in(tmp_path, answers_file, model, vendor), vendor) as one:
            own_folder.mkdir()
            other = service_in(own_folder, answers_file, model, vendor, database_url=url)
            async with running(other, vendor) as house:
                yield one, house

    return start


async def test_a_message_that_reaches_both_at_once_gets_its_answer_once(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first is answering: neither can know of the other before it writes its replies."""
    async with two() as houses:
        family, together = new_family(WHATSAPP), asyncio.Event()
        waiting = []
        for house in houses:
            turn = house.service.dialogue.turn

            async def held(*texts: Any, turn: Any = turn, **options: Any) -> Any:
                waiting.append(texts)
                if len(waiting) == 2:
                    together.set()
                await together.wait()
                return await turn(*texts, **options)

            monkeypatch.setattr(house.service.dialogue, "turn", held)
        said = WHATSAPP.text(family, QUESTION, new_id())

        assert [await house.post(WHATSAPP, said) for house in houses] == [200, 200]
        for house in houses:
            await house.idle()
        await until(lambda: {row["state"] for row in houses[0].deliveries()} == {"sent"})

        assert len(houses[0].words_to(WHATSAPP, family)) == 2
        assert len(houses[0].deliveries()) == 2


def test_of_two_that_claim_a_reply_at_the_same_moment_one_gets_it(
    database_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    outboxes = [Outbox(prepare_storage(database_settings)) for _ in range(2)]
    inbound = Inbound("whatsapp", "wh-1", "1", "hello", address="encrypted")
    reply = Reply(ANSWER, "A week.", 1)
    store = ConversationStore(prepare_storage(database_settings))
    store.accept(inbound)
    store.record(inbound, Outcome((reply,), None, None, None, None, "abc", 9))
    both_have_read, claiming = threading.Barrier(2), outbox._claiming

    def held(*values: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_have_read.wait(timeout=0.05)  # in vain where the second may only read after the first has written
        return claiming(*values)

    monkeypatch.setattr(outbox, "_claiming", held)
    claim = Claim(reply.id, now() + timedelta(seconds=30))
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda each: each.carry([], [claim], now())[1], outboxes))

    assert sorted(answer[reply.id] for answer in answers) == [False, True]


async def test_messages_that_come_by_turns_are_answered_once_each(two: Two) -> None:
    async with two() as houses:
        families = [new_family(WHATSAPP) for _ in range(3)]
        said = [WHATSAPP.text(family, words, new_id()) for family in families for words in (QUESTION, "thank you")]
        for number, webhook in enumerate(said):
            for house in (houses[number % 2], houses[(number + 1) % 2]):
                assert await house.post(WHATSAPP, webhook) == 200
                await house.idle()

        assert [len(houses[0].words_to(WHATSAPP, family)) for family in families] == [3, 3, 3]


async def test_while_a_vendor_is_away_no_reply_is_sent_by_both_or_overtakes_another(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two() as houses:
        vendor, family, flagged = houses[0].vendor, new_family(WHATSAPP), new_family(WHATSAPP)
        journal, may_look = houses[1].service.journal, asyncio.Event()
        due = journal.due

        async def held(channels: Any, **of: int) -> Any:
            return await due(channels, **of) if may_look.is_set() else []

        monkeypatch.setattr(journal, "due", held)
        vendor.down()
        words = ["What is CRS?", "thank you", "How is CRS graded?", "hello"]
        for text in words:
            await houses[0].post(WHATSAPP, WHATSAPP.text(family, text, new_id()))
            await houses[0].messaging.intake.finished()
        await houses[1].post(WHATSAPP, WHATSAPP.text(flagged, RED_FLAG, new_id()))
        await houses[1].messaging.intake.finished()
        may_look.set()
        failed = "SELECT id FROM delivery WHERE attempts > 2"
        await until(lambda: len(houses[0].rows(failed)) >= 2)
        vendor.delay_s = 0.1  # so long a reply is being sent, while the other process looks
        vendor.up()
        await until(lambda: {row["state"] for row in houses[0].deliveries()} == {"sent"})
        for house in houses:
            await house.idle()

        told = houses[0].words_to(WHATSAPP, family)
        log = houses[0].rows(
            "SELECT m.text FROM message m JOIN conversation c ON c.id = m.conversation_id WHERE direction = 'out'"
            " AND c.id = (SELECT min(id) FROM conversation) ORDER BY m.id"
        )
        assert [text[:30] for text in told] == [row["text"][:30] for row in log]
        assert len(told) == len(words) + 1
        assert [text[:4] for text in houses[0].words_to(WHATSAPP, flagged)] == ["Call", "I am"]


async def test_what_a_stopped_process_was_sending_the_other_sends_when_the_lease_is_over(
    two: Two, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hasty(monkeypatch, tmp_path, under_way_s=0.5)
    monkeypatch.setattr("bot.conversations.store.UNDER_WAY", timedelta(seconds=0.5))
    stop = asyncio.Event()

    async with two() as (one, other):
        send = Courier._send_parts

        async def stopped(courier: Courier, parcel: Any) -> str:
            if courier is one.messaging.courier:
                await stop.wait()  # as if the process were gone: it sends nothing, and writes nothing down
            return await send(courier, parcel)

        monkeypatch.setattr(Courier, "_send_parts", stopped)
        families = [new_family(WHATSAPP), new_family(WHATSAPP)]
        for family, words in zip(families, (QUESTION, RED_FLAG), strict=True):
            assert await one.post(WHATSAPP, WHATSAPP.text(family, words, new_id())) == 200

        await until(lambda: {row["state"] for row in other.deliveries()} == {"sent"})
        assert [len(other.words_to(WHATSAPP, family)) for family in families] == [2, 2]
        repeated = {(row["kind"], row["possibly_repeated"]) for row in other.deliveries()}
        assert repeated == {("notice", 1), ("answer", 0), ("emergency", 1), ("notice", 0)}
        monkeypatch.undo()
        for task in one.messaging.courier._carrying.values():
            task.cancel()


async def test_a_reply_that_is_slow_to_go_out_is_not_sent_by_the_other(two: Two) -> None:
    async with two() as (one, other):
        family = new_family(WHATSAPP)
        one.vendor.script(Scripted(delay_s=0.7), times=2)

        await one.post(WHATSAPP, WHATSAPP.text(family, RED_FLAG, new_id()))
        await one.idle()
        await other.idle()

        assert len(one.words_to(WHATSAPP, family)) == 2
