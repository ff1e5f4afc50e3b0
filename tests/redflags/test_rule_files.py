"""bot.redflags' data files: what they must hold, and that a fault is named by file, line and key."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.data_file import DataFileError, load_data_file
from bot.redflags.detector import RedFlagDetector
from bot.redflags.examples import WITHOUT, ExamplesFile, read_examples
from bot.redflags.lexicon import FOLDER, LanguagesFile, LexiconFile, read_lexicon
from bot.redflags.spelling import Spelling, SpellingFile
from bot.redflags.tiers import ContextFile, Tiers
from bot.redflags.unreadable import Readability, ReadableFile
from bot.redflags.vitals import VitalsFile, VitalsReader

SYMPTOMS = {
    *("fever", "low_temperature", "chills", "breathing", "colour", "heart", "faint_low_pressure", "confusion"),
    *("drowsy", "speech", "seizure", "neuro_motor", "headache_vision", "urine", "vomiting_diarrhoea", "weakness"),
    *("pain", "bleeding_rash", "allergy", "fall", "worsening", "crisis"),
}

LOADERS: dict[str, Callable[[Path], object]] = {
    "lexicon.yml": read_lexicon,
    "languages.yml": read_lexicon,
    "vitals.yml": lambda folder: VitalsReader(folder / "vitals.yml"),
    "context.yml": lambda folder: Tiers(folder / "context.yml"),
    "spelling.yml": lambda folder: Spelling(["fever"], folder / "spelling.yml"),
    "readable.yml": lambda folder: Readability(
        Spelling(["fever"], folder / "spelling.yml"), frozenset({"fever"}), folder / "readable.yml"
    ),
    "examples.yml": lambda folder: read_examples(folder / "examples.yml"),
}
FILES = sorted(LOADERS)
OF_THE_DETECTOR = sorted({*FILES} - {"examples.yml"})

# A pattern for the text to be replaced, what replaces it, the text on the line that is named, and the fault.
FAULTS = [
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", pattern: "<nobody> ~2 breathe"}\n',
        "<nobody>",
        "symptoms.fever.phrases[0].pattern: there is no class <nobody>",
        id="unknown class",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", pattern: "onlyone"}\n',
        "onlyone",
        "symptoms.fever.phrases[0].pattern: needs at least two items",
        id="pattern of one item",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", pattern: "chest ~3"}\n',
        "chest ~3",
        "symptoms.fever.phrases[0].pattern: needs at least two items, and an item at its end",
        id="pattern that ends in a gap",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", pattern: "chest ~12 pain"}\n',
        "chest ~12",
        "symptoms.fever.phrases[0].pattern: '~12' is no gap: write ~1 to ~8",
        id="gap too long",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", pattern: "chest a||b"}\n',
        "chest a||b",
        "symptoms.fever.phrases[0].pattern: '' is not one word",
        id="empty alternative",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {pattern: "chest pain"}\n',
        '- {pattern: "chest pain"}',
        "symptoms.fever.phrases[0].literal: field required",
        id="phrase without a literal",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "", pattern: "chest pain"}\n',
        'literal: ""',
        "symptoms.fever.phrases[0].literal: ensure this value has at least 1 char",
        id="empty literal",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    phrases:\n",
        '\n    phrases:\n      - {literal: "x", patern: "chest pain"}\n',
        "patern",
        "symptoms.fever.phrases[0]",
        id="misspelt key of a phrase",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    sources: \[",
        "\n    sources: [NOWHERE, ",
        "NOWHERE",
        "symptoms.fever.sources[0]: 'NOWHERE' is not among 'sources'",
        id="unknown source",
    ),
    pytest.param(
        "lexicon.yml",
        r"\n    words: \[",
        '\n    words: ["two words", ',
        "two words",
        "symptoms.fever.words[0]: 'two words' is not one word",
        id="two words for one",
    ),
    pytest.param(
        "lexicon.yml",
        r"\nclasses:\n",
        '\nclasses:\n  odd: ["two words"]\n',
        "  odd:",
        "classes.odd[0]: 'two words' is not one word",
        id="two words for one in a class",
    ),
    pytest.param(
        "lexicon.yml", r"\nsigned_by: .*\n", "\n", None, "signed_by: field required", id="nobody to sign the lexicon"
    ),
    pytest.param(
        "languages.yml",
        r"\nlanguages:\n",
        "\nlanguages:\n  xx:\n    fever: [febro]\n",
        "signed_by:",
        "signed_by: lacks 'xx'",
        id="nobody to sign a language",
    ),
    pytest.param(
        "languages.yml",
        r"\n    fever:\s*\[",
        '\n    fever: ["!", ',
        'fever: ["!"',
        "languages.zh.fever[0]: holds no word",
        id="phrase without a word",
    ),
    pytest.param(
        "vitals.yml",
        r"\n    sources: \[",
        "\n    sources: [NOWHERE, ",
        "NOWHERE",
        "measures.temperature_c.sources[0]: 'NOWHERE' is not among 'sources'",
        id="unknown source of a measure",
    ),
    pytest.param(
        "vitals.yml",
        r"\n  sources: \[",
        "\n  sources: [NOWHERE, ",
        "NOWHERE",
        "pressure.sources[0]: 'NOWHERE' is not among 'sources'",
        id="unknown source of the pressure",
    ),
    pytest.param(
        "vitals.yml",
        r"\n    red_from: .*\n",
        "\n    red_from: high\n",
        "red_from: high",
        "measures.temperature_c.red_from: value is not a valid float",
        id="word for a threshold",
    ),
    pytest.param(
        "vitals.yml",
        r"\n    red_from: ",
        "\n    red_form: ",
        "red_form",
        "measures.temperature_c.red_form: extra fields not permitted",
        id="misspelt threshold",
    ),
    pytest.param(
        "vitals.yml", r"\nsigned_by: .*\n", "\n", None, "signed_by: field required", id="nobody to sign the vitals"
    ),
    pytest.param(
        "context.yml",
        r"\npast_days_minimum: .*\n",
        "\npast_days_minimum: week\n",
        "past_days_minimum",
        "past_days_minimum: value is not a valid integer",
        id="word for a number of days",
    ),
    pytest.param(
        "context.yml", r"\nsigned_by: .*\n", "\n", None, "signed_by: field required", id="nobody to sign the context"
    ),
    pytest.param(
        "spelling.yml", r"\nwhole: .*\n", "\nwhole: spo2\n", "whole:", "whole: value is not a valid list", id="no list"
    ),
    pytest.param(
        "readable.yml",
        r"\nunknown_share: ",
        "\nunknown_share: half  # ",
        "unknown_share",
        "unknown_share: value is not a valid float",
        id="word for a share",
    ),
    pytest.param(
        "examples.yml",
        r"\nvoices:\n",
        "\nvoices:\n  nobody: [hello]\n",
        "nobody:",
        "voices.nobody: value is not a valid dict",
        id="list for a voice",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "data"))


@pytest.fixture(scope="module")
def lexicon() -> LexiconFile:
    return load_data_file(FOLDER / "lexicon.yml", LexiconFile)


def refusal(folder: Path, name: str) -> str:
    with pytest.raises(DataFileError) as refused:
        LOADERS[name](folder)
    return str(refused.value)


def line_of(text: str, part: str | None) -> int:
    """The line where a part of the file stands; without one, where the first key does."""
    if part is not None:
        return text[: text.index(part)].count("\n") + 1
    return next(number for number, line in enumerate(text.split("\n"), start=1) if line and line[0] not in "# ")


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_read(folder: Path, name: str) -> None:
    LOADERS[name](folder)


@pytest.mark.parametrize(("name", "old", "new", "on_line", "fault"), FAULTS)
def test_a_fault_is_named_by_file_line_and_key(
    folder: Path, name: str, old: str, new: str, on_line: str | None, fault: str
) -> None:
    text = (folder / name).read_text("utf-8")
    changed = re.sub(old, lambda _: new, text, count=1)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8")

    assert refusal(folder, name).startswith(f"{folder / name}, line {line_of(changed, on_line)}: {fault}")


@pytest.mark.parametrize("name", FILES)
def test_an_unknown_key_is_named(folder: Path, name: str) -> None:
    text = (folder / name).read_text("utf-8").rstrip("\n") + "\nsignd_by: me\n"
    (folder / name).write_text(text, encoding="utf-8")

    line = text.count("\n")
    assert refusal(folder, name) == f"{folder / name}, line {line}: signd_by: extra fields not permitted"


@pytest.mark.parametrize("name", FILES)
def test_a_repeated_key_is_named(folder: Path, name: str) -> None:
    text = (folder / name).read_text("utf-8").rstrip("\n")
    key = re.findall(r"^(\w+):", text, re.MULTILINE)[0]
    (folder / name).write_text(f"{text}\n{key}: x\n", encoding="utf-8")

    line = text.count("\n") + 2
    assert refusal(folder, name) == f"{folder / name}, line {line}: the key '{key}' stands twice"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder, name).startswith(f"{folder / name}: cannot be read: ")


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_yaml_is_named_with_its_line(folder: Path, name: str) -> None:
    text = (folder / name).read_text("utf-8").rstrip("\n")
    (folder / name).write_text(f"{text}\n\tx: ]\n", encoding="utf-8")
    assert re.match(re.escape(f"{folder / name}, line ") + r"\d+: not valid YAML: ", refusal(folder, name))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", ["", "- fever\n", "fever\n"])
def test_a_file_of_another_shape_is_refused(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    assert refusal(folder, name) == f"{folder / name}, line 1: the file must be a mapping of keys to values"


@pytest.mark.parametrize("name", OF_THE_DETECTOR)
def test_the_detector_starts_with_no_file_missing_only(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataFileError, match=name):
        RedFlagDetector(folder)


@pytest.mark.parametrize("name", ["lexicon.yml", "languages.yml", "vitals.yml", "context.yml"])
def test_changed_rules_have_another_fingerprint(folder: Path, name: str) -> None:
    before = RedFlagDetector(folder).ruleset
    text = (folder / name).read_text("utf-8")
    changed = re.sub(r'(signed_by: (?:\{\w+: )?)""', r'\1"Dr Li"', text, count=1)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8")
    assert RedFlagDetector(folder).ruleset != before


# what the project's own files hold


def test_all_groups_are_there(lexicon: LexiconFile) -> None:
    assert set(lexicon.symptoms) == SYMPTOMS
    assert len(SYMPTOMS) == 22


@pytest.mark.parametrize("symptom", sorted(SYMPTOMS))
def test_a_group_has_what_it_needs(lexicon: LexiconFile, symptom: str) -> None:
    group = lexicon.symptoms[symptom]
    assert group.title.strip()
    assert group.sources
    assert group.words
    assert group.phrases
    assert all(phrase.literal.strip() for phrase in group.phrases)


@pytest.mark.parametrize(
    ("name", "schema"), [("lexicon.yml", LexiconFile), ("vitals.yml", VitalsFile), ("context.yml", ContextFile)]
)
def test_there_is_a_line_for_who_signs(
    name: str, schema: type[LexiconFile] | type[VitalsFile] | type[ContextFile]
) -> None:
    assert isinstance(load_data_file(FOLDER / name, schema).signed_by, str)


def test_there_is_a_line_for_who_signs_each_language() -> None:
    file = load_data_file(FOLDER / "languages.yml", LanguagesFile)
    assert set(file.signed_by) == set(file.languages)


def test_other_files_name_only_symptoms_that_there_are() -> None:
    languages = load_data_file(FOLDER / "languages.yml", LanguagesFile).languages
    vitals = load_data_file(FOLDER / "vitals.yml", VitalsFile)
    context = load_data_file(FOLDER / "context.yml", ContextFile)
    assert {symptom for symptoms in languages.values() for symptom in symptoms} <= SYMPTOMS
    measured = {symptom for measure in vitals.measures.values() for symptom in (measure.symptom, measure.low_symptom)}
    assert {*measured, vitals.pressure.symptom} - {""} <= SYMPTOMS
    assert "crisis" in context.always_t1 <= SYMPTOMS


def test_the_examples_name_every_symptom_and_no_other() -> None:
    examples = read_examples()
    assert {example.symptom for example in examples} == {*SYMPTOMS, WITHOUT}
    assert all(example.text.strip() and example.voice for example in examples)
    file = load_data_file(FOLDER / "examples.yml", ExamplesFile)
    assert len(examples) == sum(
        len(texts) for symptoms in [*file.voices.values(), file.without] for texts in symptoms.values()
    )


def test_every_measure_has_a_threshold_among_the_values_that_can_be_true() -> None:
    vitals = load_data_file(FOLDER / "vitals.yml", VitalsFile)
    for name, measure in vitals.measures.items():
        low, high = measure.plausible
        assert low < high, name
        assert measure.red_from <= high or measure.red_under > low, name
        assert measure.red_under < measure.red_from, name
        assert measure.amber_from <= measure.red_from or measure.amber_from == float("inf"), name
        assert measure.amber_under >= measure.red_under or measure.amber_under == float("-inf"), name
    assert vitals.pressure.red_under < vitals.pressure.amber_under


def test_shares_are_shares() -> None:
    file = load_data_file(FOLDER / "readable.yml", ReadableFile)
    assert 0 < file.unknown_share < 1
    assert 0 < file.foreign_letters_share < 1


def test_letters_stand_for_single_letters() -> None:
    file = load_data_file(FOLDER / "spelling.yml", SpellingFile)
    assert all(len(sign) == len(letter) == 1 for sign, letter in [*file.leetspeak.items(), *file.lookalikes.items()])
