"""bot.improvement.patch: what is queued becomes a patch that git applies and every reader of the files accepts."""

import subprocess
from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader

from bot.conversations.review_models import REGRESSION, TRAINING, QueuedExample
from bot.dialogue.nlu_examples import FILE, NluExample, read_nlu_examples
from bot.evaluation.labelled import read_labelled
from bot.improvement.patch import REGRESSION_FILE, VOICE, Patch, as_example, make_patch

SMALL = """\
version: "3.1"

nlu:
- intent: what_is_crs
  metadata:
    voice: nurse
  examples: |
    - What is it?
- intent: crs_duration
  metadata:
    voice: nurse
  examples: |
    - How long?

# The end.
"""
TESTS = "text\ttopic\nHow many days?\tcrs_duration\n"


def example(text: str, topic: str = "crs_duration", purpose: str = TRAINING, number: int = 1) -> QueuedExample:
    return QueuedExample(id=number, message_id=number, purpose=purpose, text=text, topic=topic)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Small files in the places where the project has them, in a repository."""
    for name, text in (("data/nlu.yml", SMALL), ("tests/data/regression.tsv", TESTS)):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(folder: Path, *arguments: str, given: str = "") -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def patch_of(tree: Path, *queued: QueuedExample) -> Patch:
    return make_patch(queued, nlu=tree / "data/nlu.yml", regression=tree / "tests/data/regression.tsv")


def test_git_applies_it_to_the_project_and_every_reader_accepts_the_result(tmp_path: Path) -> None:
    queued = [
        example("ok so, for how many nights does crs go on in grandads", number=1),
        example("day 4 and he is on it still 😮 — when's the end?", number=2),
        example("what a cytokine would be I do not know", "what_is_crs", number=3),
        example("for how many sleeps will my nana have crs", purpose=REGRESSION, number=4),
    ]

    patch = make_patch(queued)

    assert (patch.taken, patch.left_out) == ((1, 2, 3, 4), {})
    for file, name in ((FILE, "data/nlu.yml"), (REGRESSION_FILE, "tests/data/regression.tsv")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(file.read_bytes())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "apply", "--check", "-", given=patch.text)
    git(tmp_path, "apply", "-", given=patch.text)
    assert (tmp_path / "data/nlu.yml").read_text("utf-8") == patch.nlu
    assert (tmp_path / "tests/data/regression.tsv").read_text("utf-8") == patch.regression

    examples = read_nlu_examples(tmp_path / "data/nlu.yml")
    new = [NluExample(each.text, each.topic, VOICE) for each in queued if each.purpose == TRAINING]
    assert sorted(set(examples) - set(read_nlu_examples()), key=lambda each: each.text) == sorted(
        new, key=lambda each: each.text
    )
    rows = read_labelled(tmp_path / "tests/data/regression.tsv", ("text", "topic"))
    assert rows[-1] == {"text": queued[3].text, "topic": "crs_duration"}
    assert rows[:-1] == read_labelled(REGRESSION_FILE, ("text", "topic"))


def test_one_block_of_our_voice_stands_behind_the_others_of_an_intent(tree: Path) -> None:
    first = patch_of(tree, example("a week?", number=1), example("why?", "what_is_crs", number=2))
    (tree / "data/nlu.yml").write_text(first.nlu, encoding="utf-8")

    second = patch_of(tree, example("two weeks?", number=3))

    assert second.nlu.split("nlu:\n")[1] == (
        "- intent: what_is_crs\n  metadata:\n    voice: nurse\n  examples: |\n    - What is it?\n"
        "- intent: what_is_crs\n  metadata:\n    voice: navigators\n  examples: |\n    - why?\n"
        "- intent: crs_duration\n  metadata:\n    voice: nurse\n  examples: |\n    - How long?\n"
        "- intent: crs_duration\n  metadata:\n    voice: navigators\n  examples: |\n    - a week?\n    - two weeks?\n"
        "\n# The end.\n"
    )
    git(tree, "apply", "--check", "-", given=second.text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("one\ntwo\u2028three\x85", "one two three"),
        ("- - how long", "how long"),
        ("is [he](person) ok [she]{b} [x][y]", "is [he] (person) ok [she] {b} [x] [y]"),
        ("[name] # : | > 'x' \"y\" \\ @ % & *", "[name] # : | > 'x' \"y\" \\ @ % & *"),
        ("\ufeffhow\x00 long\x07", "how long"),
        ("👩‍👧 फिर? ما هو", "👩‍👧 फिर? ما هو"),
    ],
)
def test_any_text_is_read_as_it_was_meant(tree: Path, text: str, written: str) -> None:
    patch = patch_of(tree, example(text), example(f"a {text}", purpose=REGRESSION, number=2))
    git(tree, "apply", "--check", "-", given=patch.text)
    (tree / "data/nlu.yml").write_text(patch.nlu, encoding="utf-8")

    assert as_example(text) == written
    assert read_nlu_examples(tree / "data/nlu.yml")[-1] == NluExample(written, "crs_duration", VOICE)
    read = RasaYAMLReader().read(tree / "data/nlu.yml").training_examples[-1]
    assert (read.get("text"), read.get("entities")) == (written, None)


@pytest.mark.parametrize(
    ("queued", "why"),
    [
        (example("how LONG? "), "it stands there already"),
        (example("What is it?"), "it stands there already, with the topic what_is_crs"),
        (example("how many days?", "what_is_crs", REGRESSION), "it stands there already, with the topic crs_duration"),
        (example("How many days?"), "the same text is both an example and a test"),
        (example("How long?", purpose=REGRESSION), "the same text is both an example and a test"),
        (example("Who?", "crs_length"), "no example in data/nlu.yml has the topic crs_length"),
        (example("---"), "nothing is left of its text"),
    ],
)
def test_what_cannot_be_added_is_left_out_with_the_reason(tree: Path, queued: QueuedExample, why: str) -> None:
    patch = patch_of(tree, queued)

    assert patch.left_out[1].startswith(why)
    assert (patch.text, patch.taken, patch.nlu, patch.regression) == ("", (), SMALL, TESTS)


def test_the_same_text_twice_in_the_queue_is_added_once(tree: Path) -> None:
    queued = [
        example("a week?", number=1),
        example("A week?", number=2),
        example("a week?", "what_is_crs", number=3),
        example("a week?", purpose=REGRESSION, number=4),
    ]

    patch = patch_of(tree, *queued)

    assert patch.taken == (1,)
    assert list(patch.left_out) == [2, 3, 4]


def test_a_file_without_a_last_line_feed_is_patched_as_well(tree: Path) -> None:
    (tree / "tests/data/regression.tsv").write_text(TESTS.rstrip("\n"), encoding="utf-8")

    patch = patch_of(tree, example("a week?", purpose=REGRESSION))

    git(tree, "apply", "--check", "-", given=patch.text)
    assert patch.regression == f"{TESTS}a week?\tcrs_duration\n"
