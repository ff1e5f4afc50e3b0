"""bot.dialogue.understanding: what made-up rankings of a message and its parts are taken to ask."""

from dataclasses import replace

import pytest

from bot.answers.follow_ups import FollowUps
from bot.answers.questions import Question
from bot.dialogue.understanding import Limits, Ranked, read_questions

# Not those of config.yml, which may change: the table below is about what the limits do.
LIMITS = Limits(
    sure=0.25,
    lead=0.12,
    sure_in_part=0.4,
    lead_in_part=0.2,
    agreement=0.0,
    close=0.4,
    questions=3,
    known_words=0.34,
)
FOLLOW_UPS = """
follow_ups:
  follow_up_duration:
    about: {what_is_crs: crs_duration, cost_and_stay: cost_and_stay}
    alone: crs_duration
  follow_up_grade:
    otherwise: crs_grading/grade_{grade}
    alone: crs_grading
  follow_up_more:
    about: {what_is_crs: crs_symptoms}
"""


@pytest.fixture(scope="module")
def follow_ups(tmp_path_factory: pytest.TempPathFactory) -> FollowUps:
    path = tmp_path_factory.mktemp("data") / "follow_ups.yml"
    path.write_text(FOLLOW_UPS)
    return FollowUps(path)


def said(text: str = "whole?", *, known: float = 1.0, **ranking: float) -> Ranked:
    """A text that asks if it ends so, with its ranking best first."""
    return Ranked(text, text.endswith("?"), tuple(sorted(ranking.items(), key=lambda item: -item[1])), known)


def asked(questions: list[Question]) -> list[str]:
    return [question.intent + (f"/{question.variant}" if question.variant else "") for question in questions]


A = said("a?", what_is_crs=0.8, steroids_role=0.1)
B = said("b?", crs_symptoms=0.8, steroids_role=0.1)
C = said("c?", cost_and_stay=0.8, steroids_role=0.1)
D = said("d?", caregiver_role=0.8, steroids_role=0.1)
PERSON = said("p?", talk_to_human=0.8, steroids_role=0.1)
THANKS = said("t?", small_talk=0.8, steroids_role=0.1)
STORY = said("s.", other_drugs=0.9)
HOW_LONG = said("l?", follow_up_duration=0.8, steroids_role=0.1)
MORE = said("m?", follow_up_more=0.8, steroids_role=0.1)
UNCLEAR = said(steroids_role=0.2, other_drugs=0.1, crs_duration=0.05)


