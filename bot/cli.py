"""The `bot` command."""

import asyncio
import io
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import wraps
from typing import Any, TypeVar

import click

from bot.errors import UserError
from bot.logs import configure_logs
from bot.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])


def _user_errors(command: Command) -> Command:
    """Show what the user can mend as one line."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            raise click.ClickException(" ".join(str(error).split())) from error

    return wrapped  # type: ignore[return-value]


def _settings(**overrides: Any) -> Settings:
    settings = load_settings(**overrides)
    configure_logs(settings.log_level)
    return settings


def _lines_of_input() -> io.TextIOWrapper:
    """Standard input as UTF-8 in any locale; bytes that are none do not stop the lines after them."""
    return io.TextIOWrapper(sys.stdin.buffer, "utf-8", "replace")


def _readable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse bytes that are no UTF-8, which no database takes, and line breaks."""
    if not value.isprintable():
        raise click.BadParameter("must be one line of printable text, in UTF-8")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Approved answers on cytokine release syndrome for families, with every red flag answered first."""


@main.command()
@click.option("--host", help="The address to listen on (BOT_HOST; 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (BOT_PORT; 8000).")
@_user_errors
def run(host: str | None, port: int | None) -> None:
    """Migrate, load the answers, train if needed, and serve everything on one port until Ctrl-C."""
    settings = _settings(host=host, port=port)
    settings.check_fit_to_serve()
    from bot.server import serve

    serve(settings)


@main.command()
@click.argument("text", required=False)
@click.option(
    "--jsonl", is_flag=True, help="Read a message per line from standard input, write a JSON object per line."
)
@_user_errors
def ask(text: str | None, jsonl: bool) -> None:
    """Show what a family would see for one message. No server is needed.

    With --jsonl each line of standard input is plain text or {"text": …, "conversation": …}; lines with the same
    conversation share one, a line without has one of its own.
    """
    if jsonl == (text is not None):
        raise click.UsageError("give either a TEXT or --jsonl")
    settings = _settings()
    from bot.asking import ask_lines, ask_once

    if jsonl:
        asyncio.run(ask_lines(settings, _lines_of_input(), sys.stdout))
    else:
        click.echo(asyncio.run(ask_once(settings, text or "")))


@main.command()
@click.option("--jsonl", is_flag=True, required=True, help="Read a message per line, write a JSON object per line.")
@_user_errors
def redflags(jsonl: bool) -> None:
    """Detect red flags alone, without Rasa and without a database."""
    assert jsonl
    settings = _settings(log_level="ERROR")
    from bot.redflags.command import detect_lines

    detect_lines(_lines_of_input(), sys.stdout, settings.models_dir)


@main.command()
@click.option("--force", is_flag=True, help="Train even if nothing changed.")
@_user_errors
def train(force: bool) -> None:
    """Train the model, if anything that it is made of changed."""
    settings = _settings()
    from bot.dialogue.training import train as train_model

    model, trained = train_model(settings.models_dir, force=force)
    click.echo(f"{'trained' if trained else 'nothing changed since'}: {model}")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--redflags", is_flag=True, help="Measure the detection of red flags, on any number of files.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--voices/--no-voices", default=True, help="Also leave each voice of the examples out in turn.")
@_user_errors
def evaluate(files: tuple[str, ...], redflags: bool, as_json: bool, voices: bool) -> None:
    """Measure on labelled TSV files.

    Understanding: one file with the columns text and topic. Red flags (--redflags): files with text and one of family,
    symptom, phenomenon (each message mentions one; perhaps tier), kind (none does) or mentions_red_flag (yes or no).
    """
    settings = _settings(log_level="ERROR")
    if redflags:
        from bot.evaluation.red_flags import evaluate_red_flags

        click.echo(evaluate_red_flags(settings, files, as_json=as_json, voices=voices))
        return
    if len(files) > 1:
        raise click.UsageError("understanding is measured on one file at a time")
    from bot.evaluation.report import evaluate_topics

    click.echo(evaluate_topics(settings, files[0], as_json=as_json, voices=voices))


@main.group()
def answers() -> None:
    """The approved answers: load, list, show, publish, retire, export."""


@answers.command("load")
@click.argument("file", type=click.Path(dir_okay=False), default=None, required=False)
@click.option("--draft", is_flag=True, help="Store changed answers as drafts instead of publishing them.")
@_user_errors
def answers_load(file: str | None, draft: bool) -> None:
    """Load a file of answers (data/answers.yml): a changed text becomes a new revision."""
    from bot.answers import commands

    click.echo(commands.load(_settings(), file, publish=not draft))


@answers.command("list")
@_user_errors
def answers_list() -> None:
    """List every answer with its revisions."""
    from bot.answers import commands

    click.echo(commands.list_all(_settings()))


@answers.command("show")
@click.argument("name", callback=_readable)
@click.option("--revision", type=int, help="Which revision; the newest where none is given.")
@_user_errors
def answers_show(name: str, revision: int | None) -> None:
    """Show one answer, such as crs_duration or crs_grading/grade_2."""
    from bot.answers import commands

    click.echo(commands.show(_settings(), name, revision))


@answers.command("publish")
@click.argument("name", callback=_readable)
@click.option("--revision", type=int, help="Which revision; the newest where none is given.")
@click.option("--by", required=True, callback=_readable, help="Who publishes it; recorded.")
@_user_errors
def answers_publish(name: str, revision: int | None, by: str) -> None:
    """Make a revision the one that families get."""
    from bot.answers import commands

    click.echo(commands.publish(_settings(), name, revision, by=by))


@answers.command("retire")
@click.argument("name", callback=_readable)
@click.option("--revision", type=int, help="Which revision; the published one where none is given.")
@click.option("--by", required=True, callback=_readable, help="Who retires it; recorded.")
@_user_errors
def answers_retire(name: str, revision: int | None, by: str) -> None:
    """Take a revision out of use."""
    from bot.answers import commands

    click.echo(commands.retire(_settings(), name, revision, by=by))


@answers.command("export")
@_user_errors
def answers_export() -> None:
    """Print every revision of every answer as JSON lines."""
    from bot.answers import commands

    for line in commands.export(_settings()):
        click.echo(line)


@main.group()
def users() -> None:
    """The people who may sign in to the console: add, list, disable, enable, password, role, second factor."""


_role_option = click.Choice(["navigator", "approver", "admin"])
_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, its first line."
)
_must_change = click.option("--must-change", is_flag=True, help="Let them choose their own when they first sign in.")


def _new_password(password_stdin: bool) -> str:
    """A password that was typed twice, unseen, or piped in; never an argument, which other users could see."""
    if password_stdin:
        return _lines_of_input().readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to type a password at: use --password-stdin")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


@users.command("add")
@click.argument("name")
@click.option("--role", type=_role_option, required=True, help="What they may do.")
@click.option("--display-name", default="", help="How colleagues see them; the name where none is given.")
@_password_stdin
@_must_change
@_user_errors
def users_add(name: str, role: str, display_name: str, password_stdin: bool, must_change: bool) -> None:
    """Add somebody who may sign in to the console."""
    settings = _settings()
    from bot.staff import commands

    password = _new_password(password_stdin)
    done = commands.add(
        settings, name, role=role, display_name=display_name, password=password, must_change=must_change
    )
    click.echo(done)


@users.command("list")
@_user_errors
def users_list() -> None:
    """List everybody who may, or could, sign in."""
    from bot.staff import commands

    click.echo(commands.list_all(_settings()))


@users.command("disable")
@click.argument("name")
@_user_errors
def users_disable(name: str) -> None:
    """Let somebody sign in no more; their sessions end at once."""
    from bot.staff import commands

    click.echo(commands.disable(_settings(), name))


@users.command("enable")
@click.argument("name")
@_user_errors
def users_enable(name: str) -> None:
    """Let somebody who was disabled sign in again."""
    from bot.staff import commands

    click.echo(commands.enable(_settings(), name))


@users.command("password")
@click.argument("name")
@_password_stdin
@_must_change
@_user_errors
def users_password(name: str, password_stdin: bool, must_change: bool) -> None:
    """Set somebody's password; their sessions end, and a locked name is unlocked."""
    settings = _settings()
    from bot.staff import commands

    password = _new_password(password_stdin)
    click.echo(commands.set_password(settings, name, password=password, must_change=must_change))


