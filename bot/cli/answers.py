"""`bot answers`."""

import click

from bot.cli.common import read_settings, readable, user_errors


@click.group()
def answers() -> None:
    """The approved answers: load, list, show, publish, retire, export."""


@answers.command("load")
@click.argument("file", type=click.Path(dir_okay=False), default=None, required=False)
@click.option("--draft", is_flag=True, help="Store changed answers as drafts instead of publishing them.")
@user_errors
def answers_load(file: str | None, draft: bool) -> None:
    """Load a file of answers (data/answers.yml): a changed text becomes a new revision."""
    from bot.answers import commands

    click.echo(commands.load(read_settings(), file, publish=not draft))


@answers.command("list")
@user_errors
def answers_list() -> None:
    """List every answer with its revisions."""
    from bot.answers import commands

    click.echo(commands.list_all(read_settings()))


@answers.command("show")
@click.argument("name", callback=readable)
@click.option("--revision", type=int, help="Which revision; the newest where none is given.")
@user_errors
def answers_show(name: str, revision: int | None) -> None:
    """Show one answer, such as crs_duration or crs_grading/grade_2."""
    from bot.answers import commands

    click.echo(commands.show(read_settings(), name, revision))


@answers.command("publish")
@click.argument("name", callback=readable)
@click.option("--revision", type=int, help="Which revision; the newest where none is given.")
@click.option("--by", required=True, callback=readable, help="Who publishes it; recorded.")
@user_errors
def answers_publish(name: str, revision: int | None, by: str) -> None:
    """Make a revision the one that families get."""
    from bot.answers import commands

    click.echo(commands.publish(read_settings(), name, revision, by=by))


@answers.command("retire")
@click.argument("name", callback=readable)
@click.option("--revision", type=int, help="Which revision; the published one where none is given.")
@click.option("--by", required=True, callback=readable, help="Who retires it; recorded.")
@user_errors
def answers_retire(name: str, revision: int | None, by: str) -> None:
    """Take a revision out of use."""
    from bot.answers import commands

    click.echo(commands.retire(read_settings(), name, revision, by=by))


@answers.command("export")
@user_errors
def answers_export() -> None:
    """Print every revision of every answer as JSON lines."""
    from bot.answers import commands

    for line in commands.export(read_settings()):
        click.echo(line)
