"""The widget's script, as it is served."""

from pathlib import Path

FILE = Path(__file__).parent / "crs-chat.js"


def widget_script() -> bytes:
    """The whole script, one file."""
    return FILE.read_bytes()
