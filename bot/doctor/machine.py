"""Checks of the settings and of this machine: who reaches the service, the spool, the disk, the trained models."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bot.alerts.calling import NOBODY, WORKS
from bot.conversations.spool import Spool, check_folder
from bot.dialogue.training import out_of_date
from bot.doctor.findings import FAULT, OK, WARNING, Finding
from bot.settings import Settings, SettingsError, variable_of

DISK_FAULT, DISK_WARNING = 200 * 2**20, 2**30  # bytes that are free
HOSPITAL_LINES = ("phone_24h", "navigator_contact")  # the ward's phone may be left out


def reach(settings: Settings) -> Iterator[Finding]:
    """Who can reach the service, and whether it has what that takes."""
    where = f"{settings.host} port {settings.port}"
    try:
        settings.check_fit_to_serve()
    except SettingsError as error:
        yield Finding(FAULT, "reach", str(error))
        return
    if settings.listens_beyond_loopback:
        yield Finding(OK, "reach", f"listens on {where}, for whoever reaches this machine")
        return
    yield Finding(OK, "reach", f"listens on {where}, for this machine and a proxy on it")
    if not settings.secret_keys:
        yield Finding(
            WARNING,
            "reach",
            "BOT_SECRET_KEY is not set, so every restart ends the sessions of families",
            "Set it, for instance from: openssl rand -hex 32",
        )


def contacts(settings: Settings) -> Iterator[Finding]:
    """Whether the emergency reply says whom to call."""
    if not settings.emergency_number:
        yield Finding(
            WARNING,
            "contacts",
            "BOT_EMERGENCY_NUMBER is not set, so the emergency reply names no number",
            "Set it to something like: China 120 · UK 999 · India 112",
        )
    missing = [variable_of(name) for name in HOSPITAL_LINES if not getattr(settings, name)]
    for variable in missing:
        yield Finding(WARNING, "contacts", f"{variable} is not set", "Set it: replies tell families whom to call")
    if settings.emergency_number and not missing:
        yield Finding(OK, "contacts", "the emergency number and the hospital's lines are set")


def alerts(settings: Settings) -> Iterator[Finding]:
    """Whether anybody is called to a red flag."""
    if not settings.alert_webhook_url and not settings.smtp_url:
        yield Finding(WARNING, "alerts", NOBODY, "Set one: docs/alerts.md")
        return
    ways = [("webhook", settings.alert_webhook_url), ("e-mail", settings.smtp_url)]
    yield Finding(OK, "alerts", f"{WORKS} by {' and '.join(name for name, address in ways if address)}")


def spool(settings: Settings) -> Iterator[Finding]:
    """Whether messages can be kept while the database is gone, and how many wait for it."""
    folder = settings.spool_dir
    if not folder.exists():
        above = _nearest(folder)
        if not os.access(above, os.W_OK | os.X_OK):
            yield Finding(
                FAULT, "spool", f"{folder} cannot be made in {above} (BOT_VAR_DIR)", "Let the service write there"
            )
            return
        yield Finding(OK, "spool", f"{folder} is not there yet; the first start makes it")
        return
    check_folder(folder)
    lines, put_aside = Spool(folder).waiting()
    if put_aside:
        remedy = f"Read {folder / 'spool.unreadable.txt'}: it has what families wrote"
        yield Finding(WARNING, "spool", f"{put_aside} line(s) could not be read back and are put aside", remedy)
    if lines:
        remedy = "The service reads them in once it can write to the database: start it, and ask again"
        yield Finding(WARNING, "spool", f"{line_count(lines)} for the database", remedy)
    else:
        yield Finding(OK, "spool", f"{folder} can be written, and nothing waits in it")


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for what is kept."""
    folder = _nearest(settings.var_dir)
    free = shutil.disk_usage(folder).free
    level = FAULT if free < DISK_FAULT else WARNING if free < DISK_WARNING else OK
    remedy = "" if level == OK else "Make room: a full disk loses messages"
    yield Finding(level, "disk", f"{free / 2**30:.1f} GiB are free at {folder}", remedy)


def models(settings: Settings) -> Iterator[Finding]:
    """Whether the models are trained from the files as they are now."""
    old = out_of_date(settings.models_dir)
    if old:
        names = " and ".join(path.name for path in old)
        remedy = "Run `bot train`, or let the next start do it: it takes about a minute"
        yield Finding(WARNING, "model", f"{names} in {settings.models_dir} must be trained anew", remedy)
    else:
        yield Finding(OK, "model", "trained, and nothing changed since")


def line_count(lines: int) -> str:
    """A number of lines that wait."""
    return "1 line waits" if lines == 1 else f"{lines} lines wait"


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
