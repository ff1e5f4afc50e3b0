"""Finding mentions of red-flag symptoms in a message."""

import re
import threading
import unicodedata
from dataclasses import dataclass

from spacy.matcher import PhraseMatcher

from bot.redflags.lexicon import Lexicon
from bot.tokenizing import english

T1 = "T1"  # now, or unclear
CRISIS = "crisis"

# 38.4, 39,2, 102.1 F: a decimal, or a whole number with a degree sign or unit.
_TEMPERATURE = re.compile(r"(?<![\d.,])(3[5-9]|4[0-3]|9[5-9]|10[0-9])(?:[.,](\d))?\s{0,2}(°|º|deg|degrees|[cf]\b)?")


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
    failed: bool = False  # the detectors could not read the message, which counts as a hit

    @property
    def triggers(self) -> bool:
        """Whether the fixed reply must be sent."""
        return self.failed or bool(self.red_flags)

    @property
    def tier(self) -> str | None:
        """How urgently navigators must look; None where nothing was found."""
        return T1 if self.triggers else None

    @property
    def crisis(self) -> bool:
        """Whether the message speaks of self-harm or of a caregiver in crisis."""
        return any(flag.symptom == CRISIS for flag in self.red_flags)


class RedFlagDetector:
    """Finds red flags by the lexicon's phrases and by temperatures. Safe to use from several threads."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._lock = threading.Lock()
        self._nlp = english()
        self._phrases = PhraseMatcher(self._nlp.vocab, attr="LOWER")
        for symptom, phrases in lexicon.symptoms.items():
            self._phrases.add(symptom, [self._nlp.make_doc(phrase) for phrase in phrases])
        self.ruleset = lexicon.digest

    def detect(self, text: str) -> Detection:
        """Find every mention in a message; positions are those of the text given."""
        readable = "".join(_plain(character) for character in text)
        with self._lock, self._nlp.memory_zone():
            doc = self._nlp.make_doc(readable)
            flags = [
                RedFlag(
                    self._nlp.vocab.strings[key],
                    text[span.start_char : span.end_char],
                    span.start_char,
                    span.end_char,
                    "lexicon",
                )
                for key, start, end in self._phrases(doc)
                for span in [doc[start:end]]
            ]
        flags.extend(self._fevers(text, readable))
        return Detection(tuple(sorted(flags, key=lambda flag: (flag.start, flag.end))), self.ruleset)

    def _fevers(self, text: str, readable: str) -> list[RedFlag]:
        found = []
        for match in _TEMPERATURE.finditer(readable.lower()):
            whole, decimal, unit = match.groups()
            if decimal is None and unit is None:
                continue
            degrees = float(f"{whole}.{decimal or 0}")
            limit = self._lexicon.fever_celsius if degrees < 50 else self._lexicon.fever_fahrenheit
            if degrees >= limit:
                found.append(RedFlag("fever", text[match.start() : match.end()], match.start(), match.end(), "vitals"))
        return found


def _plain(character: str) -> str:
    """One character for one: curly quotes straight, full-width digits plain, so that positions stay true."""
    if character in "’‘ʼ":
        return "'"
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character
