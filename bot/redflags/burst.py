"""Messages sent in quick pieces ("he is", "really", "confused"), read together."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_S = 30.0  # how long after a piece the next one still continues it
PIECES_MAXIMUM = 6  # read together with the newest
CHARACTERS_MAXIMUM = 600  # of earlier pieces; longer messages are no pieces
CONVERSATIONS_MAXIMUM = 2000


class RecentPieces:
    """The last pieces of each conversation, for a short time. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            clock: seconds that only grow.
        """
        self._clock = clock
        self._conversations: OrderedDict[str, deque[tuple[float, str]]] = OrderedDict()

    def with_earlier(self, conversation: str, text: str) -> tuple[str, int]:
        """Put a message behind the pieces that came shortly before it, and remember it.

        Returns:
            all of them as one text, and where the newest begins in it.
        """
        now = self._clock()
        pieces = self._conversations.setdefault(conversation, deque(maxlen=PIECES_MAXIMUM))
        self._conversations.move_to_end(conversation)
        while len(self._conversations) > CONVERSATIONS_MAXIMUM:
            self._conversations.popitem(last=False)
        while pieces and now - pieces[0][0] > WINDOW_S:
            pieces.popleft()
        earlier = " ".join(piece for _, piece in pieces)[-CHARACTERS_MAXIMUM:]
        pieces.append((now, text[-CHARACTERS_MAXIMUM:]))
        return (f"{earlier} {text}", len(earlier) + 1) if earlier else (text, 0)

    def forget(self, conversation: str) -> None:
        """Begin anew: what was sent so far has been answered."""
        self._conversations.pop(conversation, None)
