"""Checks of the data files: the fixed texts, the rules for red flags, and what else a start reads."""

from collections.abc import Callable, Iterator

from bot.alerts.rules import load_rules as load_alert_rules
from bot.answers.content import read_answers_file
from bot.answers.follow_ups import FollowUps
from bot.answers.setup import ANSWERS_FILE
from bot.channels.limits import Limits
from bot.channels.messaging.rules import load_rules as load_channel_rules
from bot.console.inbox_rules import load_inbox_rules
from bot.data_file import DataFileError, Entry, load_data_file
from bot.doctor.findings import FAULT, OK, WARNING, Finding
from bot.embeddings import shared_encoder
from bot.errors import UserError
from bot.fixed_texts import FixedTexts
from bot.improvement.rules import load_improvement_rules
from bot.redflags.detector import shared_detector
from bot.redflags.lexicon import FOLDER
from bot.redflags.semantic import NAME, SemanticDetector, Weights
from bot.settings import Settings
from bot.staff.rules import load_rules as load_staff_rules

SIGNED_RULES = ("lexicon.yml", "languages.yml", "vitals.yml", "context.yml")
RED_FLAG = "He has a fever of 39.5 and cannot breathe."
_FILES: tuple[Callable[[], object], ...] = (
    lambda: read_answers_file(ANSWERS_FILE),
    load_alert_rules,
    load_channel_rules,
    load_staff_rules,
    FollowUps,
    load_improvement_rules,
    load_inbox_rules,
    Limits,
)


class _Signed(Entry):
    """Of a file of rules, which the detector checks whole, only who signed it: one name, or one for each language."""

    signed_by: str | dict[str, str]

    class Config:
        extra = "ignore"


def data_files(_settings: Settings) -> Iterator[Finding]:
    """Whether every data file that a start reads can be read."""
    sound = True
    for load in _FILES:
        try:
            load()
        except DataFileError as error:
            sound = False
            yield Finding(FAULT, "data files", str(error))
    if sound:
        yield Finding(OK, "data files", "what a start reads of data/ can be read")


def texts(settings: Settings) -> Iterator[Finding]:
    """Whether a clinician signed the fixed texts."""
    every = FixedTexts(settings).all()
    unsigned = [text.name for text in every if not text.signed_by]
    if unsigned:
        names = ", ".join(unsigned[:3]) + (" and others" if len(unsigned) > 3 else "")
        yield Finding(
            WARNING,
            "fixed texts",
            f"{len(unsigned)} of {len(every)} are signed by nobody: {names}",
            "Have a clinician read data/fixed_texts.yml and fill in `signed_by`",
        )
    else:
        yield Finding(OK, "fixed texts", f"all {len(every)} are signed")


def red_flags(settings: Settings) -> Iterator[Finding]:
    """Whether both detectors load, the first one finds what it must, and its rules are signed."""
    if shared_detector().detect(RED_FLAG).triggers:
        yield Finding(OK, "red flags", "the rules load, and the first detector finds a red flag with them")
    else:
        yield Finding(FAULT, "red flags", "the first detector misses a plain red flag", "Put bot/redflags/data/ right")
    yield from _second_detector(settings)
    unsigned = [name for name, signature in _signatures().items() if not signature.strip()]
    if unsigned:
        names = ", ".join(unsigned[:3]) + (" and others" if len(unsigned) > 3 else "")
        yield Finding(WARNING, "red flags", f"rules are signed by nobody: {names}", "docs/red-flags.md says how to")


def _second_detector(settings: Settings) -> Iterator[Finding]:
    try:
        found = SemanticDetector(shared_encoder(), Weights.load(settings.models_dir / NAME)).find(RED_FLAG)
    except UserError as error:
        yield Finding(WARNING, "red flags", f"the first detector decides alone: {error}")
        return
    if found:
        yield Finding(OK, "red flags", "the second detector loads and finds it too")
    else:
        yield Finding(WARNING, "red flags", "the second detector misses a plain red flag", "Run `bot train --force`")


def _signatures() -> dict[str, str]:
    """Who signed each part of the rules; empty where nobody did."""
    found = {}
    for name in SIGNED_RULES:
        signed_by = load_data_file(FOLDER / name, _Signed).signed_by
        parts = {name: signed_by} if isinstance(signed_by, str) else signed_by
        found.update({part if part == name else f"{name} ({part})": who for part, who in parts.items()})
    return found
