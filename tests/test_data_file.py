"""bot.data_file: what fits is read, and what does not is refused with the file, the line and the key."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import Field, root_validator

from bot.data_file import DataFileError, Entry, fault_at, load_data_file
from bot.errors import UserError


class Part(Entry):
    size: int = Field(ge=1)
    words: list[str] = Field(default_factory=list)


class Whole(Entry):
    name: str
    day: date | None = None
    exact: bool = False
    parts: list[Part] = Field(default_factory=list)
    named: dict[str, Part] = Field(default_factory=dict)

    @root_validator(skip_on_failure=True)
    def _sizes_differ(cls, values: dict[str, list[Part]]) -> dict[str, list[Part]]:
        sizes = [part.size for part in values["parts"]]
        if len(set(sizes)) < len(sizes):
            raise fault_at("has the size of an earlier one", "parts", len(sizes) - 1, "size")
        return values


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "whole.yml"


def test_what_fits_is_read(file: Path) -> None:
    file.write_text("name: é\nday: 2027-05-31\nexact: true\nparts: [{size: 3, words: [a, b]}]\nnamed: {x: {size: 1}}\n")

    assert load_data_file(file, Whole) == Whole(
        name="é", day=date(2027, 5, 31), exact=True, parts=[Part(size=3, words=["a", "b"])], named={"x": Part(size=1)}
    )


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "true", "2027-05-31", "0800", "1_000", "1:30", "1e3", "+44"]
)
def test_an_unquoted_word_stays_the_word_that_it_is(file: Path, word: str) -> None:
    file.write_text(f"name: {word}\nparts: [{{size: 1, words: [{word}]}}]\n")

    whole = load_data_file(file, Whole)

    assert (whole.name, whole.parts[0].words) == (word, [word])


@pytest.mark.parametrize("nothing", ["", " ~", " null"])
def test_nothing_is_nothing(file: Path, nothing: str) -> None:
    file.write_text(f"name: x\nday:{nothing}\n")

    assert load_data_file(file, Whole).day is None


def test_an_alias_may_stand_for_what_was_written_before(file: Path) -> None:
    file.write_text("name: x\nnamed:\n  a: &size {size: 7}\n  b: *size\n")

    assert load_data_file(file, Whole).named["b"] == Part(size=7)


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        pytest.param("name: x\nparts: [{size: 1}\n", 3, "not valid YAML: ", id="bracket left open"),
        pytest.param("name: x\n\tparts: []\n", 2, "not valid YAML: ", id="tab"),
        pytest.param("name: x\n---\nname: y\n", 2, "not valid YAML: ", id="two documents"),
        pytest.param("name: x\nday: !!python/name:os.system\n", 2, "not valid YAML: ", id="a tag that runs code"),
        pytest.param("", 1, "the file must be a mapping of keys to values", id="empty"),
        pytest.param("- name\n", 1, "the file must be a mapping of keys to values", id="a list"),
        pytest.param("name: x\nday: 2027-05-31\nname: y\n", 3, "the key 'name' stands twice", id="repeated key"),
        pytest.param(
            "name: x\nparts:\n- size: 1\n- size: 2\n  size: 3\n", 5, "the key 'size' stands twice", id="repeated inside"
        ),
        pytest.param("name: x\n? [a]\n: b\n", 2, "a key must be plain text", id="a list as key"),
        pytest.param("name: x\n\nnmae: y\n", 3, "nmae: extra fields not permitted", id="unknown key"),
        pytest.param(
            "name: x\nparts:\n- size: 1\n- size: 2\n  sise: 3\n",
            5,
            "parts[1].sise: extra fields not permitted",
            id="unknown key inside",
        ),
        pytest.param("day: 2027-05-31\n", 1, "name: field required", id="missing key"),
        pytest.param(
            "name: x\nparts:\n- size: 1\n- words: [a]\n", 4, "parts[1].size: field required", id="missing key inside"
        ),
        pytest.param("name: [x]\n", 1, "name: str type expected", id="a list for a text"),
        pytest.param("name:\n", 1, "name: none is not an allowed value", id="nothing for a text"),
        pytest.param(
            "name: x\nparts:\n- size: many\n",
            3,
            "parts[0].size: value is not a valid integer",
            id="a word for a number",
        ),
        pytest.param(
            "name: x\nparts:\n- size: yes\n", 3, "parts[0].size: value is not a valid integer", id="yes for a number"
        ),
        pytest.param(
            "name: x\nparts:\n- size: 0\n", 3, "parts[0].size: ensure this value is greater", id="too small a number"
        ),
        pytest.param("name: x\nday: 2027-13-31\n", 2, "day: invalid date format", id="no day of any calendar"),
        pytest.param(
            "name: x\nnamed:\n  a: {size: 1}\n  b:\n    size: x\n",
            5,
            "named.b.size: value is not a valid integer",
            id="wrong under a name",
        ),
        pytest.param(
            "name: x\nparts:\n- size: 2\n  words:\n  - a\n  - [b]\n",
            6,
            "parts[0].words[1]: str type expected",
            id="wrong in a list in a list",
        ),
        pytest.param(
            "name: x\nnamed: &all\n  a: *all\n", 3, "named.a.size: field required", id="an alias inside itself"
        ),
        pytest.param(
            "name: x\nparts:\n- size: 2\n-\n  size: 2\n",
            5,
            "parts[1].size: has the size of an earlier one",
            id="a fault that only the whole shows",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_line_and_key(file: Path, text: str, line: int, fault: str) -> None:
    file.write_text(text)

    with pytest.raises(DataFileError) as refused:
        load_data_file(file, Whole)

    assert str(refused.value).startswith(f"{file}, line {line}: {fault}")


@pytest.mark.parametrize("content", [b"name: \xff\n", b"name: \x01\n", b"name: !!int x\n"])
def test_what_cannot_be_decoded_is_refused_by_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(DataFileError) as refused:
        load_data_file(file, Whole)

    assert str(refused.value).startswith(f"{file}: ")


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(DataFileError) as refused:
        load_data_file(file, Whole)

    assert str(refused.value).startswith(f"{file}: cannot be read: ")
    assert isinstance(refused.value, UserError)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataFileError) as refused:
        load_data_file(tmp_path, Whole)

    assert str(refused.value).startswith(f"{tmp_path}: cannot be read: ")


def test_an_entry_does_not_change(file: Path) -> None:
    file.write_text("name: x\n")
    whole = load_data_file(file, Whole)

    with pytest.raises(TypeError):
        whole.name = "y"