@users.command("role")
@click.argument("name")
@click.argument("role", type=_role_option)
@_user_errors
def users_role(name: str, role: str) -> None:
    """Change what somebody may do: navigator, approver or admin."""
    from bot.staff import commands

    click.echo(commands.set_role(_settings(), name, role))


@users.command("remove-second-factor")
@click.argument("name")
@_user_errors
def users_remove_second_factor(name: str) -> None:
    """Let somebody who lost their phone sign in by password alone."""
    from bot.staff import commands

    click.echo(commands.remove_second_factor(_settings(), name))


@main.group()
def audit() -> None:
    """The record of what staff did and looked at: verify, export."""


@audit.command("verify")
@_user_errors
def audit_verify() -> None:
    """Check that nothing in the audit was changed or taken out."""
    from bot.staff import commands

    click.echo(commands.verify_audit(_settings()))


@audit.command("export")
@_user_errors
def audit_export() -> None:
    """Print every event as a line of JSON, the oldest first."""
    from bot.staff import commands

    for line in commands.export_audit(_settings()):
        click.echo(line)


@main.group()
def improve() -> None:
    """What navigators queued in the console: make a patch of it, check what it changes."""


@improve.command("patch")
@click.option("--mark-exported", is_flag=True, help="Also take what the patch adds out of the queue.")
@_user_errors
def improve_patch(mark_exported: bool) -> None:
    """Print a patch of data/nlu.yml and tests/data/regression.tsv, for `git apply`."""
    from bot.improvement import commands

    patch, left_out = commands.patch(_settings(), mark_exported=mark_exported)
    for line in left_out:
        click.echo(line, err=True)
    click.echo(patch, nl=False)


