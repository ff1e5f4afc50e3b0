"""What can be read of a message before Rasa is asked."""

import re
import unicodedata

LONGEST = 4000  # characters that Rasa is asked about; the gate reads all of them
SHORTEST = 2  # letters or digits
NEW_EMOJI_FROM = "\U0001f000"  # emoji newer than Python's tables are unassigned characters there
_KEPT = "\t\n\r\x0b\x0c\x85"  # tabs and line breaks are control characters, too


def clean(text: str) -> str:
    """A message without control and invisible characters, with plain spaces between its words and lines."""
    visible = "".join(" " if character == "\t" else character for character in text if _is_visible(character))
    lines = (re.sub(r"\s+", " ", line).strip() for line in unicodedata.normalize("NFKC", visible).splitlines())
    return "\n".join(line for line in lines if line)


def fixed_text_for(cleaned: str) -> str | None:
    """The fixed text for a message that Rasa need not be asked about; None for an ordinary one.

    Args:
        cleaned: the message as `clean` gave it back.
    """
    if len(cleaned) > LONGEST:
        return "too_long"
    if not cleaned:
        return "empty"
    letters = sum(character.isalnum() for character in cleaned)
    if letters == 0:
        return "unreadable" if any(unicodedata.category(sign) in ("So", "Cn") for sign in cleaned) else "empty"
    return "empty" if letters < SHORTEST else None


def _is_visible(character: str) -> bool:
    if character in _KEPT:
        return True
    category = unicodedata.category(character)
    return category not in ("Cc", "Cf", "Cs", "Co", "Cn") or (category == "Cn" and character >= NEW_EMOJI_FROM)
