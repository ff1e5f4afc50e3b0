"""Where the words of a message that mention red flags begin and end, for marking them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.conversations.models import MessageRedFlag


@dataclass(frozen=True)
class Piece:
    """A part of a message.

    Attributes:
        label: which symptoms it mentions and which detectors saw them; empty for ordinary words.
    """

    text: str
    label: str = ""


def pieces_of(text: str, flags: Iterable[MessageRedFlag], titles: Mapping[str, str]) -> list[Piece]:
    """A message cut at its red flags; mentions that overlap or touch are one.

    Args:
        text: of the message.
        flags: found in it; those without a place in it mark nothing.
        titles: of the symptoms.
    """
    pieces: list[Piece] = []
    position = 0
    for start, end, labels in _spans(len(text), flags, titles):
        if start > position:
            pieces.append(Piece(text[position:start]))
        pieces.append(Piece(text[start:end], "; ".join(labels)))
        position = end
    if position < len(text):
        pieces.append(Piece(text[position:]))
    return pieces


def label_of(flag: MessageRedFlag, titles: Mapping[str, str]) -> str:
    """A red flag in words: the symptom, and who saw it."""
    return f"{titles.get(flag.symptom, flag.symptom)} ({flag.detector})"


def _spans(
    length: int, flags: Iterable[MessageRedFlag], titles: Mapping[str, str]
) -> list[tuple[int, int, dict[str, None]]]:
    placed = [flag for flag in flags if flag.start is not None and 0 <= flag.start < flag.end <= length]
    spans: list[tuple[int, int, dict[str, None]]] = []
    for flag in sorted(placed, key=lambda flag: (flag.start, flag.end)):
        label = label_of(flag, titles)
        if spans and flag.start <= spans[-1][1]:
            start, end, labels = spans.pop()
            spans.append((start, max(end, flag.end), {**labels, label: None}))
        else:
            spans.append((flag.start, flag.end, {label: None}))
    return spans
