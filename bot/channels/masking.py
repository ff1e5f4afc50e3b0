"""What navigators see of the id that a vendor knows a family by."""

_AT_MOST = 5  # characters
_AT_THE_END = 2
_DOTS = "•••••"


def masked_id(value: str) -> str:
    """An id with its first and last characters, a third of it at most; the dots do not tell how many are hidden."""
    shown = min(_AT_MOST, len(value) // 3)
    at_the_end = min(_AT_THE_END, shown)
    return value[: shown - at_the_end] + _DOTS + value[len(value) - at_the_end :]
