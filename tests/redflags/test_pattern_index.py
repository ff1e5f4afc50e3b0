"""bot.redflags.pattern_index: where a pattern can stand, held against spaCy's own matcher on random words."""

import random

import pytest
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.redflags.pattern_index import PatternIndex
from bot.redflags.patterns import Pattern, parse

PATTERNS = ["a b", "a ~2 b", "a|c ~1 b", "a ~1 b ~2 c", "a & b", "d ~8 a", "b b", "c ~1 a|b ~1 a|b d"]
WORDS = "abcde"


def _index(patterns: list[Pattern]) -> PatternIndex:
    return PatternIndex(patterns, {word: 1 / (1 + place) for place, word in enumerate(WORDS)}.__getitem__)


@pytest.mark.parametrize("written", PATTERNS)
def test_a_pattern_stands_where_the_matcher_finds_it(written: str) -> None:
    patterns = parse(written, {})
    vocab = Vocab(strings=list(WORDS))
    matchers = []
    for pattern in patterns:
        matcher = Matcher(vocab, validate=False)
        matcher.add("it", [pattern.for_matcher()])
        matchers.append(matcher)
    index = _index(patterns)
    randomly = random.Random(written)
    found_any = 0
    for _ in range(300):
        texts = randomly.choices(WORDS, k=randomly.randrange(1, 14))
        stretches = index.stretches(texts)
        for number, matcher in enumerate(matchers):
            spans = matcher(Doc(vocab, words=texts), as_spans=True)
            inside = [
                any(first <= span.start and span.end <= end for first, end in stretches.get(number, ()))
                for span in spans
            ]
            assert all(inside), (texts, spans, stretches)
            assert bool(spans) == bool(stretches.get(number))
            found_any += bool(spans)
    assert found_any > 10


def test_a_pattern_is_looked_up_by_its_rarest_item() -> None:
    (pattern,) = parse("a|e ~3 d", {})
    index = _index([pattern])
    assert set(index._by_anchor) == {"d"}


def test_stretches_that_overlap_become_one() -> None:
    (pattern,) = parse("a ~2 b", {})
    assert _index([pattern]).stretches(list("aabbcab")) == {0: [(0, 4), (5, 7)]}


def test_nothing_stands_in_an_empty_message() -> None:
    assert _index(parse("a b", {})).stretches([]) == {}
