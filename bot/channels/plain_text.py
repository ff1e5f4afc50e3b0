"""Replies for channels without pages: a channel's marks, numbered options, parts of limited length."""

import html
import re
from collections.abc import Callable, Sequence

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"^[-*]\s+", re.M)
# Where a part may end, the best place first: between paragraphs, lines, sentences, words.
_PLACES = tuple(re.compile(pattern) for pattern in (r"\n\n+", r"\n", r"(?<=[.!?…。！？])\s+", r"\s+"))


def _title_and_address(link: "re.Match[str]") -> str:
    return link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})"


# How a channel writes bold words and links, and whether its marks make `&`, `<` and `>` special.
_MARKS: dict[str, tuple[str, str | Callable[["re.Match[str]"], str], bool]] = {
    "star": (r"*\1*", _title_and_address, False),
    "slack": (r"*\1*", r"<\2|\1>", True),
    "html": (r"<b>\1</b>", r'<a href="\2">\1</a>', True),
    "none": (r"\1", _title_and_address, False),
}
MARKS = tuple(_MARKS)


def length(text: str) -> int:
    """A text's length as vendors count at most: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def marked(text: str, marks: str = "star") -> str:
    """A text with a channel's marks instead of ours, and a dot before each item of a list.

    Args:
        text: with our marks.
        marks: one of `MARKS`.
    """
    bold, link, escapes = _MARKS[marks]
    text = _ITEM.sub("• ", text.strip())
    if escapes:
        text = html.escape(text, quote=marks == "html")
    return _BOLD.sub(bold, _LINK.sub(link, text))


def numbered(titles: Sequence[str]) -> str:
    """Options that a family picks by number; empty where there are none."""
    return "\n".join(f"{number}. {title}" for number, title in enumerate(titles, start=1))


def parts_of(text: str, maximum: int) -> list[str]:
    """A text in parts of limited length, each ending where a paragraph, a line, a sentence or a word does.

    Args:
        text: the text.
        maximum: UTF-16 units of a part; 2 or more.
    """
    parts = []
    text = text.strip()
    while length(text) > maximum:
        end = _end_of_part(text, _fitting(text, maximum))
        parts.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*parts, text] if text else parts


def _fitting(text: str, maximum: int) -> int:
    """How many characters fit."""
    count = maximum
    while length(text[:count]) > maximum:
        count -= max(1, (length(text[:count]) - maximum) // 2)
    return count


def _end_of_part(text: str, maximum: int) -> int:
    for place in _PLACES:
        ends = [found.start() for found in place.finditer(text, 0, maximum + 1) if 0 < found.start() <= maximum]
        if ends:
            return ends[-1]
    return maximum
