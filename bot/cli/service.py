"""`bot run`, `ask`, `redflags`, `train` and `evaluate`."""

import asyncio
import sys

import click

from bot.cli.common import lines_of_input, read_settings, user_errors


@click.command()
@click.option("--host", help="The address to listen on (BOT_HOST; 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (BOT_PORT; 8000).")
@user_errors
def run(host: str | None, port: int | None) -> None:
    """Migrate, load the answers, train if needed, and serve everything on one port until Ctrl-C."""
    settings = read_settings(host=host, port=port)
    settings.check_fit_to_serve()
    from bot.channels.configured import check_channels
    from bot.server import serve

    check_channels(settings)
    serve(settings)


@click.command()
@click.argument("text", required=False)
@click.option(
    "--jsonl", is_flag=True, help="Read a message per line from standard input, write a JSON object per line."
)
@user_errors
def ask(text: str | None, jsonl: bool) -> None:
    """Show what a family would see for one message. No server is needed.

    With --jsonl each line of standard input is plain text or {"text": …, "conversation": …}; lines with the same
    conversation share one, a line without has one of its own.
    """
    if jsonl == (text is not None):
        raise click.UsageError("give either a TEXT or --jsonl")
    settings = read_settings()
    from bot.asking import ask_lines, ask_once

    if jsonl:
        asyncio.run(ask_lines(settings, lines_of_input(), sys.stdout))
    else:
        click.echo(asyncio.run(ask_once(settings, text or "")))


@click.command()
@click.option("--jsonl", is_flag=True, required=True, help="Read a message per line, write a JSON object per line.")
@user_errors
def redflags(jsonl: bool) -> None:
    """Detect red flags alone, without Rasa and without a database."""
    assert jsonl
    settings = read_settings(log_level="ERROR")
    from bot.redflags.command import detect_lines

    detect_lines(lines_of_input(), sys.stdout, settings.models_dir)


@click.command()
@click.option("--force", is_flag=True, help="Train even if nothing changed.")
@user_errors
def train(force: bool) -> None:
    """Train the model, if anything that it is made of changed."""
    settings = read_settings()
    from bot.dialogue.training import train as train_model

    model, trained = train_model(settings.models_dir, force=force)
    click.echo(f"{'trained' if trained else 'nothing changed since'}: {model}")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--redflags", is_flag=True, help="Measure the detection of red flags, on any number of files.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--voices/--no-voices", default=True, help="Also leave each voice of the examples out in turn.")
@user_errors
def evaluate(files: tuple[str, ...], redflags: bool, as_json: bool, voices: bool) -> None:
    """Measure on labelled TSV files.

    Understanding: one file with the columns text and topic. Red flags (--redflags): files with text and one of family,
    symptom, phenomenon (each message mentions one; perhaps tier), kind (none does) or mentions_red_flag (yes or no).
    """
    settings = read_settings(log_level="ERROR")
    if redflags:
        from bot.evaluation.red_flags import evaluate_red_flags

        click.echo(evaluate_red_flags(settings, files, as_json=as_json, voices=voices))
        return
    if len(files) > 1:
        raise click.UsageError("understanding is measured on one file at a time")
    from bot.evaluation.report import evaluate_topics

    click.echo(evaluate_topics(settings, files[0], as_json=as_json, voices=voices))
