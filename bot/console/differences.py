"""What differs between two texts, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

SAME, ADDED, REMOVED = "same", "added", "removed"
_WORD = re.compile(r"[ \t]*[^\s]+|\n+|[ \t]+")


@dataclass(frozen=True)
class Piece:
    """Words that both texts have, or only the newer (added) or the older (removed) one."""

    kind: str
    text: str


def differences(older: str, newer: str) -> list[Piece]:
    """The pieces of both texts in reading order; what is removed stands before what is added in its place."""
    before, after = _WORD.findall(older), _WORD.findall(newer)
    pieces: list[Piece] = []
    for how, start, end, new_start, new_end in SequenceMatcher(None, before, after, False).get_opcodes():
        if how == "equal":
            pieces += _piece(SAME, before[start:end])
        else:
            pieces += [*_piece(REMOVED, before[start:end]), *_piece(ADDED, after[new_start:new_end])]
    return pieces


def is_changed(pieces: Sequence[Piece]) -> bool:
    """Whether anything differs."""
    return any(piece.kind != SAME for piece in pieces)


def _piece(kind: str, words: Sequence[str]) -> list[Piece]:
    return [Piece(kind, "".join(words))] if words else []
