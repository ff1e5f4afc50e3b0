"""The lines that `bot ask --jsonl` and `bot redflags --jsonl` read."""

import json

from bot.errors import UserError
from bot.storable import storable


class InputError(UserError):
    """A line of the input is not what it should be; the message names the line."""


def read_line(line: str, number: int) -> tuple[str, str | None]:
    """The message on a line, and its conversation where it names one.

    Args:
        line: plain text, or a JSON object with `text` and perhaps `conversation`.
        number: the line's number, for the error.

    Raises:
        InputError: the line is a JSON object, but not of that form.
    """
    line = line.rstrip("\r\n")
    try:
        values = json.loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        values = None  # text that happens to begin with a brace
    if values is None:
        return storable(line), None
    text, conversation = values.get("text"), values.get("conversation")
    if not isinstance(text, str):
        raise InputError(f"line {number}: the object has no 'text' that is a string")
    if conversation is not None and not isinstance(conversation, str):
        raise InputError(f"line {number}: 'conversation' must be a string")
    return storable(text), conversation
