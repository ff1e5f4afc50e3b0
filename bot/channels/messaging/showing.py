"""A reply as the messages that a channel can show: marks, parts of limited length, options as it allows them."""

from collections.abc import Sequence

from bot.channels.base import Option, Part
from bot.channels.messaging.rules import Limits, Way
from bot.channels.plain_text import length, marked, numbered, parts_of
from bot.replies import Button, Reply

ELLIPSIS = "…"


def parts_for(reply: Reply, limits: Limits) -> list[Part]:
    """The messages that a reply is sent as; its options stand under the last one.

    Args:
        reply: what is sent.
        limits: of the channel.
    """
    way = way_for(reply.buttons, limits)
    if way is None:
        text = "\n\n".join(part for part in (reply.text.strip(), numbered(_titles(reply))) if part)
        return [Part(marked(part, limits.marks)) for part in parts_of(text, limits.text)]
    options = tuple(
        Option(cut(button.title, way.title), _description(button.title, way), token_of(reply, position))
        for position, button in enumerate(reply.buttons, start=1)
    )
    text = reply.text.strip()
    if _needs_whole_titles(reply.buttons, way):
        text = f"{text}\n\n{numbered(_titles(reply))}"
        options = tuple(
            Option(cut(f"{position}. {button.title}", way.title), "", option.token)
            for position, (button, option) in enumerate(zip(reply.buttons, options, strict=True), start=1)
        )
    *first, last = parts_of(text, limits.text)
    *middle, last = parts_of(last, way.text)
    plain = [Part(marked(part, limits.marks)) for part in (*first, *middle)]
    return [*plain, Part(marked(last, limits.marks), options, way.shown_as, way.label)]


def is_numbered(reply: Reply, limits: Limits) -> bool:
    """Whether a reply's options were numbered in its text, so that a family may pick one by its number."""
    way = way_for(reply.buttons, limits)
    return bool(reply.buttons) and (way is None or _needs_whole_titles(reply.buttons, way))


def way_for(buttons: Sequence[Button], limits: Limits) -> Way | None:
    """How options are shown: the first way that fits them; None where they are numbered in the text."""
    if not buttons:
        return None
    return next((way for way in limits.options if _fits(buttons, way)), None)


def token_of(reply: Reply, position: int) -> str:
    """What comes back when an option is pressed: its place; what it means is known to this service alone."""
    return f"b:{reply.id}:{position}"


def cut(title: str, maximum: int) -> str:
    """A title that fits, ending where a word does."""
    if length(title) <= maximum:
        return title
    room = maximum - length(ELLIPSIS)
    kept = title
    while length(kept) > room:
        kept = kept[:-1]
    at_word = kept.rpartition(" ")[0] if title[len(kept)] != " " else kept
    # A single long word is cut within: half of the room is too much to give away.
    kept = at_word if length(at_word) > room // 2 else kept
    return kept.rstrip(" ,;:(-") + ELLIPSIS


def _fits(buttons: Sequence[Button], way: Way) -> bool:
    if len(buttons) > way.most:
        return False
    whole = all(length(button.title) <= way.title for button in buttons)
    return whole or way.cut


def _needs_whole_titles(buttons: Sequence[Button], way: Way) -> bool:
    """Whether the way cuts titles and has no other place for the whole ones, or cuts two of them to the same one."""
    if any(length(button.title) > max(way.title, way.description) for button in buttons):
        return True
    return len({cut(button.title, way.title) for button in buttons}) < len(buttons)


def _description(title: str, way: Way) -> str:
    return title if length(title) > way.title and length(title) <= way.description else ""


def _titles(reply: Reply) -> list[str]:
    return [button.title for button in reply.buttons]
