"""bot.channels.messaging.lane: few turns at once, and arriving messages before them."""

import asyncio

import pytest

from bot.channels.messaging import lane as module
from bot.channels.messaging.lane import AT_ONCE, Lane


async def _turns(lane: Lane, count: int, over: asyncio.Event) -> tuple[list[int], "list[asyncio.Task[None]]"]:
    begun: list[int] = []

    async def turn(number: int) -> None:
        async with lane:
            begun.append(number)
            await over.wait()

    tasks = [asyncio.create_task(turn(number)) for number in range(count)]
    for _ in range(10):  # as far as they come by themselves
        await asyncio.sleep(0)
    return begun, tasks


async def test_a_few_turns_at_once_in_their_order() -> None:
    over = asyncio.Event()
    begun, tasks = await _turns(Lane(), AT_ONCE + 3, over)

    assert begun == list(range(AT_ONCE))
    over.set()
    await asyncio.gather(*tasks)
    assert begun == list(range(AT_ONCE + 3))


async def test_a_turn_waits_until_arriving_messages_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 60)
    lane, over = Lane(), asyncio.Event()
    lane.arrives()
    lane.arrives()
    begun, tasks = await _turns(lane, 1, over)
    assert begun == []

    lane.is_in()
    await asyncio.sleep(0)
    assert begun == []

    lane.is_in()
    over.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert begun == [0]


async def test_a_turn_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    lane, over = Lane(), asyncio.Event()
    lane.arrives()
    over.set()

    begun, tasks = await _turns(lane, 1, over)
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert begun == [0]


async def test_a_turn_that_is_given_up_while_it_waits_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 60)
    lane, over = Lane(), asyncio.Event()
    lane.arrives()
    _, tasks = await _turns(lane, AT_ONCE, over)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    lane.is_in()
    over.set()
    begun, tasks = await _turns(lane, AT_ONCE, over)
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert begun == list(range(AT_ONCE))
