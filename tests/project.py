"""The project as tests use it: its command, and settings of a test's own."""

import sys
from pathlib import Path

from bot.settings import Settings, load_settings

BOT = Path(sys.executable).parent / "bot"  # the command as a user starts it


def settings_in(folder: Path, **overrides: object) -> Settings:
    """Settings whose database and spool are in a folder of the test's own."""
    return load_settings(**{"database_url": f"sqlite:///{folder}/bot.sqlite3", "var_dir": folder, **overrides})
