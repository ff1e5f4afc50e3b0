"""The lexicon of red-flag symptoms: its files, checked and read."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, root_validator

from bot.data_file import Entry, fault_at, load_data_file
from bot.redflags.patterns import Pattern, PatternError, parse, word_forms
from bot.redflags.reading import words_of

FOLDER = Path(__file__).parent / "data"


class Phrase(Entry):
    """A wording of several words: the literal for people, the pattern for the matcher."""

    literal: str = Field(min_length=1)
    pattern: str = Field(min_length=1)


class Symptom(Entry):
    """One group of red flags."""

    title: str
    sources: list[str] = Field(min_items=1)
    words: list[str]
    phrases: list[Phrase]


class LexiconFile(Entry):
    """What lexicon.yml holds."""

    signed_by: str
    sources: dict[str, str]
    classes: dict[str, list[str]]
    symptoms: dict[str, Symptom]

    @root_validator(skip_on_failure=True)
    def _can_be_read(cls, values: dict[str, Any]) -> dict[str, Any]:
        classes = _classes(values["classes"])
        for name, symptom in values["symptoms"].items():
            for position, source in enumerate(symptom.sources):
                if source not in values["sources"]:
                    raise fault_at(f"'{source}' is not among 'sources'", "symptoms", name, "sources", position)
            for position, word in enumerate(symptom.words):
                with _fault("symptoms", name, "words", position):
                    word_forms(word)
            for position, phrase in enumerate(symptom.phrases):
                with _fault("symptoms", name, "phrases", position, "pattern"):
                    parse(phrase.pattern, classes)
        return values


class LanguagesFile(Entry):
    """What languages.yml holds: phrases by language and symptom, each signed for by a speaker."""

    signed_by: dict[str, str]
    languages: dict[str, dict[str, list[str]]]

    @root_validator(skip_on_failure=True)
    def _can_be_read(cls, values: dict[str, Any]) -> dict[str, Any]:
        for language, symptoms in values["languages"].items():
            if language not in values["signed_by"]:
                raise fault_at(f"lacks '{language}'", "signed_by")
            for symptom, phrases in symptoms.items():
                for position, phrase in enumerate(phrases):
                    if not words_of(phrase):
                        raise fault_at("holds no word", "languages", language, symptom, position)
        return values


@dataclass(frozen=True)
class Lexicon:
    """What is looked for: single words, rows of words, and patterns, each with its symptom."""

    words: dict[str, str]
    rows: dict[tuple[str, ...], str]
    patterns: tuple[tuple[str, Pattern], ...]
    titles: dict[str, str]  # of the symptoms, for people

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that means anything to the lexicon."""
        return self.english | {word for row in self.rows for word in row}

    @property
    def english(self) -> frozenset[str]:
        """The English ones of them."""
        in_patterns = {word for _, pattern in self.patterns for item in pattern.items for word in item.words}
        return frozenset(self.words) | in_patterns


def read_lexicon(folder: Path = FOLDER) -> Lexicon:
    """Read the lexicon's files.

    Args:
        folder: holds lexicon.yml and languages.yml.

    Raises:
        DataFileError: a file is wrong; names the line and the key.
    """
    file = load_data_file(folder / "lexicon.yml", LexiconFile)
    languages = load_data_file(folder / "languages.yml", LanguagesFile)
    classes = _classes(file.classes)
    words: dict[str, str] = {}
    rows: dict[tuple[str, ...], str] = {}
    patterns: list[tuple[str, Pattern]] = []
    for name, symptom in file.symptoms.items():
        for entry in symptom.words:
            for word in word_forms(entry):
                words.setdefault(word, name)
        for phrase in symptom.phrases:
            patterns.extend((name, pattern) for pattern in parse(phrase.pattern, classes))
    for symptoms in languages.languages.values():
        for name, phrases in symptoms.items():
            for text in phrases:
                rows.setdefault(tuple(word.text for word in words_of(text)), name)
    titles = {name: symptom.title for name, symptom in file.symptoms.items()}
    return Lexicon(words, rows, tuple(patterns), titles)


def _classes(classes: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    read: dict[str, frozenset[str]] = {}
    for name, words in classes.items():
        forms: set[str] = set()
        for position, word in enumerate(words):
            with _fault("classes", name, position):
                forms.update(word_forms(word))
        read[name] = frozenset(forms)
    return read


@contextlib.contextmanager
def _fault(*place: str | int) -> Iterator[None]:
    """Says where in the file a pattern is wrong."""
    try:
        yield
    except PatternError as error:
        raise fault_at(str(error), *place) from error
