"""From the ranked intents of a message and its parts to the questions that are answered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.answers.content import grade_variant
from bot.answers.follow_ups import FollowUps
from bot.answers.questions import (
    BACKGROUND,
    FOLLOW_UP,
    GRADE_FOLLOW_UP,
    OUT_OF_SCOPE,
    SMALL_TALK,
    TALK_TO_HUMAN,
    UNREADABLE,
    UNSURE,
    Question,
    is_topic,
)

GRADING = "crs_grading"
LEANING = 0.5  # of a follow-up's confidence: from there on a text leans to the topic as well

_GRADE_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "first": 1, "second": 2, "third": 3, "fourth": 4}
_GRADE_WORDS |= {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_NAMED_GRADE = re.compile(
    r"\b(?:grades?|gr|g|level|stage)[\s.\-]{0,2}(\d|one|two|three|four|i{1,3}|iv)\b|\b(first|second|third|fourth) grade"
)
_BARE_NUMBER = re.compile(r"\b([1-4])\b")
_BARE_GRADE = re.compile(r"\b([1-4]|one|two|three|four)\b")


@dataclass(frozen=True)
class Ranked:
    """A text with its ranked intents."""

    text: str
    asks: bool
    ranking: tuple[tuple[str, float], ...]
    known_words: float

    @property
    def intent(self) -> str:
        """The likeliest intent."""
        return self.ranking[0][0]

    @property
    def confidence(self) -> float:
        """Its confidence."""
        return self.ranking[0][1]

    @property
    def lead(self) -> float:
        """How far it is ahead of the next."""
        return self.ranking[0][1] - (self.ranking[1][1] if len(self.ranking) > 1 else 0.0)


@dataclass(frozen=True)
class Limits:
    """When an intent counts as understood; config.yml says what each means and how it was set."""

    sure: float
    lead: float
    sure_in_part: float
    lead_in_part: float
    agreement: float
    close: float
    questions: int
    known_words: float


def read_questions(whole: Ranked, parts: Sequence[Ranked], limits: Limits, follow_ups: FollowUps) -> list[Question]:
    """Decide what a message asks.

    Args:
        whole: the message.
        parts: its parts; empty where it has only one.
        limits: when an intent counts as understood.
        follow_ups: what a follow-up means behind another question of the same message.

    Returns:
        at least one question, in the order asked.
    """
    if whole.known_words < limits.known_words:
        return [Question(whole.text, UNREADABLE, 1.0, whole.asks)]
    whole = _lean_to_topics(whole, None, follow_ups)
    asked = _clear_questions([_weighed(part, whole, limits) for part in parts], limits, follow_ups)
    if len(asked) > 1:
        return [_sure(part) for part in asked[: limits.questions]]
    if asked and asked[0].intent.startswith(FOLLOW_UP):
        asked = []  # "what do they do then?" behind a story is no question of its own
    if _is_sure(whole, limits) and whole.intent not in (BACKGROUND, SMALL_TALK):
        return [_sure(whole)]
    if asked:
        return [_sure(asked[0])]
    if _is_sure(whole, limits):
        return [_sure(whole)]
    return [_unsure(whole, limits)]


def _clear_questions(parts: Sequence[Ranked], limits: Limits, follow_ups: FollowUps) -> list[Ranked]:
    """The parts that ask something clear, each topic once; a follow-up is about the part before it."""
    asked: list[Ranked] = []
    topic: str | None = None
    for part in parts:
        leaning = _lean_to_topics(part, topic, follow_ups)
        if not _is_clear_question(leaning, limits):
            continue
        if is_topic(leaning.intent):
            topic = leaning.intent
        asked.append(leaning)
    return _merge(asked)


def _weighed(part: Ranked, whole: Ranked, limits: Limits) -> Ranked:
    """A part in the light of the whole message: what the whole speaks of as well counts for more."""
    speaks_of = dict(whole.ranking)
    weights = [
        confidence * ((speaks_of.get(intent, 0.0) if is_topic(intent) else 0.05) + 0.02) ** limits.agreement
        for intent, confidence in part.ranking
    ]
    scale = sum(confidence for _, confidence in part.ranking) / sum(weights)
    ranking = ((intent, weight * scale) for (intent, _), weight in zip(part.ranking, weights, strict=True))
    return replace(part, ranking=tuple(sorted(ranking, key=lambda item: -item[1])))


def _lean_to_topics(text: Ranked, topic: str | None, follow_ups: FollowUps) -> Ranked:
    """Give a follow-up's confidence to the topic that it means here.

    "How long does it last?" behind a question on CRS is the question how long CRS lasts. Without a question before it,
    a follow-up strengthens the topic nearest to it, where the text leans to that topic anyway.

    Args:
        text: the message or a part of it.
        topic: what the part before it asks about.
        follow_ups: what a follow-up means.
    """
    confidences = dict(text.ranking)
    for intent, confidence in text.ranking:
        if not intent.startswith(FOLLOW_UP):
            continue
        name = follow_ups.resolve(intent, topic, _variant(replace(text, ranking=((intent, confidence),))))
        meant = name.partition("/")[0] if name else follow_ups.alone(intent)
        if meant is None:
            continue
        if name is not None and "/" in name:
            confidences[intent] += confidences.pop(meant, 0.0)  # "and 4?": only as a follow-up is it read as a grade
        elif name is not None or confidences.get(meant, 0.0) >= LEANING * confidence:
            confidences[meant] = confidences.get(meant, 0.0) + confidences.pop(intent)
    return replace(text, ranking=tuple(sorted(confidences.items(), key=lambda item: -item[1])))


def _is_sure(text: Ranked, limits: Limits) -> bool:
    return text.confidence >= limits.sure and text.lead >= limits.lead


def _is_clear_question(part: Ranked, limits: Limits) -> bool:
    if not part.asks or part.confidence < limits.sure_in_part or part.lead < limits.lead_in_part:
        return False
    return is_topic(part.intent) or part.intent == TALK_TO_HUMAN or part.intent.startswith(FOLLOW_UP)


def _merge(parts: list[Ranked]) -> list[Ranked]:
    """One part for each topic, in the order first asked; the surest stands for those on one topic."""
    best: dict[tuple[str, str], Ranked] = {}
    for part in parts:
        key = (part.intent, _variant(part))
        if key not in best or part.confidence > best[key].confidence:
            best[key] = part
    return list(best.values())


def _sure(text: Ranked) -> Question:
    return Question(text.text, text.intent, text.confidence, text.asks, _variant(text))


def _unsure(text: Ranked, limits: Limits) -> Question:
    topics = [(intent, confidence) for intent, confidence in text.ranking if is_topic(intent)]
    close = len(topics) > 1 and text.intent == topics[0][0] and topics[0][1] + topics[1][1] >= limits.close
    candidates = tuple(intent for intent, _ in topics[: 2 if close else 3])
    intent = OUT_OF_SCOPE if text.intent == OUT_OF_SCOPE else UNSURE
    return Question(text.text, intent, text.confidence, text.asks, candidates=candidates, close=close)


def _variant(text: Ranked) -> str:
    """The one grade that a question on grades names; none where it names several."""
    lowered = text.text.lower()
    found = {first or second for first, second in _NAMED_GRADE.findall(lowered)}
    if text.intent == GRADE_FOLLOW_UP and not found:
        found = set(_BARE_GRADE.findall(lowered))
    elif found:
        found |= set(_BARE_NUMBER.findall(lowered))  # "grade 3 or 4"
    if text.intent not in (GRADING, GRADE_FOLLOW_UP) or len(found) != 1:
        return ""
    word = found.pop()
    grade = int(word) if word.isdigit() else _GRADE_WORDS[word]
    return grade_variant(grade) if 1 <= grade <= 4 else ""
