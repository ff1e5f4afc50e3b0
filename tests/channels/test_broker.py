"""bot.channels.broker: who listens hears everything, in order, and nobody waits for a slow listener."""

import asyncio

import pytest

from bot.channels.broker import LISTENERS_MAXIMUM, WAITING_MAXIMUM, Event, EventBroker, Subscription, TurnOver
from bot.replies import ANSWER, Reply

SOON_S = 30  # far above any limit here: a test that takes as long hangs


def reply(text: str) -> Reply:
    return Reply(ANSWER, text, 1)


@pytest.fixture
def broker() -> EventBroker:
    return EventBroker()


async def heard(subscription: Subscription, count: int) -> list[Event | None]:
    return [await subscription.next(within_s=SOON_S) for _ in range(count)]


async def test_all_who_listen_hear_everything_in_order(broker: EventBroker) -> None:
    listeners = [broker.subscribe("mine") for _ in range(2)]
    other = broker.subscribe("other")
    turn, first, second = broker.begin_turn("mine", "1"), reply("first"), reply("second")

    turn.deliver(first)
    turn.deliver(second)
    turn.over()

    assert [await heard(listener, 3) for listener in listeners] == [[first, second, TurnOver("1")]] * 2
    assert await other.next(within_s=0.001) is None


async def test_a_listener_that_waits_is_woken(broker: EventBroker) -> None:
    waiting = asyncio.create_task(broker.subscribe("mine").next(within_s=SOON_S))
    await asyncio.sleep(0)
    broker.begin_turn("mine", "1").over()

    assert await waiting == TurnOver("1")


async def test_what_is_on_its_way_comes_first_until_the_turn_is_over(broker: EventBroker) -> None:
    turn, first, second = broker.begin_turn("mine", "1"), reply("first"), reply("second")
    turn.deliver(first)

    early = broker.subscribe("mine")
    turn.deliver(second)
    assert broker.on_their_way("mine") == [first, second]
    turn.over()
    late = broker.subscribe("mine")

    assert await heard(early, 3) == [first, second, TurnOver("1")]
    assert await late.next(within_s=0.001) is None
    assert broker.on_their_way("mine") == []


async def test_one_who_is_too_slow_is_cut_off_and_no_other(broker: EventBroker) -> None:
    slow, quick = broker.subscribe("mine"), broker.subscribe("mine")
    turn = broker.begin_turn("mine", "1")

    for number in range(WAITING_MAXIMUM + 1):
        turn.deliver(reply(str(number)))
        assert isinstance(await quick.next(within_s=SOON_S), Reply)

    assert (slow.closed, quick.closed) == (True, False)
    assert await slow.next(within_s=SOON_S) is None
    assert broker._listeners == {"mine": [quick]}


async def test_of_too_many_listeners_the_oldest_makes_room(broker: EventBroker) -> None:
    listeners = [broker.subscribe("mine") for _ in range(LISTENERS_MAXIMUM + 2)]

    assert [listener.closed for listener in listeners] == [True] * 2 + [False] * LISTENERS_MAXIMUM


async def test_nothing_is_left_of_listeners_and_turns(broker: EventBroker) -> None:
    subscription = broker.subscribe("mine")
    broker.begin_turn("mine", "1").over()

    for _ in range(2):
        broker.unsubscribe("mine", subscription)

    assert (broker._listeners, broker._turns) == ({}, {})


async def test_an_erased_conversation_has_no_listeners(broker: EventBroker) -> None:
    mine, other = broker.subscribe("mine"), broker.subscribe("other")

    broker.end("mine")

    assert (mine.closed, other.closed) == (True, False)


async def test_a_closed_broker_wakes_all_and_takes_no_new_ones(broker: EventBroker) -> None:
    waiting = asyncio.create_task(broker.subscribe("mine").next(within_s=SOON_S))
    await asyncio.sleep(0)

    broker.close()

    assert await waiting is None
    assert broker.subscribe("mine").closed
