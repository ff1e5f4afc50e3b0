"""docs/safety.md: every hazard has a cause, a control and a test, and every test that it names exists."""

import ast
import re
from pathlib import Path

import pytest

from bot.paths import ROOT

PAGE = ROOT / "docs" / "safety.md"
FIELDS = ("Cause", "Control", "Test", "Left over")
HAZARDS_MINIMUM = 20
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _hazards() -> dict[str, dict[str, str]]:
    """Each hazard's fields, by its heading."""
    _, *sections = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return {section.splitlines()[0]: _fields(section) for section in sections}


def _fields(section: str) -> dict[str, str]:
    body = re.split(r"^## ", section, flags=re.M)[0]
    items = re.split(r"^- ", body, flags=re.M)[1:]
    return {name: " ".join(text.split()) for name, _, text in (item.partition(":") for item in items)}


def _tests_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


HAZARDS = _hazards()
hazard_names = pytest.mark.parametrize("hazard", HAZARDS)


def test_hazards_are_numbered_and_many() -> None:
    numbers = [hazard.split()[0] for hazard in HAZARDS]

    assert numbers == [f"H{number}" for number in range(1, len(numbers) + 1)]
    assert len(numbers) >= HAZARDS_MINIMUM


@hazard_names
def test_a_hazard_says_all_of_it(hazard: str) -> None:
    fields = HAZARDS[hazard]

    assert tuple(fields) == FIELDS
    assert [name for name, text in fields.items() if len(text) < 10] == []


@hazard_names
def test_a_control_is_shown_by_tests_that_exist(hazard: str) -> None:
    named = TEST_NAME.findall(HAZARDS[hazard]["Test"])

    assert named
    assert TEST_NAME.sub("", HAZARDS[hazard]["Test"]).strip(" ,") == "", "not written as `tests/path/test_x.py::test_y`"
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert test in _tests_in(ROOT / file), f"{file}::{test}"


def test_no_test_is_named_outside_a_hazard() -> None:
    in_hazards = sum(len(TEST_NAME.findall(fields["Test"])) for fields in HAZARDS.values())

    assert len(TEST_NAME.findall(PAGE.read_text(encoding="utf-8"))) == in_hazards
