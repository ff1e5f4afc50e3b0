"""The few marks that answers use, as the widget shows them: paragraphs, lists, **bold**, links.

The result is plain values that a template escapes, never HTML.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

PARAGRAPH, LIST, NUMBERED = "p", "ul", "ol"
SCHEMES = ("https", "http", "mailto", "tel")  # of addresses that may be followed
_MARKS = re.compile(r"(\*\*.+?\*\*|\[[^\]\n]+\]\([^)\s]+\)|\bhttps?://[^\s<>\"]*[^\s<>\".,;:!?)])")
_LINK = re.compile(r"\[(.+)\]\((.+)\)")
_ITEM = re.compile(r"(?:[-*]|(\d+)[.)])\s+")


@dataclass(frozen=True)
class Span:
    """A piece of a line; `address` is empty where it is no link."""

    text: str
    strong: bool = False
    address: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a paragraph, or an item of a list; `number` is empty where it has none."""

    spans: tuple[Span, ...]
    number: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph or a list; `tag` is that of HTML."""

    tag: str
    lines: tuple[Line, ...]


def blocks_of(text: str) -> list[Block]:
    """The paragraphs and lists of a text."""
    blocks: list[tuple[str, list[Line]]] = []
    is_open = False
    for line in text.strip().split("\n"):
        if not line.strip():
            is_open = False
            continue
        item = _ITEM.match(line)
        number = (item[1] or "") if item else ""
        tag = PARAGRAPH if item is None else NUMBERED if number else LIST
        if not is_open or blocks[-1][0] != tag:
            blocks.append((tag, []))
        content = line[item.end() :] if item else line
        blocks[-1][1].append(Line(tuple(_spans(content, strong=False)), number))
        is_open = True
    return [Block(tag, tuple(lines)) for tag, lines in blocks]


def _spans(text: str, *, strong: bool) -> list[Span]:
    spans: list[Span] = []
    for index, part in enumerate(_MARKS.split(text)):
        if index % 2 == 0:
            spans += [Span(part, strong)] if part else []
        elif part.startswith("**"):
            spans += _spans(part[2:-2], strong=True)
        else:
            link = _LINK.fullmatch(part)
            title, address = (link[1], link[2]) if link else (part, part)
            spans.append(Span(title, strong, address if _may_be_followed(address) else ""))
    return spans


def _may_be_followed(address: str) -> bool:
    try:
        return urlsplit(address).scheme.lower() in SCHEMES
    except ValueError:  # such as https://[
        return False
