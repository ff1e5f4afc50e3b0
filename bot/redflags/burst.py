"""Messages sent in quick pieces ("he is", "really", "confused"), read together."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.redflags.lexicon import FOLDER
from bot.redflags.reading import words_of


class BurstsFile(Entry):
    """What bursts.yml holds."""

    window_s: float
    pieces_maximum: int
    characters_maximum: int
    conversations_maximum: int
    acknowledgements: frozenset[str]


@dataclass
class _Piece:
    sent: float
    text: str
    answered: bool = False


class RecentPieces:
    """The last pieces of each conversation, for a short time. For one thread."""

    def __init__(self, path: Path = FOLDER / "bursts.yml", clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            path: the file of limits and acknowledgements.
            clock: seconds that only grow.

        Raises:
            DataFileError: the file is wrong; names the line and the key.
        """
        self._limits = load_data_file(path, BurstsFile)
        self._clock = clock
        self._conversations: OrderedDict[str, deque[_Piece]] = OrderedDict()

    def with_earlier(self, conversation: str, text: str) -> tuple[str, int]:
        """Put a message behind the pieces that came shortly before it, and remember it.

        A message that only says "ok thank you" stands alone where what came before it was answered.

        Returns:
            all of them as one text, and where the newest begins in it.
        """
        together = self.behind_earlier(conversation, text)
        pieces = self._conversations.setdefault(conversation, deque(maxlen=self._limits.pieces_maximum))
        self._conversations.move_to_end(conversation)
        while len(self._conversations) > self._limits.conversations_maximum:
            self._conversations.popitem(last=False)
        pieces.append(_Piece(self._clock(), text[-self._limits.characters_maximum :]))
        return together

    def behind_earlier(self, conversation: str, text: str) -> tuple[str, int]:
        """The same, without remembering it."""
        now = self._clock()
        pieces = [
            piece for piece in self._conversations.get(conversation, ()) if now - piece.sent <= self._limits.window_s
        ]
        if any(piece.answered for piece in pieces) and self._acknowledges(text):
            return text, 0
        earlier = " ".join(piece.text for piece in pieces)[-self._limits.characters_maximum :]
        return (f"{earlier} {text}", len(earlier) + 1) if earlier else (text, 0)

    def answered(self, conversation: str) -> None:
        """Remember that what was sent so far has got the fixed reply."""
        for piece in self._conversations.get(conversation, ()):
            piece.answered = True

    def forget(self, conversation: str) -> None:
        """Drop the pieces of a conversation."""
        self._conversations.pop(conversation, None)

    def _acknowledges(self, text: str) -> bool:
        return all(word.text in self._limits.acknowledgements for word in words_of(text))
