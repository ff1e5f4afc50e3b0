"""Counting what labelled messages were answered with."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bot.answers.questions import OUT_OF_SCOPE


@dataclass(frozen=True)
class Given:
    """What one labelled message got.

    Attributes:
        expected: its label.
        answered: the topics answered; `small_talk` and `talk_to_human` stand for their fixed texts.
        offered: the topics that buttons lead to.
        refused: it was told that this is out of scope.
    """

    text: str
    expected: str
    answered: frozenset[str]
    offered: frozenset[str]
    refused: bool


@dataclass(frozen=True)
class Scores:
    """Shares of the messages, from 0 to 1; None where a file has no such message."""

    in_scope: int
    right: float | None
    another: float | None  # another topic was answered, alone or beside the right one
    clarified: float | None  # nothing was answered
    right_or_offered: float | None
    out_of_scope: int
    rejected: float | None  # nothing was answered to what is out of scope …
    refused: float | None  # … and it was said to be so
    confusions: tuple[tuple[str, str, int], ...]  # label, what was answered instead, how often


def score(given: Iterable[Given]) -> Scores:
    """Count."""
    rows = list(given)
    inside = [row for row in rows if row.expected != OUT_OF_SCOPE]
    outside = [row for row in rows if row.expected == OUT_OF_SCOPE]
    confusions: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for topic in row.answered - {row.expected}:
            confusions[row.expected, topic] += 1
    return Scores(
        in_scope=len(inside),
        right=_share(row.answered == {row.expected} for row in inside),
        another=_share(bool(row.answered - {row.expected}) for row in inside),
        clarified=_share(not row.answered for row in inside),
        right_or_offered=_share(row.expected in row.answered | row.offered for row in inside),
        out_of_scope=len(outside),
        rejected=_share(not row.answered for row in outside),
        refused=_share(row.refused for row in outside),
        confusions=tuple((label, topic, count) for (label, topic), count in confusions.most_common()),
    )


def _share(hits: Iterable[bool]) -> float | None:
    values = list(hits)
    return sum(values) / len(values) if values else None
