"""What the commands share: settings, standard input, and one line for what the user can mend."""

import io
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from bot.errors import UserError
from bot.logs import configure_logs
from bot.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])


def user_errors(command: Command) -> Command:
    """Show what the user can mend as one line."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            raise click.ClickException(" ".join(str(error).split())) from error

    return wrapped  # type: ignore[return-value]


def read_settings(**overrides: Any) -> Settings:
    """The settings, and the log set up as they say.

    Raises:
        SettingsError: a value is wrong.
    """
    settings = load_settings(**overrides)
    configure_logs(settings.log_level)
    return settings


def lines_of_input() -> io.TextIOWrapper:
    """Standard input as UTF-8 in any locale; bytes that are none do not stop the lines after them."""
    return io.TextIOWrapper(sys.stdin.buffer, "utf-8", "replace")


def readable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse bytes that are no UTF-8, which no database takes, and line breaks."""
    if not value.isprintable():
        raise click.BadParameter("must be one line of printable text, in UTF-8")
    return value
