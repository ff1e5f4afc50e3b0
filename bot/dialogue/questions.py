"""Cutting a message into its questions, with spaCy's tokenizer and matcher and the words of data/questions.yml."""

from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.matcher import Matcher
from spacy.tokens import Doc

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "questions.yml"
SENTENCE_ENDS = frozenset(".?!;…\n")
SHORTEST_PIECE = 3  # words; less belongs to the piece before it


class _File(Entry):
    joiners: list[list[str]]
    links: list[str]
    openers: list[str]
    question_words: list[str]
    question_phrases: list[list[str]]


@dataclass(frozen=True)
class Piece:
    """A part of a message that may be a question of its own."""

    text: str
    asks: bool  # whether it has the form of a question; a story has not


class QuestionReader:
    """Finds where one question ends and the next begins."""

    def __init__(self, path: Path = FILE) -> None:
        """Read the words.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, _File)
        self._nlp = spacy.blank("en")
        self._starts = Matcher(self._nlp.vocab)
        for joiner in file.joiners:
            self._starts.add("joiner", [[{"LOWER": word} for word in joiner]])
        link = {"LOWER": {"IN": file.links}}
        self._starts.add("link", [[link, {"LOWER": {"IN": file.openers}}]])
        self._asks = Matcher(self._nlp.vocab)
        self._asks.add("mark", [[{"TEXT": {"REGEX": r"\?$"}}]])
        self._asks.add("word", [[{"LOWER": {"IN": file.question_words}}]])
        self._asks.add("phrase", [[{"LOWER": word} for word in phrase] for phrase in file.question_phrases])

    def pieces(self, text: str) -> list[Piece]:
        """Cut a message at sentence ends and at words that join two questions.

        Cutting too often does little harm: neighbouring pieces on one topic are put together again when they have been
        understood. A piece of fewer than three words stays with its neighbour.
        """
        doc = self._nlp(text)
        starts = sorted({0, *self._boundaries(doc)})
        spans = [doc[start:end] for start, end in zip(starts, [*starts[1:], len(doc)], strict=True)]
        joined: list[tuple[int, int]] = []
        for span in spans:
            words = sum(token.is_alpha or token.like_num for token in span)
            if joined and (words < SHORTEST_PIECE or self._words(doc, *joined[-1]) < SHORTEST_PIECE):
                joined[-1] = (joined[-1][0], span.end)
            else:
                joined.append((span.start, span.end))
        pieces = [doc[start:end] for start, end in joined]
        return [Piece(piece.text.strip(), bool(self._asks(piece))) for piece in pieces if piece.text.strip()]

    def asks(self, text: str) -> bool:
        """Whether a text has the form of a question."""
        return bool(self._asks(self._nlp(text)))

    @staticmethod
    def _words(doc: Doc, start: int, end: int) -> int:
        return sum(token.is_alpha or token.like_num for token in doc[start:end])

    def _boundaries(self, doc: Doc) -> list[int]:
        boundaries = []
        for token in doc[1:]:
            before = doc[token.i - 1]
            if (before.text[-1] in SENTENCE_ENDS or "\n" in before.text) and token.text[0] not in SENTENCE_ENDS:
                boundaries.append(token.i)
        boundaries.extend(start for _, start, _ in self._starts(doc) if start > 0)
        return boundaries
