"""bot.widget.script: modules joined in order, what does not fit is refused, and the real script's size."""

import gzip
import re
from pathlib import Path

import pytest

from bot.paths import ROOT
from bot.widget.script import SOURCES, ScriptError, join_modules, shrink_css, widget_script

SIZE_MAXIMUM = 12_000  # bytes, compressed


def modules(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.js").write_text(text)
    return folder


def test_a_module_stands_after_what_it_imports(tmp_path: Path) -> None:
    folder = modules(
        tmp_path,
        main='import { one } from "./a.js";\nimport { two } from "./b.js";\none(two);\n',
        a='import { two } from "./b.js";\nexport function one() { return two; }\n',
        b="export const two = 2; // the number\n",
    )

    joined = join_modules(folder, "main.js")

    assert joined == '(()=>{"use strict";const two=2;function one(){return two;}\none(two);})();\n'


def test_a_style_sheet_becomes_an_object(tmp_path: Path) -> None:
    folder = modules(tmp_path, main='import styles from "./a.css" with { type: "css" };\nuse(styles);\n')
    (tmp_path / "a.css").write_text('p::before {\n  content: "!"; /* why */\n}\n')

    joined = join_modules(folder, "main.js")

    assert 'const styles=new CSSStyleSheet();styles.replaceSync("p::before{content:\\"!\\"}");use(styles);' in joined


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ({"main": 'import { a } from "./a.js";\n'}, "main.js imports a.js, which is not there"),
        (
            {"main": 'import { a } from "./a.js";\n', "a": "export const b = 1;\n"},
            "main.js imports 'a', which a.js does not export",
        ),
        (
            {"main": 'import { a } from "./a.js";\n', "a": "const a = 1;\n"},
            "main.js imports 'a', which a.js does not export",
        ),
        (
            {"main": 'import { a } from "./a.js";\n', "a": 'import { b } from "./main.js";\nexport const a = 1;\n'},
            "modules import each other in a circle: main.js → a.js → main.js",
        ),
        (
            {"main": 'import { a } from "./a.js";\nconst LIMIT = 1;\n', "a": "const LIMIT = 2;\nexport const a = 1;\n"},
            "'LIMIT' is declared in a.js and in main.js: they share one scope",
        ),
        ({"main": 'import a from "./a.js";\n', "a": "export const a = 1;\n"}, "main.js: cannot join the line"),
        ({"main": "export default 1;\n"}, "main.js: cannot join the line 'export default 1;'"),
        ({"main": 'import s from "./s.css" with { type: "css" };\n'}, "the style sheet s.css is not there"),
        ({}, "the script imports main.js, which is not there"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, texts: dict[str, str], fault: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(fault)):
        join_modules(modules(tmp_path, **texts), "main.js")


def test_a_style_sheet_is_shrunk_without_a_change_of_meaning() -> None:
    css = "/* a */\na:hover > b ,\nc {\n  width: calc(100% - 2rem);\n  margin: 0 auto;\n}\n"

    assert shrink_css(css) == "a:hover > b,c{width:calc(100% - 2rem);margin:0 auto}"


def test_the_script_is_small() -> None:
    assert len(gzip.compress(widget_script(), 9)) <= SIZE_MAXIMUM


def test_every_module_is_in_the_script() -> None:
    imported = {"element.js"}
    for file in SOURCES.glob("*.js"):
        imported |= set(re.findall(r'from "\./([\w.-]+)"', file.read_text()))

    assert imported == {file.name for file in SOURCES.iterdir()}


@pytest.mark.parametrize("file", sorted(SOURCES.glob("*.js")), ids=lambda file: file.name)
def test_a_module_gives_no_text_to_a_parser_and_calls_no_one_else(file: Path) -> None:
    text = file.read_text()

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", text
    )
    assert not re.search(r"localStorage|document\.cookie|https?://[a-z]", text)


@pytest.mark.parametrize("page", ["bot/widget/page/index.html", "docs/widget.md"])
def test_the_snippets_say_what_the_script_says_before_it_reached_the_service(page: str) -> None:
    """Between the tags stands the text for when the script cannot load."""
    strings = (SOURCES / "strings.js").read_text().split("  contact:")[1].split(",\n  ")[0]
    built_in = [line for part in re.findall(r'"(.*)"', strings) for line in part.split("\\n") if line]
    snippet = re.search(r"<crs-chat[^>]*>\n(.*?)</crs-chat>", (ROOT / page).read_text(), re.DOTALL)

    assert snippet is not None
    assert re.findall(r"<p>(.*?)</p>", snippet[1]) == built_in
