"""The first detector: the lexicon with the vitals reader. Explicit, explains itself, needs only its data files."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from bot.redflags.lexicon import FOLDER, read_lexicon
from bot.redflags.reading import Word, words_of
from bot.redflags.tiers import T1, Tiers
from bot.redflags.unreadable import Readability
from bot.redflags.vitals import VitalsReader
from bot.redflags.wordings import Wordings

CRISIS = "crisis"
LEXICON = "lexicon"
VITALS = "vitals"
SEMANTIC = "semantic"
REMEMBERED = 3_000  # messages whose detection is kept: under load their turns come thousands later


# What decides about a message; examples.yml is what the second detector learned from.
RULES = (
    *("lexicon.yml", "languages.yml", "spelling.yml", "vitals.yml", "context.yml", "readable.yml"),
    *("bursts.yml", "examples.yml"),
)


def _fingerprint(folder: Path) -> str:
    """Tells sets of rules apart; written beside every message that they read."""
    whole = hashlib.sha256()
    for name in RULES:
        whole.update((folder / name).read_bytes())
    return whole.hexdigest()[:16]


@dataclass(frozen=True)
class RedFlag:
    """A mention of a symptom: the words, where they stand in the message, and which detector found them."""

    symptom: str
    text: str
    start: int
    end: int
    detector: str


@dataclass(frozen=True)
class Detection:
    """What the detectors found in a message."""

    red_flags: tuple[RedFlag, ...]
    ruleset: str
    failed: bool = False  # the detectors could not look at the message, which counts as a hit
    unreadable: bool = False  # too little of it is in words that the detectors know
    urgency: str = T1  # the tier, if anything was found

    @property
    def triggers(self) -> bool:
        """Whether the fixed reply must be sent."""
        return self.failed or bool(self.red_flags)

    @property
    def tier(self) -> str | None:
        """How urgently navigators must look; None where nothing was found."""
        return self.urgency if self.triggers else None

    @property
    def crisis(self) -> bool:
        """Whether the message speaks of self-harm or of a caregiver in crisis."""
        return any(flag.symptom == CRISIS for flag in self.red_flags)

    def adding(self, flags: Iterable[RedFlag]) -> "Detection":
        """This detection with what another detector found: what the first one found decides the tier."""
        more = tuple(flags)
        if not more:
            return self
        urgency = self.urgency if self.red_flags else T1
        return replace(self, red_flags=self.red_flags + more, urgency=urgency)


def shared_detector(folder: Path = FOLDER) -> "RedFlagDetector":
    """The process's one detector with these rules: they take a second to read and tens of megabytes to keep.

    Raises:
        DataFileError: a file of rules is wrong.
    """
    files = sorted((path, path.stat().st_mtime_ns) for path in folder.glob("*.yml"))
    return _detector_of(folder, tuple(files))


@lru_cache(maxsize=1)
def _detector_of(folder: Path, files: tuple[tuple[Path, int], ...]) -> "RedFlagDetector":
    """The detector with the rules as they were written at these times."""
    return RedFlagDetector(folder)


class RedFlagDetector:
    """Finds red flags by wordings and by measured values. Safe to use from several threads."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read the rules.

        Args:
            folder: holds the files of rules, those of `RULES`.

        Raises:
            DataFileError: a file is missing or wrong; names the line and the key.
        """
        lexicon = read_lexicon(folder)
        self._wordings = Wordings(lexicon, folder / "spelling.yml")
        self._vitals = VitalsReader(folder / "vitals.yml")
        self._tiers = Tiers(folder / "context.yml")
        self._readability = Readability(self._wordings.spelling, lexicon.english, folder / "readable.yml")
        # The gate and Rasa's component ask for the same message one after the other.
        self._remembered = lru_cache(REMEMBERED)(self._detect)
        self.ruleset = _fingerprint(folder)
        self.titles = lexicon.titles  # of the symptoms, for people

    def detect(self, text: str, *, touching: int = 0) -> Detection:
        """Find every mention in a message.

        Args:
            text: the message as typed.
            touching: only mentions that reach beyond this place count; what stands before was answered already, and
                whether all of it can be read is not asked.
        """
        return self._detect(text, touching) if touching else self._remembered(text)

    def _detect(self, text: str, touching: int = 0) -> Detection:
        words = words_of(text, self._wordings.spelling.is_whole)
        found = {
            *((mention.symptom, mention.start, mention.end, LEXICON) for mention in self._wordings.find(words)),
            *((vital.symptom, vital.start, vital.end, VITALS) for vital in self._vitals.find(words)),
        }
        flags = tuple(
            RedFlag(symptom, text[start:end], start, end, detector)
            for symptom, start, end, detector in sorted(found, key=lambda flag: (flag[1], flag[2], flag[0], flag[3]))
            if end > touching
        )
        return Detection(
            flags,
            self.ruleset,
            unreadable=not touching and self._readability.is_unreadable(words),
            urgency=self._urgency(words, flags) if flags else T1,
        )

    def _urgency(self, words: list[Word], flags: tuple[RedFlag, ...]) -> str:
        mentions = [(flag.symptom, flag.start, flag.end) for flag in flags]
        return self._tiers.of(words, mentions, measured=any(flag.detector == VITALS for flag in flags))