@pytest.mark.parametrize(
    ("whole", "parts", "expected"),
    [
        # the whole message alone
        (said(what_is_crs=0.26, crs_symptoms=0.13), [], ["what_is_crs"]),
        (said(what_is_crs=0.24, crs_symptoms=0.01), [], ["nlu_fallback"]),
        (said(what_is_crs=0.45, crs_symptoms=0.34), [], ["nlu_fallback"]),
        (said(what_is_crs=0.9), [], ["what_is_crs"]),
        (said("no question.", what_is_crs=0.9), [], ["what_is_crs"]),
        (said(small_talk=0.9), [], ["small_talk"]),
        (said(background=0.9), [], ["background"]),
        (said(out_of_scope=0.9), [], ["out_of_scope"]),
        (said(out_of_scope=0.2, crs_symptoms=0.1), [], ["out_of_scope"]),
        (said(follow_up_more=0.9), [], ["follow_up_more"]),
        # several questions
        (UNCLEAR, [A, B], ["what_is_crs", "crs_symptoms"]),
        (UNCLEAR, [B, A], ["crs_symptoms", "what_is_crs"]),
        (UNCLEAR, [A, PERSON], ["what_is_crs", "talk_to_human"]),
        (UNCLEAR, [A, B, C, D], ["what_is_crs", "crs_symptoms", "cost_and_stay"]),
        (said(what_is_crs=0.9), [A, B], ["what_is_crs", "crs_symptoms"]),
        # one clear part: the whole comes first where it is sure, unless it is but the frame of the question
        (said(crs_duration=0.9), [A, STORY], ["crs_duration"]),
        (UNCLEAR, [A, STORY], ["what_is_crs"]),
        (said(small_talk=0.9), [THANKS, A], ["what_is_crs"]),
        (said(background=0.9), [STORY, A], ["what_is_crs"]),
        (said(background=0.9), [STORY, STORY], ["background"]),
        # parts that do not count
        (UNCLEAR, [A, said("b.", crs_symptoms=0.9)], ["what_is_crs"]),
        (UNCLEAR, [A, THANKS], ["what_is_crs"]),
        (UNCLEAR, [A, said("b?", crs_symptoms=0.39)], ["what_is_crs"]),
        (UNCLEAR, [A, said("b?", crs_symptoms=0.45, cost_and_stay=0.3)], ["what_is_crs"]),
        (UNCLEAR, [A, said("b?", crs_symptoms=0.41, cost_and_stay=0.2)], ["what_is_crs", "crs_symptoms"]),
        (UNCLEAR, [STORY, said("b?", crs_symptoms=0.39)], ["nlu_fallback"]),
        # the same topic twice
        (UNCLEAR, [A, B, said("a again?", what_is_crs=0.9)], ["what_is_crs", "crs_symptoms"]),
        # follow-ups among the parts
        (UNCLEAR, [A, HOW_LONG], ["what_is_crs", "crs_duration"]),
        (UNCLEAR, [A, C, HOW_LONG], ["what_is_crs", "cost_and_stay"]),
        (UNCLEAR, [A, MORE], ["what_is_crs", "crs_symptoms"]),
        (UNCLEAR, [A, STORY, HOW_LONG], ["what_is_crs", "crs_duration"]),
        (UNCLEAR, [HOW_LONG, A], ["follow_up_duration", "what_is_crs"]),
        (UNCLEAR, [STORY, HOW_LONG], ["nlu_fallback"]),
        (said(crs_treatment_overview=0.9), [STORY, HOW_LONG], ["crs_treatment_overview"]),
        # between a follow-up and the topic that it means alone
        (said(follow_up_duration=0.4, crs_duration=0.2, what_is_crs=0.1), [], ["crs_duration"]),
        (said(follow_up_duration=0.4, crs_duration=0.19, what_is_crs=0.1), [], ["follow_up_duration"]),
        (said(follow_up_more=0.4, crs_symptoms=0.2), [], ["follow_up_more"]),
    ],
)  # fmt: skip
def test_what_is_asked(follow_ups: FollowUps, whole: Ranked, parts: list[Ranked], expected: list[str]) -> None:
    assert asked(read_questions(whole, parts, LIMITS, follow_ups)) == expected


@pytest.mark.parametrize(
    ("whole", "candidates", "close"),
    [
        (said(a=0.3, b=0.25, c=0.2), ("a", "b"), True),
        (said(a=0.21, b=0.2, c=0.1), ("a", "b"), True),
        (said(a=0.2, b=0.15, c=0.1, d=0.05), ("a", "b", "c"), False),
        (said(small_talk=0.3, a=0.25, b=0.2, c=0.1, d=0.05), ("a", "b", "c"), False),
        (said(out_of_scope=0.2, follow_up_more=0.15, a=0.1, background=0.1, affirm=0.05), ("a",), False),
        (said(a=0.2), ("a",), False),
        (said(small_talk=0.2, deny=0.1), (), False),
    ],
)
def test_what_is_offered_where_it_is_unsure(
    follow_ups: FollowUps, whole: Ranked, candidates: tuple[str, ...], close: bool
) -> None:
    (question,) = read_questions(whole, [], LIMITS, follow_ups)
    assert (question.candidates, question.close) == (candidates, close)


