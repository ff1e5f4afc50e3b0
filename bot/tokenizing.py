"""spaCy's English tokenizer, whose time grows with the length of a message and no faster.

spaCy strips punctuation from a run's ends one character at a time and looks at all that is left each time: 4,000
brackets without a space took it 8 s, 16,000 two minutes, on the thread that every family waits for.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

LONG_RUN = re.compile(r"(\S{64,})")
_WORD = r"[^\W_]{1,64}"
# A word keeps what stands inside it ("can't", "38.4", "IL-6"), so that it is read as anywhere else.
_PIECE = re.compile(rf"{_WORD}(?:['’.,-]{_WORD}){{0,3}}|(?:[^\w\s]|_){{1,8}}")


class LinearTokenizer:
    """Reads a run of 64 characters or more without a space piece by piece, and everything else as spaCy does."""

    def __init__(self, vocab: Vocab, tokenizer: Callable[[str], Doc]) -> None:
        self._vocab = vocab
        self._tokenizer = tokenizer
        self._words_of_piece = lru_cache(1024)(lambda piece: [token.text for token in tokenizer(piece)])

    def __call__(self, text: str) -> Doc:
        """Cut a text into words; the text of the result is the same."""
        parts = LONG_RUN.split(text)
        if len(parts) == 1:
            return self._tokenizer(text)
        words: list[str] = []
        spaces: list[bool] = []
        for number, part in enumerate(parts):
            if number % 2:
                for piece in _PIECE.findall(part):
                    words.extend(self._words_of_piece(piece))
                spaces.extend([False] * (len(words) - len(spaces)))
                continue
            if words and part.startswith(" "):
                spaces[-1] = True  # as spaCy has it: the space belongs to the word before it
                part = part[1:]
            for token in self._tokenizer(part):
                words.append(token.text)
                spaces.append(bool(token.whitespace_))
        return Doc(self._vocab, words=words, spaces=spaces)


def english() -> Language:
    """A blank English pipeline with this tokenizer.

    Whoever reads messages with it does so inside `nlp.memory_zone()`: spaCy otherwise keeps every new word for ever,
    2.5 kB a conversation. Nothing of a document may be used after its zone, and one zone at a time is open.
    """
    nlp = spacy.blank("en")
    nlp.tokenizer = LinearTokenizer(nlp.vocab, nlp.tokenizer)
    return nlp
