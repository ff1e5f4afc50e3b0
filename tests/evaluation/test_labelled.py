"""Reading labelled messages."""

from pathlib import Path

import pytest

from bot.evaluation.labelled import LabelledFileError, read_labelled


def test_rows_keep_further_columns_and_quotes(tmp_path: Path) -> None:
    file = tmp_path / "messages.tsv"
    file.write_text('text\ttopic\tkind\nshe said "wait"\ta\tx\n', encoding="utf-8")
    assert read_labelled(file, ("text", "topic")) == [{"text": 'she said "wait"', "topic": "a", "kind": "x"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text\tlabel\nx\ty\n", "line 1: the column 'topic' is missing"),
        (b"text\ttopic\na\tb\nc\n", "line 3: has fewer fields than the header"),
        (b"text\ttopic\n", "holds no messages"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "messages.tsv"
    file.write_bytes(content)
    with pytest.raises(LabelledFileError, match=message):
        read_labelled(file, ("text", "topic"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelledFileError, match="cannot be read"):
        read_labelled(tmp_path / "none.tsv", ("text",))
