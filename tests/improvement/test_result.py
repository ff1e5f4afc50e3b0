"""bot.improvement.result: one check at a time, and its newest state as anybody may read it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.improvement import result
from bot.improvement.result import AFTER, BEFORE, DONE, FAILED, CheckFolder, CheckResult, CheckRunning, Measured
from bot.storage.base import now

FIGURES = {
    "in_scope": 2,
    "right": 0.5,
    "another": 0.5,
    "clarified": 0.0,
    "right_or_offered": 1.0,
    "out_of_scope": 0,
    "rejected": None,
    "refused": None,
    "confusions": [["what_is_crs", "crs_duration", 1]],
}
# Holds the place of the one check until its input ends.
HOLDER = """
import sys
from pathlib import Path
from bot.improvement.result import CheckFolder
with CheckFolder(Path(sys.argv[1])).only_one():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = CheckFolder(tmp_path)
    assert (folder.read(), folder.is_running()) == (None, False)

    begun = CheckResult(BEFORE, now(), examples=3, tests=1)
    measured = Measured("messages.tsv", FIGURES, {**FIGURES, "right": 1.0})
    for state in (begun, begun.now_at(AFTER), begun.now_at(DONE, files=(measured,)), begun.now_at(FAILED, error="why")):
        folder.write(state)
        assert folder.read() == state

    done = begun.now_at(DONE, files=(measured,))
    assert (done.ended_at is not None, begun.now_at(AFTER).ended_at) == (True, None)
    assert done.files[0].rows() == [
        ("right", 50.0, 100.0),
        ("another", 50.0, 50.0),
        ("clarified", 0.0, 0.0),
        ("right_or_offered", 100.0, 100.0),
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": "done"}'])
def test_what_another_version_wrote_is_no_result(tmp_path: Path, text: str) -> None:
    folder = CheckFolder(tmp_path)
    folder.write(CheckResult(BEFORE, now()))
    (tmp_path / "improve" / "check.json").write_text(text)

    assert folder.read() is None


def test_one_check_at_a_time_across_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "_TRIES", 1)
    folder = CheckFolder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert folder.is_running()
        with pytest.raises(CheckRunning, match=r"^a check is running already"), folder.only_one():
            pass
        holder.communicate("")

    assert not folder.is_running()
    with folder.only_one():
        assert folder.is_running()
    assert not folder.is_running()
