"""Cutting a message into its questions, with spaCy's tokenizer and matcher and the words of data/questions.yml."""

from dataclasses import dataclass
from pathlib import Path

from spacy.matcher import Matcher
from spacy.tokens import Doc, Span

from bot.data_file import Entry, load_data_file
from bot.paths import DATA
from bot.tokenizing import english

FILE = DATA / "questions.yml"
SENTENCE_ENDS = frozenset(".?!;…\n")
SHORTEST_PIECE = 3  # words; less belongs to the piece before it


class _File(Entry):
    joiners: list[list[str]]
    light_joiners: list[str]
    links: list[str]
    prepositions: list[str]
    openers: list[str]
    question_words: list[str]
    auxiliaries: list[str]
    subjects: list[str]
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
        self._nlp = english()
        self._joiners = Matcher(self._nlp.vocab)
        opener = {"LOWER": {"IN": file.openers}}
        light = {"LOWER": {"IN": file.light_joiners}}
        self._joiners.add("joiner", [[{"LOWER": word} for word in joiner] for joiner in file.joiners])
        self._joiners.add("light", [[light, opener]])
        self._light_joiners = frozenset(file.light_joiners)
        self._links = Matcher(self._nlp.vocab)
        link = {"LOWER": {"IN": file.links}}
        preposition = {"LOWER": {"IN": file.prepositions}}
        self._links.add("link", [[link, opener], [link, preposition, {"LOWER": {"IN": file.question_words}}]])
        self._auxiliaries = frozenset(file.auxiliaries)
        self._connectives = frozenset([*file.links, *file.light_joiners, "so", "yes", "hi", "hello"])
        self._asks = Matcher(self._nlp.vocab)
        self._asks.add("mark", [[{"TEXT": {"REGEX": r"\?$"}}]])
        self._asks.add("word", [[{"LOWER": {"IN": file.question_words}}]])
        auxiliary = {"LOWER": {"IN": file.auxiliaries}}
        self._asks.add("inversion", [[auxiliary, {"LOWER": {"IN": file.subjects}}]])
        self._asks.add("phrase", [[{"LOWER": word} for word in phrase] for phrase in file.question_phrases])

    def pieces(self, text: str) -> list[Piece]:
        """Cut a message at sentence ends and at words that join two questions.

        Cutting too often does little harm: neighbouring pieces on one topic are put together again when they have been
        understood. A piece of fewer than three words stays with its neighbour. Not safe to use from several threads.
        """
        with self._nlp.memory_zone():
            return self._cut(self._nlp(text))

    def _cut(self, doc: Doc) -> list[Piece]:
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
        return [Piece(piece.text.strip(), self._has_question(piece)) for piece in pieces if piece.text.strip()]

    def _has_question(self, span: Span) -> bool:
        first = span[1] if span[0].lower_ in self._connectives and len(span) > 1 else span[0]
        return bool(self._asks(span)) or first.lower_ in self._auxiliaries

    @staticmethod
    def _words(doc: Doc, start: int, end: int) -> int:
        return sum(token.is_alpha or token.like_num for token in doc[start:end])

    def _boundaries(self, doc: Doc) -> list[int]:
        boundaries = {start for _, start, _ in self._joiners(doc) if start > 0}
        for token in doc[1:]:
            before = doc[token.i - 1]
            ended = (before.text[-1] in SENTENCE_ENDS or "\n" in before.text) and token.text[0] not in SENTENCE_ENDS
            if ended or (before.text == "," and token.lower_ in self._light_joiners):
                boundaries.add(token.i)
        for _, start, _ in sorted(self._links(doc), key=lambda match: match[1]):
            last = max((boundary for boundary in boundaries if boundary <= start), default=0)
            if start > last and self._has_question(doc[last:start]):
                boundaries.add(start)
        return sorted(boundaries)
