"""Rasa's memory of conversations: short, bounded, and of no importance: the record is our own log."""

import time
from collections import OrderedDict

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

# Every rule looks at the last message only, and a turn costs time for each event: uncapped, turn 390 took 121 ms
# instead of 4.6.
EVENTS_MAXIMUM = 24
CONVERSATIONS_MAXIMUM = 200  # about 45 kB each
AGE_MAXIMUM_S = 6 * 60 * 60


class RecentTrackers(TrackerStore):
    """Keeps the trackers of the conversations used last; an older one begins anew with the topic from the log.

    The trackers themselves are kept, not a serialised copy: reading one back took 3 ms of a turn. Whoever breaks off a
    turn half way must `forget` its conversation.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.max_event_history = EVENTS_MAXIMUM
        self._trackers: OrderedDict[str, tuple[DialogueStateTracker, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._trackers)

    async def begin(self, conversation: str, topic: str | None) -> None:
        """Begin a conversation that is not remembered, with the topic that the log knows.

        Rasa would do so itself, but without the limit on events: its wrapper around the store forgets it.
        """
        tracker = self.init_tracker(conversation)
        tracker.update_with_events([ActionExecuted(ACTION_LISTEN_NAME), SlotSet("topic", topic)], self.domain)
        await self.save(tracker)

    def holds(self, conversation: str) -> bool:
        """Whether a conversation is remembered."""
        return conversation in self._trackers

    def forget(self, conversation: str) -> None:
        """Drop a conversation."""
        self._trackers.pop(conversation, None)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Remember a conversation, and forget the oldest ones."""
        now = time.monotonic()
        self._trackers[tracker.sender_id] = tracker, now
        self._trackers.move_to_end(tracker.sender_id)
        while self._trackers:
            oldest, (_, used) = next(iter(self._trackers.items()))
            if len(self._trackers) <= CONVERSATIONS_MAXIMUM and now - used < AGE_MAXIMUM_S:
                break
            del self._trackers[oldest]

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """A remembered conversation; None for any other."""
        found = self._trackers.get(sender_id)
        return found[0] if found else None
