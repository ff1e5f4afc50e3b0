"""`bot improve`."""

import click

from bot.cli.common import read_settings, user_errors


@click.group()
def improve() -> None:
    """What navigators queued in the console: make a patch of it, check what it changes."""


@improve.command("patch")
@click.option("--mark-exported", is_flag=True, help="Also take what the patch adds out of the queue.")
@user_errors
def improve_patch(mark_exported: bool) -> None:
    """Print a patch of data/nlu.yml and tests/data/regression.tsv, for `git apply`."""
    from bot.improvement import commands

    patch, left_out = commands.patch(read_settings(), mark_exported=mark_exported)
    for line in left_out:
        click.echo(line, err=True)
    click.echo(patch, nl=False)


@improve.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@user_errors
def improve_check(files: tuple[str, ...]) -> None:
    """Measure labelled files without the patch and with it; takes minutes.

    The patch is tried in a copy; nothing here changes. The regression tests are always measured; where no file is
    given, the one of BOT_EVALUATION_FILE as well.
    """
    from bot.improvement import commands

    click.echo(commands.check(read_settings(log_level="ERROR"), files))
