"""What happens in conversations, handed to the pages that listen, within this process."""

import asyncio
from collections import deque
from dataclasses import dataclass

from bot.replies import Reply

WAITING_MAXIMUM = 64  # events that one listener may leave waiting; a slower one is cut off and catches up from the log
LISTENERS_MAXIMUM = 8  # to one conversation; the one that has listened longest makes room


@dataclass(frozen=True)
class TurnOver:
    """A turn is over: nothing more comes for its message."""

    message: str  # what the page calls it


Event = Reply | TurnOver


class Subscription:
    """What one listener has not heard yet."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._changed = asyncio.Event()
        self.closed = False

    def put(self, event: Event) -> None:
        """Hand an event over; a listener that leaves too many waiting is cut off."""
        if len(self._waiting) >= WAITING_MAXIMUM:
            self.close()
        if not self.closed:
            self._waiting.append(event)
            self._changed.set()

    async def next(self, *, within_s: float) -> Event | None:
        """The next event; None where none came in time, or none will come: then the subscription is closed."""
        if not self._waiting and not self.closed:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), within_s)
            except asyncio.TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Hand over nothing more. What is waiting is dropped: the listener comes back for it."""
        self.closed = True
        self._waiting.clear()
        self._changed.set()


class LiveTurn:
    """A turn under way: what it delivers goes to all who listen, and to those who begin to before it is over."""

    def __init__(self, broker: "EventBroker", conversation: str, message: str) -> None:
        self._broker = broker
        self._conversation = conversation
        self._message = message
        self.delivered: list[Reply] = []

    def deliver(self, reply: Reply) -> None:
        """A reply is on its way."""
        self.delivered.append(reply)
        self._broker.publish(self._conversation, reply)

    def over(self) -> None:
        """The turn is over; what it delivered is in the log."""
        self._broker.end_turn(self._conversation, self)
        self._broker.publish(self._conversation, TurnOver(self._message))


class EventBroker:
    """Who listens to which conversation. For one event loop; nothing here waits."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Subscription]] = {}
        self._turns: dict[str, list[LiveTurn]] = {}
        self._closed = False

    def begin_turn(self, conversation: str, message: str) -> LiveTurn:
        """A turn begins.

        Args:
            conversation: the conversation's key.
            message: what the page calls its message.
        """
        turn = LiveTurn(self, conversation, message)
        self._turns.setdefault(conversation, []).append(turn)
        return turn

    def end_turn(self, conversation: str, turn: LiveTurn) -> None:
        """A turn is over; see `LiveTurn.over`."""
        self._turns[conversation].remove(turn)
        if not self._turns[conversation]:
            del self._turns[conversation]

    def on_their_way(self, conversation: str) -> list[Reply]:
        """What turns that are not over have delivered: the log may not have it yet."""
        return [reply for turn in self._turns.get(conversation, ()) for reply in turn.delivered]

    def subscribe(self, conversation: str) -> Subscription:
        """Begin to listen; what is on its way comes first."""
        subscription = Subscription()
        for reply in self.on_their_way(conversation):
            subscription.put(reply)
        if self._closed:
            subscription.close()
        listeners = self._listeners.setdefault(conversation, [])
        listeners.append(subscription)
        if len(listeners) > LISTENERS_MAXIMUM:
            self.unsubscribe(conversation, listeners[0])
        return subscription

    def unsubscribe(self, conversation: str, subscription: Subscription) -> None:
        """End listening; does nothing the second time."""
        subscription.close()
        listeners = self._listeners.get(conversation, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._listeners.pop(conversation, None)

    def publish(self, conversation: str, event: Event) -> None:
        """Hand an event to all who listen; those who are too slow are cut off."""
        for subscription in list(self._listeners.get(conversation, ())):
            subscription.put(event)
            if subscription.closed:
                self.unsubscribe(conversation, subscription)

    def end(self, conversation: str) -> None:
        """End all listening to a conversation: it was erased."""
        for subscription in list(self._listeners.get(conversation, ())):
            self.unsubscribe(conversation, subscription)

    def close(self) -> None:
        """End all listening: the service stops, and an open stream must not hold it up."""
        self._closed = True
        for conversation in list(self._listeners):
            self.end(conversation)
