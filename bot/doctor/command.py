"""All checks, in the order in which they are told."""

from collections.abc import Callable, Iterable

from bot.doctor import contents, machine
from bot.doctor.database import database
from bot.doctor.findings import OK, Finding, guarded
from bot.doctor.messengers import messengers
from bot.settings import Settings

CHECKS: tuple[tuple[str, Callable[[Settings], Iterable[Finding]]], ...] = (
    ("reach", machine.reach),
    ("contacts", machine.contacts),
    ("alerts", machine.alerts),
    ("disk", machine.disk),
    ("spool", machine.spool),
    ("database", database),
    ("data files", contents.data_files),
    ("fixed texts", contents.texts),
    ("model", machine.models),
    ("red flags", contents.red_flags),
)


def examine(settings: Settings, *, offline: bool) -> list[Finding]:
    """Look at everything. Nothing is migrated, loaded, trained or sent.

    Args:
        settings: of the service.
        offline: no vendor of a messaging channel is asked.
    """
    found = [Finding(OK, "settings", "can be read")]
    for what, check in CHECKS:
        found.extend(guarded(what, check, settings))
    return found + messengers(settings, offline=offline)
