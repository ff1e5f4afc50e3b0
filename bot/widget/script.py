"""The widget's script: its modules joined into the one file that a page embeds."""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import rjsmin

SOURCES = Path(__file__).parent / "script"
ENTRY = "element.js"

_IMPORT = re.compile(r'^import \{ (?P<names>[\w, ]+?) \} from "\./(?P<path>[\w.-]+)";$', re.MULTILINE)
_IMPORT_SHEET = re.compile(r'^import (?P<name>\w+) from "\./(?P<path>[\w.-]+)" with \{ type: "css" \};$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class)\b)", re.MULTILINE)
_TOP_LEVEL = re.compile(
    r"^(?P<exported>export )?(?:async )?(?:const|let|function\*?|class) (?P<name>\w+)", re.MULTILINE
)
_LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class ScriptError(Exception):
    """The modules do not fit together."""


@dataclass(frozen=True)
class _Module:
    path: str
    text: str
    imports: tuple[tuple[str, frozenset[str]], ...]  # path and names
    exported: frozenset[str]
    top_level: tuple[str, ...]


@functools.cache
def widget_script() -> bytes:
    """The script that defines `<crs-chat>`: self-contained, shrunk, UTF-8.

    Raises:
        ScriptError: a module imports what is not there, or itself, or two use one name.
    """
    return join_modules(SOURCES, ENTRY).encode()


def join_modules(folder: Path, entry: str) -> str:
    """Join a module and everything that it imports into one classic script, in one function's scope.

    Args:
        folder: where the modules and style sheets are.
        entry: the file name of the module that imports the others.

    Raises:
        ScriptError: a module imports what is not there, or itself, or two use one name.
    """
    modules = _in_order(folder, entry)
    _refuse_doubled_names(modules)
    body = "\n".join(module.text for module in modules)
    shrunk: str = rjsmin.jsmin(f'(() => {{\n"use strict";\n{body}\n}})();')
    return shrunk + "\n"


def _in_order(folder: Path, entry: str) -> list[_Module]:
    """The modules, each after those that it imports."""
    done: dict[str, _Module] = {}

    def visit(path: str, importers: tuple[str, ...]) -> None:
        if path in importers:
            raise ScriptError(f"modules import each other in a circle: {' → '.join([*importers, path])}")
        if path in done:
            return
        module = _read(folder, path, importers)
        for imported, names in module.imports:
            visit(imported, (*importers, path))
            for name in sorted(names - done[imported].exported):
                raise ScriptError(f"{path} imports '{name}', which {imported} does not export")
        done[path] = module

    visit(entry, ())
    return list(done.values())


def _read(folder: Path, path: str, importers: tuple[str, ...]) -> _Module:
    file = folder / path
    if not file.is_file():
        raise ScriptError(f"{importers[-1] if importers else 'the script'} imports {path}, which is not there")
    source = file.read_text(encoding="utf-8")
    sheets = {found["name"]: found["path"] for found in _IMPORT_SHEET.finditer(source)}
    imports = tuple((found["path"], frozenset(re.split(r",\s*", found["names"]))) for found in _IMPORT.finditer(source))
    declared = list(_TOP_LEVEL.finditer(source))
    text = _EXPORT.sub("", _IMPORT_SHEET.sub("", _IMPORT.sub("", source)))
    left_over = _LEFT_OVER.search(text)
    if left_over:
        raise ScriptError(f"{path}: cannot join the line '{left_over[0]}'")
    return _Module(
        path=path,
        text="".join(_sheet(name, folder / sheet) for name, sheet in sheets.items()) + text,
        imports=imports,
        exported=frozenset(found["name"] for found in declared if found["exported"]),
        top_level=(*sheets, *(found["name"] for found in declared)),
    )


def _sheet(name: str, file: Path) -> str:
    """A style sheet as the object that importing it gives."""
    if not file.is_file():
        raise ScriptError(f"the style sheet {file.name} is not there")
    css = json.dumps(shrink_css(file.read_text(encoding="utf-8")), ensure_ascii=False)
    return f"const {name} = new CSSStyleSheet();\n{name}.replaceSync({css});\n"


def shrink_css(css: str) -> str:
    """A style sheet without comments and needless spaces; its strings may not hold braces, semicolons or commas."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r" ?([{};,]) ?", r"\1", css).replace(": ", ":")
    return css.replace(";}", "}").strip()


def _refuse_doubled_names(modules: list[_Module]) -> None:
    owners: dict[str, str] = {}
    for module in modules:
        for name in module.top_level:
            if name in owners:
                raise ScriptError(f"'{name}' is declared in {owners[name]} and in {module.path}: they share one scope")
            owners[name] = module.path
