"""The short code of a conversation, for a family to read out to staff."""

import hashlib

# Crockford's base 32: no I, L, O or U, so that nothing read aloud or copied by hand is taken for another character.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8


def conversation_code(key: str) -> str:
    """A code such as K7QM-3XPA. It opens nothing: only who can read the log can find the conversation by it.

    Args:
        key: the conversation's key, which cannot be had back from the code.
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    characters = "".join(ALPHABET[number >> 5 * place & 31] for place in range(LENGTH))
    return f"{characters[: LENGTH // 2]}-{characters[LENGTH // 2 :]}"
