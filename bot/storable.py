"""What of a text from outside a database can hold."""


def storable(text: str) -> str:
    """A text with '?' for each lone surrogate, and without NUL.

    Bytes that are no UTF-8 become surrogates, and JSON can have them: no database takes them. PostgreSQL takes no NUL
    either; a detector reads over it, so nothing stands in its place.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
