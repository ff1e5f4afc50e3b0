"""`bot users` and `bot audit`."""

import sys

import click

from bot.cli.common import lines_of_input, read_settings, user_errors


@click.group()
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
        return lines_of_input().readline().rstrip("\r\n")
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
@user_errors
def users_add(name: str, role: str, display_name: str, password_stdin: bool, must_change: bool) -> None:
    """Add somebody who may sign in to the console."""
    settings = read_settings()
    from bot.staff import commands

    password = _new_password(password_stdin)
    done = commands.add(
        settings, name, role=role, display_name=display_name, password=password, must_change=must_change
    )
    click.echo(done)


@users.command("list")
@user_errors
def users_list() -> None:
    """List everybody who may, or could, sign in."""
    from bot.staff import commands

    click.echo(commands.list_all(read_settings()))


@users.command("disable")
@click.argument("name")
@user_errors
def users_disable(name: str) -> None:
    """Let somebody sign in no more; their sessions end at once."""
    from bot.staff import commands

    click.echo(commands.disable(read_settings(), name))


@users.command("enable")
@click.argument("name")
@user_errors
def users_enable(name: str) -> None:
    """Let somebody who was disabled sign in again."""
    from bot.staff import commands

    click.echo(commands.enable(read_settings(), name))


@users.command("password")
@click.argument("name")
@_password_stdin
@_must_change
@user_errors
def users_password(name: str, password_stdin: bool, must_change: bool) -> None:
    """Set somebody's password; their sessions end, and a locked name is unlocked."""
    settings = read_settings()
    from bot.staff import commands

    password = _new_password(password_stdin)
    click.echo(commands.set_password(settings, name, password=password, must_change=must_change))


@users.command("role")
@click.argument("name")
@click.argument("role", type=_role_option)
@user_errors
def users_role(name: str, role: str) -> None:
    """Change what somebody may do: navigator, approver or admin."""
    from bot.staff import commands

    click.echo(commands.set_role(read_settings(), name, role))


@users.command("remove-second-factor")
@click.argument("name")
@user_errors
def users_remove_second_factor(name: str) -> None:
    """Let somebody who lost their phone sign in by password alone."""
    from bot.staff import commands

    click.echo(commands.remove_second_factor(read_settings(), name))


@click.group()
def audit() -> None:
    """The record of what staff did and looked at: verify, export."""


@audit.command("verify")
@user_errors
def audit_verify() -> None:
    """Check that nothing in the audit was changed or taken out."""
    from bot.staff import commands

    click.echo(commands.verify_audit(read_settings()))


@audit.command("export")
@user_errors
def audit_export() -> None:
    """Print every event as a line of JSON, the oldest first."""
    from bot.staff import commands

    for line in commands.export_audit(read_settings()):
        click.echo(line)