def test_a_sure_question_offers_nothing_else(follow_ups: FollowUps) -> None:
    whole = said("What is CRS?", what_is_crs=0.9, crs_symptoms=0.1)
    assert read_questions(whole, [], LIMITS, follow_ups) == [Question("What is CRS?", "what_is_crs", 0.9, True)]


@pytest.mark.parametrize(
    ("known", "parts", "expected"),
    [(0.33, [], "unreadable"), (0.33, [A, B], "unreadable"), (0.34, [], "what_is_crs")],
)
def test_a_message_of_unknown_words_is_not_guessed_at(
    follow_ups: FollowUps, known: float, parts: list[Ranked], expected: str
) -> None:
    assert asked(read_questions(said(what_is_crs=0.9, known=known), parts, LIMITS, follow_ups)) == [expected]


def test_the_surest_of_two_parts_on_one_topic_stands_for_both(follow_ups: FollowUps) -> None:
    parts = [A, B, said("a again?", what_is_crs=0.9), said("and again?", what_is_crs=0.7)]
    questions = read_questions(UNCLEAR, parts, LIMITS, follow_ups)
    assert [(question.text, question.confidence) for question in questions] == [("a again?", 0.9), ("b?", 0.8)]


@pytest.mark.parametrize(
    ("text", "intent", "expected"),
    [
        ("What is grade 3?", "crs_grading", "crs_grading/grade_3"),
        ("what is GRADE III", "crs_grading", "crs_grading/grade_3"),
        ("what does Grade IV mean", "crs_grading", "crs_grading/grade_4"),
        ("he is grade-two", "crs_grading", "crs_grading/grade_2"),
        ("third grade means?", "crs_grading", "crs_grading/grade_3"),
        ("G1 crs?", "crs_grading", "crs_grading/grade_1"),
        ("stage 4 or level four?", "crs_grading", "crs_grading"),
        ("grade 3 or 4?", "crs_grading", "crs_grading"),
        ("grade 1 and grade 2?", "crs_grading", "crs_grading"),
        ("which grades are there?", "crs_grading", "crs_grading"),
        ("what is grade 5?", "crs_grading", "crs_grading"),
        ("what is grade 0?", "crs_grading", "crs_grading"),
        ("what are the 4 of them?", "crs_grading", "crs_grading"),
        ("and 3?", "follow_up_grade", "follow_up_grade/grade_3"),
        ("and three?", "follow_up_grade", "follow_up_grade/grade_3"),
        ("and grade 2?", "follow_up_grade", "follow_up_grade/grade_2"),
        ("1 or 2?", "follow_up_grade", "follow_up_grade"),
        ("and the others?", "follow_up_grade", "follow_up_grade"),
        ("does grade 3 cost more?", "cost_and_stay", "cost_and_stay"),
    ],
)
def test_the_grade_that_is_named(follow_ups: FollowUps, text: str, intent: str, expected: str) -> None:
    assert asked(read_questions(said(text, **{intent: 0.9}), [], LIMITS, follow_ups)) == [expected]


def test_two_grades_are_two_questions(follow_ups: FollowUps) -> None:
    parts = [
        said("what is grade 1?", crs_grading=0.9),
        said("and 4?", follow_up_grade=0.45, crs_grading=0.44),
        said("what is grade one again?", crs_grading=0.8),
    ]
    assert asked(read_questions(UNCLEAR, parts, LIMITS, follow_ups)) == [
        "crs_grading/grade_1",
        "follow_up_grade/grade_4",
    ]


def test_parts_are_weighed_by_the_whole(follow_ups: FollowUps) -> None:
    whole = said(crs_symptoms=0.2, what_is_crs=0.02, cost_and_stay=0.19)
    part = said("b?", crs_symptoms=0.45, what_is_crs=0.4)
    assert asked(read_questions(whole, [part, STORY], LIMITS, follow_ups)) == ["nlu_fallback"]
    assert asked(read_questions(whole, [part, STORY], replace(LIMITS, agreement=1.0), follow_ups)) == ["crs_symptoms"]
