"""Where in a message the lexicon's patterns can stand: thousands of patterns are looked up by their rarest word."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from bot.redflags.patterns import Item, Pattern


class PatternIndex:
    """Narrows a message down to the few stretches in which a pattern stands. Safe to use from several threads."""

    def __init__(self, patterns: Sequence[Pattern], frequency: Callable[[str], float]) -> None:
        """Index patterns.

        Args:
            patterns: what is looked for.
            frequency: how often a word is met; each pattern is looked up by its item that is met most seldom.
        """
        self._items = [pattern.items for pattern in patterns]
        self._by_anchor: dict[str, list[tuple[int, int]]] = defaultdict(list)  # word → pattern, place of the item in it
        for number, items in enumerate(self._items):
            anchor = min(range(len(items)), key=lambda place: sum(map(frequency, items[place].words)))
            for word in items[anchor].words:
                self._by_anchor[word].append((number, anchor))

    def stretches(self, texts: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
        """For the number of each pattern that is there, the stretches that hold it, the last word not included.

        The time is linear in the number of words.
        """
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place, text in enumerate(texts):
            for number, anchor in self._by_anchor.get(text, ()):
                items = self._items[number]
                first = _first(texts, items[: anchor + 1], place)
                last = None if first is None else _last(texts, items[anchor:], place)
                if first is not None and last is not None:
                    _add(found[number], first, last + 1)
        return found


def _last(texts: Sequence[str], items: Sequence[Item], place: int) -> int | None:
    """The furthest place of the last of these items, the first of which stands at a place; None if one is missing."""
    reached = {place}
    for item in items[1:]:
        reached = {
            other
            for one in reached
            for other in range(one + 1, min(one + 2 + item.gap, len(texts)))
            if texts[other] in item.words
        }
        if not reached:
            return None
    return max(reached)


def _first(texts: Sequence[str], items: Sequence[Item], place: int) -> int | None:
    """The furthest place of the first of these items, the last of which stands at a place; None if one is missing."""
    reached = {place}
    for item, behind in zip(items[-2::-1], items[:0:-1], strict=True):
        reached = {
            other for one in reached for other in range(max(one - 1 - behind.gap, 0), one) if texts[other] in item.words
        }
        if not reached:
            return None
    return min(reached)


def _add(stretches: list[tuple[int, int]], first: int, end: int) -> None:
    """Add a stretch; one that overlaps the last becomes one with it."""
    if stretches and first < stretches[-1][1]:
        before = stretches.pop()
        first, end = min(first, before[0]), max(end, before[1])
    stretches.append((first, end))
