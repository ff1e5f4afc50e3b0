"""Replies as plain text, for channels without pages: WhatsApp's marks, numbered options, parts of limited length."""

import re
from collections.abc import Sequence

PART_MAXIMUM = 4096  # characters in one message of WhatsApp
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"^[-*]\s+", re.M)
# Where a part may end, the best place first: between paragraphs, lines, sentences, words.
_PLACES = tuple(re.compile(pattern) for pattern in (r"\n\n+", r"\n", r"(?<=[.!?…。！？])\s+", r"\s+"))


def plain_text(text: str) -> str:
    """A text with WhatsApp's marks instead of ours: *bold*, a dot before an item, a link's address behind its title."""
    text = _ITEM.sub("• ", text.strip())
    text = _LINK.sub(lambda link: link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})", text)
    return _BOLD.sub(r"*\1*", text)


def numbered(titles: Sequence[str]) -> str:
    """Buttons as options that a family picks by number; empty where there are none."""
    return "\n".join(f"{number}. {title}" for number, title in enumerate(titles, start=1))


def parts_of(text: str, maximum: int = PART_MAXIMUM) -> list[str]:
    """A text in parts of limited length, each ending where a paragraph, a line, a sentence or a word does.

    Args:
        text: the text.
        maximum: characters of a part.
    """
    parts = []
    text = text.strip()
    while len(text) > maximum:
        end = _end_of_part(text, maximum)
        parts.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*parts, text] if text else parts


def _end_of_part(text: str, maximum: int) -> int:
    for place in _PLACES:
        ends = [found.start() for found in place.finditer(text, 0, maximum + 1) if 0 < found.start() <= maximum]
        if ends:
            return ends[-1]
    return maximum


def as_messages(text: str, titles: Sequence[str] = (), maximum: int = PART_MAXIMUM) -> list[str]:
    """A reply as the messages it is sent as; its options stand at the end of the last one.

    Args:
        text: of the reply.
        titles: of its buttons.
        maximum: characters of a message.
    """
    return parts_of("\n\n".join(part for part in (plain_text(text), numbered(titles)) if part), maximum)
