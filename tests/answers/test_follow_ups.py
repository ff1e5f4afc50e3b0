"""bot.answers.follow_ups: what a follow-up means, by the project's table and by what a table may say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.answers.content import read_answers_file
from bot.answers.follow_ups import FollowUps
from bot.answers.questions import FOLLOW_UP
from bot.answers.setup import ANSWERS_FILE
from bot.data_file import DataFileError
from bot.paths import ROOT

NAMES = {content.name for content in read_answers_file(ANSWERS_FILE)}
INTENTS = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))["intents"]
TABLE: dict[str, dict[str, Any]] = {name: entry.dict() for name, entry in FollowUps().table.items()}
SMALL = """\
follow_ups:
  follow_up_duration:
    about:
      crs_symptoms: crs_duration
  follow_up_steroids:
    about:
      crs_duration: steroids_effect_on_cart
    otherwise: steroids_role
  follow_up_grade:
    otherwise: crs_grading/grade_{grade}
"""


@pytest.fixture
def small(tmp_path: Path) -> FollowUps:
    file = tmp_path / "follow_ups.yml"
    file.write_text(SMALL)
    return FollowUps(file)


def test_the_table_holds_every_follow_up_of_the_domain_and_no_other() -> None:
    assert set(TABLE) == {intent for intent in INTENTS if intent.startswith(FOLLOW_UP)}


@pytest.mark.parametrize("follow_up", TABLE)
def test_every_target_is_an_answer(follow_up: str) -> None:
    entry = dict(TABLE[follow_up])
    targets = [*entry.pop("about").values(), *(target for target in entry.values() if target is not None)]

    named = {target.format(grade=grade) for target in targets for grade in (1, 2, 3, 4)}

    assert named - NAMES == set()
    assert named


@pytest.mark.parametrize("follow_up", TABLE)
def test_every_topic_asked_about_is_a_topic(follow_up: str) -> None:
    assert set(FollowUps().table[follow_up].about) - {name for name in NAMES if "/" not in name} == set()


@pytest.mark.parametrize("topic", sorted(name for name in NAMES if "/" not in name))
def test_telling_more_never_tells_the_same_again(topic: str) -> None:
    assert FollowUps().resolve("follow_up_more", topic, "") != topic


@pytest.mark.parametrize(
    ("follow_up", "topic", "variant", "target"),
    [
        ("follow_up_duration", "crs_symptoms", "", "crs_duration"),
        ("follow_up_duration", "cost_and_stay", "", None),
        ("follow_up_duration", None, "", None),
        ("follow_up_steroids", "crs_duration", "", "steroids_effect_on_cart"),
        ("follow_up_steroids", "crs_symptoms", "", "steroids_role"),
        ("follow_up_steroids", None, "", None),
        ("follow_up_grade", "crs_grading", "grade_3", "crs_grading/grade_3"),
        ("follow_up_grade", "crs_duration", "grade_1", "crs_grading/grade_1"),
        ("follow_up_grade", "crs_grading", "", None),
        ("follow_up_grade", None, "grade_3", None),
        ("follow_up_unknown", "crs_symptoms", "", None),
    ],
)
def test_what_a_follow_up_means(
    small: FollowUps, follow_up: str, topic: str | None, variant: str, target: str | None
) -> None:
    assert small.resolve(follow_up, topic, variant) == target


@pytest.mark.parametrize(
    ("follow_up", "variant", "suggestion"),
    [
        ("follow_up_steroids", "", "steroids_role"),
        ("follow_up_duration", "", None),
        ("follow_up_grade", "", None),
        ("follow_up_grade", "grade_2", "crs_grading/grade_2"),
        ("follow_up_unknown", "", None),
    ],
)
def test_what_a_follow_up_suggests_where_nothing_was_answered(
    small: FollowUps, follow_up: str, variant: str, suggestion: str | None
) -> None:
    assert small.suggestion(follow_up, variant) == suggestion


@pytest.mark.parametrize(
    ("old", "new", "line", "fault"),
    [
        ("follow_ups:", "followups:", 1, "follow_ups: field required"),
        (
            "    about:\n      crs_symptoms: crs_duration\n",
            "    about: {}\n",
            2,
            "follow_ups.follow_up_duration: needs",
        ),
        ("    otherwise: crs_grading", "    otherwize: crs_grading", 10, "follow_ups.follow_up_grade.otherwize: extra"),
        ("{grade}", "{number}", 10, "follow_ups.follow_up_grade.otherwise: 'crs_grading/grade_{number}' is no name"),
        ("{grade}", "{grade", 10, "follow_ups.follow_up_grade.otherwise: 'crs_grading/grade_{grade' is no name"),
        ("s: crs_duration", "s: CRS duration", 4, "follow_ups.follow_up_duration.about.crs_symptoms: 'CRS duration'"),
        ("s: crs_duration", "s: [crs_duration]", 4, "follow_ups.follow_up_duration.about.crs_symptoms: str type"),
        ("  follow_up_steroids:", "  follow_up_duration:", 5, "the key 'follow_up_duration' stands twice"),
    ],
)
def test_a_wrong_table_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, line: int, fault: str) -> None:
    file = tmp_path / "follow_ups.yml"
    assert SMALL.count(old) == 1
    file.write_text(SMALL.replace(old, new))

    with pytest.raises(DataFileError) as refused:
        FollowUps(file)

    assert str(refused.value).startswith(f"{file}, line {line}: {fault}")
