"""The templates and files of the console: nothing in them runs what families or colleagues wrote."""

import hashlib
import re
from pathlib import Path

import pytest
from jinja2 import nodes

from bot.console.app import STATIC
from bot.console.pages import TEMPLATES
from console.house import House

TEMPLATE_FILES = sorted(TEMPLATES.glob("*.html"))
HTMX_OF_NPM = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # dist/htmx.min.js of htmx.org 2.0.11
MACROS = (
    "csrf",
    "tier_badge",
    "state_badge",
    "when",
    "topic_name",
    "pager",
    "field",
    "choice",
    "confirm_button",
    "table",
)

templates = pytest.mark.parametrize("template", TEMPLATE_FILES, ids=lambda file: file.name)


@templates
def test_everything_is_escaped(house: House, template: Path) -> None:
    """Nothing is declared safe, nowhere is escaping turned off."""
    environment = house.console.desk.templates
    tree = environment.parse(template.read_text("utf-8"))

    assert environment.autoescape is True
    filters = {node.name for node in tree.find_all(nodes.Filter)}
    assert not filters & {"safe", "xmlattr", "tojson", "urlize", "markdown"}
    assert not list(tree.find_all((nodes.MarkSafe, nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)))


@templates
def test_nothing_stands_in_a_page_that_its_policy_forbids(template: Path) -> None:
    text = template.read_text("utf-8")

    assert not re.findall(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)|javascript:|hx-on|hx-vals=.js:", text, re.I
    )
    assert not re.findall(r"(?:src|href|action|hx-\w+)=\"(?:https?:)?//", text)


@templates
def test_every_form_that_changes_something_carries_the_token(template: Path) -> None:
    """The door has no session yet: there the origin is checked."""
    if template.name == "sign_in.html":
        return
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", template.read_text("utf-8"), re.S):
        assert "csrf(visit)" in form


def test_the_macros_that_pages_share(house: House) -> None:
    module = house.console.desk.templates.get_template("components.html").module

    assert [name for name in MACROS if not hasattr(module, name)] == []


async def test_what_colleagues_call_themselves_is_text(house: House) -> None:
    house.change("anna", display_name="<script>alert('x')</script>")
    async with house.signed_in("anna") as http:
        for path in ("/console/", "/console/people", "/console/account", f"/console/people/{house.user('anna').id}"):
            page = (await http.get(path)).text
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert(&#39;x&#39;)" in page


def test_htmx_is_the_one_that_was_published() -> None:
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX_OF_NPM
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE.txt").read_text("utf-8")


async def test_htmx_may_run_nothing_and_ask_nobody_else(house: House) -> None:
    async with house.visitor() as http:
        page = (await http.get("/console/sign-in")).text
    for setting in (
        '"allowEval": false',
        '"allowScriptTags": false',
        '"selfRequestsOnly": true',
        '"historyCacheSize": 0',
    ):
        assert setting in page
