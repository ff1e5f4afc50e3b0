"""bot.conversations.spool: what the database could not take, on a real disk until it can."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.conversations.records import Inbound, Outcome
from bot.conversations.spool import LineRefused, Spool, SpoolError, check_folder
from bot.replies import ANSWER, Button, Reply

Line = tuple[Inbound, Outcome | None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder)


def message(number: int, text: str = "Question?") -> Inbound:
    return Inbound(channel="widget", conversation="family", message_id=f"m{number}", text=text)


def outcome() -> Outcome:
    reply = Reply(ANSWER, "About a week.", 3, "crs_duration", "", "", ("Guide: A",), (Button("CRS", "what_is_crs"),))
    return Outcome((reply,), "crs_duration", 0.75, "crs_duration", None, "abc", 12.5)


def read_all(spool: Spool) -> list[Line]:
    lines: list[Line] = []
    count = spool.read_back(lambda *line: lines.append(line))
    assert count == len(lines)
    return lines


def put_aside(folder: Path) -> list[str]:
    file = folder / "spool.unreadable.txt"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def test_lines_come_back_in_order_and_once(spool: Spool) -> None:
    first, second, third = message(1), message(2, "naïve 🆘\nline\u2028 \x00 \ud800"), message(3)
    result = outcome()
    spool.append(first)
    spool.append(second)
    spool.append(first, result)
    spool.append(third)

    assert read_all(spool) == [(first, None), (second, None), (first, result), (third, None)]
    assert read_all(spool) == []


def test_nothing_to_read_back(spool: Spool, folder: Path) -> None:
    assert read_all(spool) == []
    assert not folder.exists()


def test_the_file_is_for_its_owner_only(spool: Spool, folder: Path) -> None:
    spool.append(message(1))

    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]


def test_a_restarted_service_finds_the_lines(spool: Spool, folder: Path) -> None:
    first, second = message(1), message(2)
    spool.append(first)

    restarted = Spool(folder)
    restarted.append(second)

    assert read_all(restarted) == [(first, None), (second, None)]


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_a_line_cut_by_a_crash_is_put_aside(spool: Spool, folder: Path, kept: int) -> None:
    first, last = message(1), message(3)
    spool.append(first)
    file = folder / "spool.jsonl"
    whole = file.read_bytes()
    spool.append(message(2))
    cut = file.read_bytes()[len(whole) + 1 :][:kept]
    file.write_bytes(whole + b"\n" + cut)
    restarted = Spool(folder)
    restarted.append(last)

    assert read_all(restarted) == [(first, None), (last, None)]
    assert put_aside(folder) == [cut.decode()]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"{}", "{}"),
        (b"[1]", "[1]"),
        (b'{"inbound": {"channel": "widget"}, "outcome": null}', '{"inbound": {"channel": "widget"}, "outcome": null}'),
        (b"\x00\x00\x00", "\x00\x00\x00"),
        (b"\xff\xfe", "\\xff\\xfe"),
    ],
)
def test_a_line_that_makes_no_sense_is_put_aside(spool: Spool, folder: Path, line: bytes, kept: str) -> None:
    first, last = message(1), message(2)
    spool.append(first)
    with (folder / "spool.jsonl").open("ab") as file:
        file.write(line + b"\n")
    spool.append(last)

    assert read_all(spool) == [(first, None), (last, None)]
    assert put_aside(folder) == [kept]


def test_a_line_that_is_refused_is_put_aside(spool: Spool, folder: Path) -> None:
    taken: list[str] = []

    def write(inbound: Inbound, _outcome: Outcome | None) -> None:
        if inbound.message_id == "m2":
            raise LineRefused
        taken.append(inbound.message_id)

    for number in (1, 2, 3):
        spool.append(message(number))

    assert spool.read_back(write) == 2
    assert taken == ["m1", "m3"]
    assert [json.loads(line)["inbound"]["message_id"] for line in put_aside(folder)] == ["m2"]
    assert read_all(spool) == []


def test_a_failure_keeps_every_line(spool: Spool, folder: Path) -> None:
    lines = [message(number) for number in range(4)]
    for line in lines[:3]:
        spool.append(line)

    def fail_at_the_second(inbound: Inbound, _outcome: Outcome | None) -> None:
        if inbound == lines[1]:
            raise ConnectionError("the database is away")

    for _ in range(2):
        with pytest.raises(ConnectionError):
            spool.read_back(fail_at_the_second)
    spool.append(lines[3])
    restarted = Spool(folder)

    assert read_all(restarted) == [(line, None) for line in lines[:3]]
    assert read_all(restarted) == [(lines[3], None)]


def test_what_is_appended_meanwhile_waits_for_the_next_time(spool: Spool) -> None:
    first, second = message(1), message(2)
    spool.append(first)
    seen = []

    def write(inbound: Inbound, _outcome: Outcome | None) -> None:
        seen.append(inbound)
        spool.append(second)

    assert spool.read_back(write) == 1
    assert seen == [first]
    assert read_all(spool) == [(second, None)]


def test_threads_do_not_cut_each_other_short(spool: Spool, folder: Path) -> None:
    lines = [message(number, "x" * 5000) for number in range(80)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spool.append, lines))

    assert sorted(inbound.message_id for inbound, _ in read_all(spool)) == sorted(line.message_id for line in lines)
    assert put_aside(folder) == []


def test_threads_append_while_lines_are_read_back(spool: Spool) -> None:
    lines = [message(number) for number in range(60)]
    back: list[Inbound] = []

    with ThreadPoolExecutor(4) as pool:
        appended = [pool.submit(spool.append, line) for line in lines]
        while not all(future.done() for future in appended):
            back.extend(inbound for inbound, _ in read_all(spool))
    back.extend(inbound for inbound, _ in read_all(spool))

    assert sorted(inbound.message_id for inbound in back) == sorted(line.message_id for line in lines)


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")

    with pytest.raises(OSError, match="spool"):
        Spool(tmp_path / "spool").append(message(1))


def test_a_disk_that_is_full_is_told(folder: Path, spool: Spool) -> None:
    folder.mkdir()
    (folder / "spool.jsonl").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        spool.append(message(1))


FILL = """
import resource, sys
from pathlib import Path
from bot.conversations.records import Inbound
from bot.conversations.spool import Spool

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
spool = Spool(Path(sys.argv[1]))
for number in range(9):
    try:
        spool.append(Inbound("widget", "family", f"m{number}", "x" * 100))
    except OSError:
        print("refused", number)
        break
    print("kept", number)
"""


def test_a_disk_that_fills_up_in_the_middle_of_a_line_is_told(folder: Path, spool: Spool) -> None:
    """The system takes the part that fits, and says no only to the rest."""
    told = subprocess.run([sys.executable, "-c", FILL, folder], capture_output=True, text=True, check=True).stdout

    kept = [line.split()[1] for line in told.splitlines() if line.startswith("kept")]
    assert told.splitlines()[-1] == f"refused {len(kept)}"
    assert [inbound.message_id for inbound, _ in read_all(spool)] == [f"m{number}" for number in kept]
    assert len(put_aside(folder)) == 1


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    for _ in range(2):
        check_folder(tmp_path / "var" / "spool")

    assert list((tmp_path / "var" / "spool").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for folder, reason in (
        (tmp_path / "file", "File exists"),
        (tmp_path / "file" / "spool", "Not a directory"),
        (Path("/proc/self"), "No such file or directory"),
    ):
        with pytest.raises(SpoolError) as refused:
            check_folder(folder)
        assert str(refused.value) == f"{folder} cannot be written (BOT_VAR_DIR): {reason}"
