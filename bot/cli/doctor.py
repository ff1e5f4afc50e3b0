"""`bot doctor`."""

import sys

import click

from bot.cli.common import read_settings
from bot.errors import UserError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--offline", is_flag=True, help="Ask no vendor of a messaging channel.")
def doctor(as_json: bool, offline: bool) -> None:
    """Check the installation before families write; ends with 1 where there is a fault.

    Works while the service is running and while it is not. Nothing is migrated, trained or sent.
    """
    from bot.doctor import findings

    try:
        settings = read_settings(log_level="ERROR")
    except UserError as error:
        found = [findings.Finding(findings.FAULT, "settings", str(error))]
    else:
        from bot.doctor.command import examine

        found = examine(settings, offline=offline)
    report = findings.as_json(found) if as_json else "\n".join(finding.line for finding in found)
    click.echo(report.encode())  # in any locale
    sys.exit(0 if findings.is_fit(found) else 1)
