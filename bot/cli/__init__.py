"""The `bot` command."""

import click

from bot.cli.answers import answers
from bot.cli.doctor import doctor
from bot.cli.improve import improve
from bot.cli.logs import conversation_logs
from bot.cli.rasa import rasa_command
from bot.cli.service import ask, evaluate, redflags, run, train
from bot.cli.staff import audit, users


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Approved answers on cytokine release syndrome for families, with every red flag answered first."""


for command in (
    *(run, ask, redflags, train, evaluate, doctor),
    *(answers, conversation_logs, improve, users, audit, rasa_command),
):
    main.add_command(command)
