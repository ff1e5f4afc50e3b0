"""The training examples of data/nlu.yml, read without Rasa: its own reader takes five seconds."""

from dataclasses import dataclass
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "nlu.yml"


class _Voice(Entry):
    voice: str


class _Intent(Entry):
    intent: str
    metadata: _Voice
    examples: str


class _File(Entry):
    version: str
    nlu: list[_Intent]


@dataclass(frozen=True)
class NluExample:
    """A training example."""

    text: str
    intent: str
    voice: str


def read_nlu_examples(path: Path = FILE) -> list[NluExample]:
    """Read the examples.

    Raises:
        DataFileError: the file is wrong.
    """
    return [
        NluExample(line.removeprefix("- ").strip(), entry.intent, entry.metadata.voice)
        for entry in load_data_file(path, _File).nlu
        for line in entry.examples.splitlines()
        if line.strip()
    ]
