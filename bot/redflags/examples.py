"""What the semantic detector learns from: messages with and without red flags."""

from dataclasses import dataclass
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.redflags.lexicon import FOLDER

FILE = FOLDER / "examples.yml"
WITHOUT = ""  # the symptom of a message that mentions none


class ExamplesFile(Entry):
    """What examples.yml holds."""

    voices: dict[str, dict[str, list[str]]]
    without: dict[str, list[str]]


@dataclass(frozen=True)
class Example:
    """A message, the symptom that it mentions, and who speaks."""

    text: str
    symptom: str
    voice: str


def read_examples(path: Path = FILE) -> list[Example]:
    """Read the examples.

    Raises:
        DataFileError: the file is wrong.
    """
    file = load_data_file(path, ExamplesFile)
    examples = [
        Example(text, symptom, voice)
        for voice, symptoms in file.voices.items()
        for symptom, texts in symptoms.items()
        for text in texts
    ]
    examples += [Example(text, WITHOUT, kind) for kind, texts in file.without.items() for text in texts]
    return examples
