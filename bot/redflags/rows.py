"""Finding rows of words in a message, each under a label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.redflags.reading import Word, words_of

UNKNOWN = "_"  # stands for every word in no row, so that the vocabulary never grows


@dataclass(frozen=True)
class Row:
    """A row found: its label and its words' places, the last not included."""

    label: str
    first: int
    last: int


class RowFinder:
    """Finds rows of words with spaCy's PhraseMatcher. Safe to use from several threads."""

    def __init__(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Prepare.

        Args:
            texts: for each label the rows as text.
        """
        rows = {
            label: [[word.text for word in words_of(text)] for text in of_label] for label, of_label in texts.items()
        }
        self._known = frozenset(word for of_label in rows.values() for row in of_label for word in row)
        self._vocab = Vocab(strings=[UNKNOWN, *self._known])
        self._matcher = PhraseMatcher(self._vocab, attr="ORTH")
        for label, of_label in rows.items():
            self._matcher.add(label, [Doc(self._vocab, words=row) for row in of_label if row])

    def find(self, words: Sequence[Word]) -> list[Row]:
        """Every row, also one inside another."""
        doc = Doc(self._vocab, words=[word.text if word.text in self._known else UNKNOWN for word in words])
        return [Row(self._vocab.strings[label], first, last) for label, first, last in self._matcher(doc)]
