"""The parts of the service import one another one way only: a part knows what it is built on, not what builds on it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot

PACKAGE = Path(bot.__file__).parent

# Each part with the parts that it is built on, besides those of its own line and the plain modules that import nothing.
PLAIN = {"data_file", "errors", "jsonl", "logs", "memory", "paths", "replies", "settings", "storable", "tokenizing"}
PLAIN |= {"alert_addresses", "channel_settings", "csv_lines", "one_thread", "tls", "token_buckets"}
BUILT_ON = {
    "storage": set(),
    "redflags": {"embeddings", "encoder_graph", "metrics"},
    "staff": {"storage"},
    "answers": {"storage", "fixed_texts"},
    "conversations": {"storage", "staff"},
    "alerts": {"conversations", "storage", "metrics"},
    "dialogue": {"answers", "conversations", "redflags", "storage"}
    | {"fixed_texts", "metrics", "embeddings", "rasa_environment"},
    "improvement": {"dialogue", "conversations", "answers", "evaluation", "staff", "storage", "embeddings"},
    "channels": {"dialogue", "conversations", "redflags", "answers", "storage", "service", "fixed_texts", "metrics"},
}
NEVER = {
    "redflags": {"rasa", "rasa_sdk", "sqlalchemy"},  # the fixed reply must not wait for, or fail with, either
    "conversations": {"rasa", "rasa_sdk", "starlette"},
    "alerts": {"rasa", "rasa_sdk", "starlette"},
    "answers": {"rasa", "starlette"},
    "staff": {"rasa", "rasa_sdk", "starlette"},
    "storage": {"rasa", "rasa_sdk", "starlette"},
    "dialogue": {"starlette"},
}


def imported_by(part: str) -> Iterator[tuple[str, str]]:
    """Every module that a part imports, wherever in its files, each with the file."""
    for file in sorted((PACKAGE.parent / part).rglob("*.py")):
        name = file.relative_to(PACKAGE.parent).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: imports are absolute"
                yield name, str(node.module)


@pytest.mark.parametrize("part", BUILT_ON)
def test_a_part_imports_only_what_it_is_built_on(part: str) -> None:
    allowed = PLAIN | BUILT_ON[part] | {part}
    wrong = [
        (file, module)
        for file, module in imported_by(f"bot/{part}")
        if module.split(".")[0] == "bot" and module.split(".")[1] not in allowed
    ]
    if part == "storage":  # a migration's models are of the parts that are built on it
        wrong = [(file, module) for file, module in wrong if not file.startswith("bot/storage/migrations/")]

    assert wrong == []


@pytest.mark.parametrize("part", NEVER)
def test_a_part_does_without(part: str) -> None:
    assert [entry for entry in imported_by(f"bot/{part}") if entry[1].split(".")[0] in NEVER[part]] == []


def test_the_actions_know_the_answers_alone() -> None:
    known = {"bot.answers", "bot.settings", "bot.replies", "bot.fixed_texts", "bot.storage", "bot.errors"}
    modules = [module for _, module in imported_by("actions") if module.split(".")[0] == "bot"]

    assert modules
    assert [module for module in modules if not module.startswith(tuple(known))] == []