@improve.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@_user_errors
def improve_check(files: tuple[str, ...]) -> None:
    """Measure labelled files without the patch and with it; takes minutes.

    The patch is tried in a copy; nothing here changes. The regression tests are always measured; where no file is
    given, the one of BOT_EVALUATION_FILE as well.
    """
    from bot.improvement import commands

    click.echo(commands.check(_settings(log_level="ERROR"), files))


@main.group("logs")
def conversation_logs() -> None:
    """What families wrote and were sent: export, erase, purge."""


_day = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@conversation_logs.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "nlu"]), required=True, help="Of the output.")
@click.option("--since", type=_day, help="Only messages from this moment on, in UTC.")
@click.option("--until", type=_day, help="Only messages before this moment, in UTC.")
@click.option("--tag", help="Only conversations with this tag.")
@click.option("--conversation", help="Only the conversation of this code or key.")
@click.option("--unmasked", is_flag=True, help="With contact data and personal numbers.")
@_user_errors
def logs_export(
    form: str, since: datetime | None, until: datetime | None, tag: str | None, conversation: str | None, unmasked: bool
) -> None:
    """Write the log to standard output: messages with what navigators added. The audit records it.

    csv has a row for each message, jsonl a line for each conversation, nlu the messages that navigators gave a topic,
    as training data for data/nlu.yml. Names of people are never masked.
    """
    from bot.conversations.commands import export_log
    from bot.conversations.export import Choice

    choice = Choice(
        since=since and since.replace(tzinfo=timezone.utc),
        until=until and until.replace(tzinfo=timezone.utc),
        tag=tag,
        conversation=conversation,
        masked=not unmasked,
    )
    output = io.TextIOWrapper(sys.stdout.buffer, "utf-8", "replace", newline="")
    for piece in export_log(_settings(), form, choice):
        output.write(piece)
    output.flush()
    output.detach()


@conversation_logs.command("erase")
@click.argument("conversation")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_user_errors
def logs_erase(conversation: str, yes: bool) -> None:
    """Erase one conversation, named by its code (K7QM-3XPA) or key, for good. The audit records it."""
    settings = _settings()
    from bot.conversations import commands

    if not yes:
        click.confirm(f"Erase {commands.describe(settings, conversation)}?", abort=True)
    click.echo(commands.erase(settings, conversation))


@conversation_logs.command("purge")
@click.option("--older-than", type=click.IntRange(1), help="Days since the last message (BOT_RETENTION_DAYS).")
@click.option("--dry-run", is_flag=True, help="Only say how many conversations it would be.")
@_user_errors
def logs_purge(older_than: int | None, dry_run: bool) -> None:
    """Delete conversations without a message for some days, and compact the file. The audit records it.

    The service deletes what is due every hour by itself.
    """
    from bot.conversations import commands

    click.echo(commands.purge(_settings(), older_than=older_than, dry_run=dry_run))


@main.command(
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
