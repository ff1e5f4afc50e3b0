"""`bot logs`."""

import io
import sys
from datetime import datetime, timezone

import click

from bot.cli.common import read_settings, user_errors


@click.group("logs")
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
@user_errors
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
    for piece in export_log(read_settings(), form, choice):
        output.write(piece)
    output.flush()
    output.detach()


@conversation_logs.command("erase")
@click.argument("conversation")
@click.option("--yes", is_flag=True, help="Do not ask.")
@user_errors
def logs_erase(conversation: str, yes: bool) -> None:
    """Erase one conversation, named by its code (K7QM-3XPA) or key, for good. The audit records it."""
    settings = read_settings()
    from bot.conversations import commands

    if not yes:
        click.confirm(f"Erase {commands.describe(settings, conversation)}?", abort=True)
    click.echo(commands.erase(settings, conversation))


@conversation_logs.command("purge")
@click.option("--older-than", type=click.IntRange(1), help="Days since the last message (BOT_RETENTION_DAYS).")
@click.option("--dry-run", is_flag=True, help="Only say how many conversations it would be.")
@user_errors
def logs_purge(older_than: int | None, dry_run: bool) -> None:
    """Delete conversations without a message for some days, and compact the file. The audit records it.

    The service deletes what is due every hour by itself.
    """
    from bot.conversations import commands

    click.echo(commands.purge(read_settings(), older_than=older_than, dry_run=dry_run))
