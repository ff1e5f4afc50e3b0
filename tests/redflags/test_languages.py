"""bot.redflags in other languages: the core alarms, in their own script and as typed in Latin letters."""

from pathlib import Path

import pytest

from bot.data_file import load_data_file
from bot.redflags.detector import RedFlagDetector
from bot.redflags.lexicon import FOLDER, LanguagesFile

LINES = [
    line.split("\t") for line in (Path(__file__).parent / "languages.tsv").read_text("utf-8").splitlines()[1:] if line
]
LANGUAGES = sorted({language for language, _, _ in LINES})


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


@pytest.fixture(scope="module")
def file() -> LanguagesFile:
    return load_data_file(FOLDER / "languages.yml", LanguagesFile)


@pytest.mark.parametrize(("language", "symptom", "text"), LINES)
def test_a_message_triggers(detector: RedFlagDetector, language: str, symptom: str, text: str) -> None:
    assert detector.detect(text).triggers


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_tested_is_one_of_the_file(file: LanguagesFile, language: str) -> None:
    assert language in file.languages


def test_every_language_has_the_same_symptoms(file: LanguagesFile) -> None:
    symptoms = {symptom for _, symptom, _ in LINES}
    for language, phrases in file.languages.items():
        assert set(phrases) >= symptoms, language


def test_every_phrase_triggers(detector: RedFlagDetector, file: LanguagesFile) -> None:
    silent = [
        (language, phrase)
        for language, symptoms in file.languages.items()
        for phrases in symptoms.values()
        for phrase in phrases
        if not detector.detect(phrase).triggers
    ]
    assert silent == []


@pytest.mark.parametrize(
    "text", ["妈妈发烧了怎么办", "МАМА НЕ ДЫШИТ", "tiene FIEBRE", "elle a de la fievre", "il a de la fièvre", "حُمّى"]
)
def test_case_accents_and_neighbours_do_not_matter(detector: RedFlagDetector, text: str) -> None:
    assert detector.detect(text).triggers


@pytest.mark.parametrize(
    "text",
    [
        "我们明天去哪里吃饭",
        "Где можно оставить машину",
        "¿Dónde podemos aparcar el coche?",
        "Où est le parking de l'hôpital ?",
        "أين يمكننا أن نوقف السيارة",
        "Onde fica o hotel?",
        "हम कहाँ खाना खा सकते हैं",
        "আমরা কোথায় থাকব",
    ],
)
def test_an_ordinary_message_does_not_trigger(detector: RedFlagDetector, text: str) -> None:
    assert not detector.detect(text).triggers
