"""Counting what labelled messages were answered with."""

import pytest

from bot.evaluation.scores import Given, Scores, score


def _given(expected: str, answered: str = "", offered: str = "", *, refused: bool = False) -> Given:
    return Given("text", expected, frozenset(answered.split()), frozenset(offered.split()), refused)


@pytest.mark.parametrize(
    ("given", "share"),
    [
        (_given("a", "a"), {"right": 1, "another": 0, "clarified": 0, "right_or_offered": 1}),
        (_given("a", "b"), {"right": 0, "another": 1, "clarified": 0, "right_or_offered": 0}),
        (_given("a", "a b"), {"right": 0, "another": 1, "clarified": 0, "right_or_offered": 1}),
        (_given("a", "", "b a"), {"right": 0, "another": 0, "clarified": 1, "right_or_offered": 1}),
        (_given("a", "", "b"), {"right": 0, "another": 0, "clarified": 1, "right_or_offered": 0}),
        (_given("out_of_scope", "", refused=True), {"right": None, "rejected": 1, "refused": 1}),
        (_given("out_of_scope", "", "a"), {"right": None, "rejected": 1, "refused": 0}),
        (_given("out_of_scope", "a"), {"right": None, "rejected": 0, "refused": 0}),
    ],
)
def test_one_message(given: Given, share: dict[str, float | None]) -> None:
    scores = score([given])
    assert {name: getattr(scores, name) for name in share} == share


def test_shares_and_confusions() -> None:
    scores = score(
        [_given("a", "a"), _given("a", "b"), _given("a", "b"), _given("b", "a"), _given("out_of_scope", "a")]
    )
    assert scores == Scores(
        in_scope=4,
        right=0.25,
        another=0.75,
        clarified=0.0,
        right_or_offered=0.25,
        out_of_scope=1,
        rejected=0.0,
        refused=0.0,
        confusions=(("a", "b", 2), ("b", "a", 1), ("out_of_scope", "a", 1)),
    )
