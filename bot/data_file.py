"""Data files in YAML, checked against a schema; an error names the file, the line and the key."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.error_wrappers import ErrorWrapper

from bot.errors import UserError


class DataFileError(UserError):
    """A data file does not say what it should; the message names the file, the line, the key and the fault."""


class Entry(BaseModel):
    """A part of a data file. An unknown key is an error: it is a misspelt one."""

    class Config:
        extra = "forbid"
        allow_mutation = False


EntryType = TypeVar("EntryType", bound=BaseModel)

# libyaml's loader is about ten times as fast as the pure Python one; both build only plain values. Here every plain
# value but null is text, and the schema says what is a number or a date: YAML would make False of the word `no`.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT_TAGS]
    for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
}
_Loader: Any = type("_Loader", (_SafeLoader,), {"yaml_implicit_resolvers": _resolvers})


def fault_at(message: str, *place: str | int) -> ValidationError:
    """What a root validator raises where it knows which part of the file is at fault.

    Args:
        message: what is wrong with it.
        place: the keys and list positions that lead there.
    """
    return ValidationError([ErrorWrapper(ValueError(message), loc=place)], Entry)


def load_data_file(path: Path, schema: type[EntryType]) -> EntryType:
    """Read a YAML file and check it.

    Args:
        path: the file.
        schema: the pydantic model that the whole file must fit.

    Raises:
        DataFileError: the file is missing, is no YAML, repeats a key, or does not fit the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from error
    try:
        node = yaml.compose(text, Loader=_Loader)
        _refuse_repeated_keys(path, node, set())
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, see _Loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataFileError(f"{path}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DataFileError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise DataFileError(f"{path}, line 1: the file must be a mapping of keys to values")
    try:
        return schema.parse_obj(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = [part for part in first["loc"] if part != "__root__"]
        message = f"{_dotted(place)}: {first['msg']}" if place else first["msg"]
        raise DataFileError(f"{path}, line {_line_of(node, place)}: {message}") from error


def _dotted(place: list[Any]) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _line_of(node: Any, place: list[Any]) -> int:
    """The line of the deepest part of `place` that stands in the file: a missing key gets its parent's line."""
    line = int(node.start_mark.line) + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = int(found[0][0].start_mark.line) + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = int(node.start_mark.line) + 1
        else:
            break
    return line


def _refuse_repeated_keys(path: Path, node: Any, visited: set[int]) -> None:
    if id(node) in visited:  # an alias; it may even stand inside what it stands for
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise DataFileError(f"{path}, line {key.start_mark.line + 1}: a key must be plain text")
            if key.value in seen:
                raise DataFileError(f"{path}, line {key.start_mark.line + 1}: the key '{key.value}' stands twice")
            seen.add(key.value)
            _refuse_repeated_keys(path, value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(path, value, visited)
