"""The `bot` command: its help, what it prints for scripts, and one clear line for every mistake."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from project import BOT

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE
from bot.cli import main
from bot.fixed_texts import FixedTexts
from bot.logs import configure_logs
from bot.settings import load_settings

ENDS_WITHIN_S = 120
CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings of the test's own, here and for what it starts."""
    for name in [name for name in os.environ if name.upper().startswith("BOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BOT_DATABASE_URL", f"sqlite:///{tmp_path}/bot.sqlite3")
    monkeypatch.setenv("BOT_VAR_DIR", str(tmp_path))
    return dict(os.environ)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command run in this process sends the logs to its own standard error."""
    yield
    configure_logs("ERROR")


def run(*arguments: str, given: bytes | None = None) -> Result:
    """A command in this process, which costs no start."""
    return CliRunner().invoke(main, arguments, input=given, prog_name="bot")


def process(*arguments: str, given: bytes = b"", code: int = 0) -> tuple[str, str]:
    """A command as a user starts it: what it prints on standard output and standard error."""
    done = subprocess.run([BOT, *arguments], input=given, capture_output=True, timeout=ENDS_WITHIN_S, check=False)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


# Help


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _commands(each, (*path, name))


COMMANDS = list(_commands(main))


def test_the_commands_that_scripts_depend_on_are_there() -> None:
    assert {
        ("run",),
        ("ask",),
        ("redflags",),
        ("train",),
        ("evaluate",),
        ("rasa",),
        *(("answers", name) for name in ("load", "list", "show", "publish", "retire", "export")),
    } <= set(COMMANDS)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("path", [path for path in COMMANDS if path != ("rasa",)], ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...], option: str) -> None:
    result = run(*path, option)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: {' '.join(('bot', *path))} ")
    sentence = result.stdout.splitlines()[2]
    assert sentence.startswith("  "), "it says what it does"
    assert sentence.strip()[0].isupper()


def test_every_option_says_what_it_does() -> None:
    for path in COMMANDS:
        command: click.Command = main
        for name in path:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), (path, parameter.name)


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "given", "fault"),
    [
        (["ansers"], b"", "No such command 'ansers'"),
        (["--verbose"], b"", "No such option '--verbose'"),
        (["run", "--prot", "1"], b"", "No such option '--prot'"),
        (["run", "--port", "http"], b"", "Invalid value for '--port'"),
        (["run", "--port", "65536"], b"", "Invalid value for '--port'"),
        (["run", "extra"], b"", "Got unexpected extra argument (extra)"),
        (["ask"], b"", "give either a TEXT or --jsonl"),
        (["ask", "hello", "--jsonl"], b"", "give either a TEXT or --jsonl"),
        (["ask", "How", "long?"], b"", "Got unexpected extra argument (long?)"),
        (["ask", "--json"], b"", "No such option '--json'"),
        (["redflags"], b"", "Missing option '--jsonl'"),
        (["redflags", "--jsonl", "text"], b"", "Got unexpected extra argument (text)"),
        (["redflags", "--jsonl"], b"fine\n{}\n", "line 2: the object has no 'text' that is a string"),
        (["redflags", "--jsonl"], b'{"text": 38.5}\n', "line 1: the object has no 'text' that is a string"),
        (["redflags", "--jsonl"], b'{"text": null}\n', "line 1: the object has no 'text' that is a string"),
        (
            ["redflags", "--jsonl"],
            b'{"text": "a", "conversation": 1}\n',
            "line 1: 'conversation' must be a string",
        ),
        (["train", "--forse"], b"", "No such option '--forse'"),
        (["evaluate"], b"", "Missing argument 'FILE"),
        (["evaluate", "/nonexistent.tsv"], b"", "Invalid value for 'FILE"),
        (["evaluate", "/"], b"", "Invalid value for 'FILE"),
        (["evaluate", "empty"], b"", "empty, line 1: the column 'text' is missing"),
        (["evaluate", "heading"], b"", "heading holds no messages"),
        (["evaluate", "short"], b"", "short, line 3: has fewer fields than the header"),
        (["evaluate", "bytes"], b"", "bytes cannot be read: "),
        (["evaluate", "heading", "heading"], b"", "understanding is measured on one file at a time"),
        (["evaluate", "--redflags", "empty"], b"", "empty, line 1: the column 'text' is missing"),
        (["evaluate", "--redflags", "bytes"], b"", "bytes cannot be read: "),
        (["answers", "show"], b"", "Missing argument 'NAME'"),
        (["answers", "show", ""], b"", "there is no answer ''"),
        (["answers", "show", "crs_duration/"], b"", "there is no answer 'crs_duration/'"),
        (["answers", "show", "what is crs\n"], b"", "Invalid value for 'NAME': must be one line"),
        (["answers", "load", "/nonexistent.yml"], b"", "/nonexistent.yml: cannot be read: "),
        (["answers", "load", "bytes"], b"", "bytes: cannot be read: "),
        (["answers", "load", "empty"], b"", "empty"),
        (["answers", "load", "heading"], b"", "heading"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    given: bytes,
    fault: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "empty": b"",
        "heading": b"text\ttopic\n",
        "short": b"text\ttopic\nhello\tsmall_talk\nhello\n",
        "bytes": b"text\ttopic\n\xff\tsmall_talk\n",
    }.items():
        (tmp_path / name).write_bytes(content)

    result = run(*arguments, given=given)

    assert isinstance(result.exception, SystemExit), result.exception  # anything else would be a traceback
    lines = result.stderr.splitlines()
    assert result.exit_code == (2 if lines[0].startswith("Usage: ") else 1)
    assert [line.startswith("Error: ") for line in lines].count(True) == 1
    assert lines[-1].startswith(f"Error: {fault}")
    assert result.exit_code == 2 or len(lines) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["ask", "hello"],
        ["ask", "--jsonl"],
        ["redflags", "--jsonl"],
        ["train"],
        ["evaluate", __file__],
        ["answers", "load"],
        ["answers", "list"],
        ["answers", "show", "crs_duration"],
        ["answers", "publish", "crs_duration", "--by", "x"],
        ["answers", "retire", "crs_duration", "--by", "x"],
        ["answers", "export"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_wrong_setting_is_told_in_one_line(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "mysql://localhost/bot")

    result = run(*arguments)

    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith("Error: BOT_DATABASE_URL must begin with ")


# Detection alone


def test_redflags_prints_a_line_for_each_message_without_rasa_or_a_database() -> None:
    texts = [
        "he has a fever of 39.5",
        "How long does CRS last?",
        "",
        "Großmutter ￼ 妈妈 🙂 has a fever of 39.5",
        '{"text": no JSON}',
        "[1]",
        "\ufffd\ufffd and more",
        "she has a fever of 39.5",
        "lone ? surrogate",
    ]
    given = [text.encode() for text in texts]
    given[6] = b"\xff\xfe and more"
    given[7] = json.dumps({"text": texts[7], "conversation": "a", "note": 1}).encode() + b"\r"
    given[8] = b'{"text": "lone \\ud800 surrogate"}'
    code = """
import sys
import threading
from bot.cli import main
main(["redflags", "--jsonl"], standalone_mode=False)
print(sorted({"rasa", "sqlalchemy", "starlette"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"\n".join(given), capture_output=True, timeout=ENDS_WITHIN_S, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    *lines, imported = done.stdout.decode().splitlines()
    assert imported == "[]"
    found = [json.loads(line) for line in lines]
    assert [line["text"] for line in found] == texts
    for line in found:
        assert list(line) == ["text", "tier", "red_flags"]
        check_red_flags(line)
        assert bool(line["red_flags"]) == ("fever" in line["text"])


def check_red_flags(line: dict[str, Any]) -> None:
    """Each red flag has the design's form and stands where it says."""
    assert (line["tier"] is not None) == bool(line["red_flags"])
    for flag in line["red_flags"]:
        assert list(flag) == ["symptom", "text", "start", "end", "detector"]
        assert line["text"][flag["start"] : flag["end"]] == flag["text"] != ""
        assert flag["detector"] in ("lexicon", "vitals", "semantic")


# The whole service


@pytest.mark.usefixtures("model", "environment")
def test_ask_shows_what_a_family_would_see() -> None:
    out, err = process("ask", CONTENTS["crs_duration"].question)

    notice, answer = out.removesuffix("\n").split("\n\n", 1)
    content = CONTENTS["crs_duration"]
    source = content.sources[0]
    assert notice == FixedTexts(load_settings()).reply("notice").text
    assert answer.startswith(f"{content.text}\nSource: {source.document}: {source.section}\n")
    assert answer.splitlines()[-len(content.related) :] == [f"  > {CONTENTS[n].title}" for n in content.related]
    assert "Traceback" not in err


LINE_KEYS = ["text", "intent", "confidence", "topic", "tier", "red_flags", "replies", "ms"]
REPLY_KEYS = ["kind", "text", "topic", "revision", "offers"]
KINDS = {"emergency", "crisis", "answer", "clarify", "fallback", "handover", "small_talk", "notice", "apology"}


def in_conversation(conversation: str | None, text: str) -> bytes:
    return json.dumps({"text": text, "conversation": conversation}).encode()


@pytest.mark.usefixtures("model", "environment")
def test_ask_prints_a_line_of_json_for_each_message_until_one_is_wrong() -> None:
    organs = CONTENTS["organ_toxicity"].question
    duration, symptoms, last = (
        "How long does CRS usually last?",
        "What are the symptoms of CRS?",
        "How long does it last?",
    )
    asked: list[tuple[bytes, str, str | None]] = [  # the line, its text, the topic answered
        (duration.encode(), duration, "crs_duration"),
        (last.encode(), last, None),
        (in_conversation("a", symptoms), symptoms, "crs_symptoms"),
        (in_conversation("b", last), last, None),
        (in_conversation("a", last), last, "crs_duration"),
        (in_conversation(None, "he has a fever of 39.5"), "he has a fever of 39.5", None),
        (organs.encode(), organs, "organ_toxicity"),
        (b'{"text": "hello"}\r', "hello", None),
        (b"{a brace", "{a brace", None),
        (b"", "", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b'{"text": "lone \\ud800 surrogate"}', "lone ? surrogate", None),
        (b"NUL \0 inside", "NUL  inside", None),
        ("妈妈怎么样？".encode(), "妈妈怎么样？", None),
    ]
    wrong = [b'{"conversation": "a"}', b"never reached"]

    out, err = process("ask", "--jsonl", given=b"\n".join([line for line, _, _ in asked] + wrong), code=1)

    *logged, error = err.splitlines()
    assert error == f"Error: line {len(asked) + 1}: the object has no 'text' that is a string"
    assert all(line.startswith("timestamp=") for line in logged)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["text"], line["topic"]) for line in lines] == [(text, topic) for _, text, topic in asked]
    for line in lines:
        assert list(line) == LINE_KEYS
        check_red_flags(line)
        assert line["ms"] > 0
        assert line["replies"]
        for reply in line["replies"]:
            assert list(reply) == REPLY_KEYS
            assert reply["kind"] in KINDS
            assert reply["text"]
            assert isinstance(reply["revision"], int)
            assert {offer.partition("/")[0] for offer in reply["offers"]} == set(reply["offers"])
            assert set(reply["offers"]) <= {content.topic for content in CONTENTS.values()}
        answered = [reply["topic"] for reply in line["replies"] if reply["kind"] == "answer"]
        assert line["topic"] == (answered[0] if answered else None)
    by_line = [[reply["kind"] for reply in line["replies"]] for line in lines]
    assert by_line[0] == ["notice", "answer"]
    assert by_line[1] == ["notice", "clarify"], "a line without a conversation has one of its own"
    assert by_line[3] == ["notice", "clarify"], "another conversation knows nothing of the first"
    assert by_line[4] == ["answer"], "the same conversation goes on"
    assert by_line[5][:2] == ["emergency", "notice"]
    assert (lines[0]["intent"], 0 < lines[0]["confidence"] <= 1) == ("crs_duration", True)
    assert lines[0]["replies"][1]["text"] == CONTENTS["crs_duration"].text
    assert "crs_grading/grade_4" in CONTENTS["organ_toxicity"].related
    assert "crs_grading" in lines[6]["replies"][1]["offers"], "offers are topics, also where a variant is offered"


@pytest.mark.usefixtures("model")
def test_ask_stops_on_ctrl_c_without_a_traceback(environment: dict[str, str]) -> None:
    environment.pop("PYTHONUNBUFFERED", None)
    asking = subprocess.Popen(
        [BOT, "ask", "--jsonl"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watch = threading.Timer(ENDS_WITHIN_S, asking.kill)
    watch.start()
    assert asking.stdin is not None
    assert asking.stdout is not None
    try:
        asking.stdin.write(b"hello\n")
        asking.stdin.flush()
        assert json.loads(asking.stdout.readline())["text"] == "hello"  # the answer does not wait for the end
        asking.send_signal(signal.SIGINT)
        _, err = asking.communicate(timeout=ENDS_WITHIN_S)
    finally:
        watch.cancel()
        asking.kill()

    assert asking.returncode == 1
    assert err.decode().splitlines()[-1] == "Aborted!"
    assert "Traceback" not in err.decode()


# The answers; what they print is held by tests/answers/test_commands.py


@pytest.mark.usefixtures("environment")
def test_the_answers_are_printed_for_scripts() -> None:
    assert run("answers", "load").exit_code == 0
    listed, shown, exported = [run("answers", *rest) for rest in (["list"], ["show", "crs_duration"], ["export"])]

    assert [result.exit_code for result in (listed, shown, exported)] == [0, 0, 0]
    assert {line.split()[0] for line in listed.stdout.splitlines()} == set(CONTENTS)
    assert CONTENTS["crs_duration"].text in shown.stdout
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert {line["answer"] for line in lines} == set(CONTENTS)
    assert all(
        list(line)
        == [
            *("answer", "revision", "state", "title", "question", "text", "sources", "related", "review_by"),
            *("author", "published_by", "retired_by", "created_at", "published_at", "retired_at"),
        ]
        for line in lines
    )


@pytest.mark.usefixtures("environment")
def test_an_export_whose_reader_leaves_ends_without_a_traceback() -> None:
    assert run("answers", "load").exit_code == 0
    exporting = subprocess.Popen([BOT, "answers", "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert exporting.stdout is not None
    exporting.stdout.close()
    exporting.stdout = None

    _, err = exporting.communicate(timeout=ENDS_WITHIN_S)

    assert (exporting.returncode, err) == (1, b"")
