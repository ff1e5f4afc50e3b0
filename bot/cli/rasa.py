"""`bot rasa`."""

import sys

import click


@click.command(
    "rasa",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def rasa_command(arguments: tuple[str, ...]) -> None:
    """Rasa's own command line, without TensorFlow: bot rasa shell, test, data validate …"""
    from bot.rasa_environment import prepare

    prepare()
    from rasa.__main__ import main as rasa_main

    sys.argv = ["rasa", *arguments]
    rasa_main()
