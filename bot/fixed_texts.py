"""The fixed texts: emergency, notice, clarify, apology and the rest, with the deployment's contact lines filled in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, root_validator, validator

from bot.data_file import Entry, fault_at, load_data_file
from bot.paths import DATA
from bot.replies import Button, Reply
from bot.settings import CONTACT_SETTINGS, Settings

FILE = DATA / "fixed_texts.yml"
PLACEHOLDERS = ("contact", "navigator", "days")
IN_REPLY = {"erase": ("code",)}  # what is filled in anew for each reply
# What the code sends by name: a file without one of them is refused at the start, not when it is needed.
TEXTS = (
    *("emergency", "crisis", "notice", "apology", "handover", "out_of_scope", "no_answer", "small_talk"),
    *("clarify_close", "clarify_low", "clarify_follow_up", "clarify_background", "clarify_else"),
    *("empty", "unreadable", "too_long", "privacy"),
    *("notice_messenger", "not_text", "erase", "kept", "erased"),
)
BUTTONS = ("else", "person", "erase", "keep")


def _refuse_other_placeholders(text: str, known: tuple[str, ...]) -> None:
    for name in known:
        text = text.replace(f"{{{name}}}", "")
    unknown = re.search(r"\{[^{}\n]*\}?|\}", text)
    if unknown:
        raise ValueError(f"has the unknown placeholder '{unknown[0]}'")


class _Line(Entry):
    setting: str
    line: str

    @validator("setting")
    def _is_a_contact_setting(cls, value: str) -> str:
        if value not in CONTACT_SETTINGS:
            raise ValueError(f"'{value}' is none of the settings {', '.join(CONTACT_SETTINGS)}")
        return value

    @validator("line")
    def _shows_the_value(cls, value: str) -> str:
        _refuse_other_placeholders(value, ("value",))
        if "{value}" not in value:
            raise ValueError("lacks the placeholder '{value}'")
        return value


class _Navigator(_Line):
    otherwise: str


class _Text(Entry):
    kind: str = Field(regex="^(emergency|crisis|clarify|fallback|handover|small_talk|notice|apology|privacy)$")
    revision: int = Field(ge=1)
    signed_by: str
    text: str

    @validator("text")
    def _is_not_empty(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty")
        return value


class _SmallTalk(Entry):
    text: str
    words: frozenset[str]


class _File(Entry):
    contact: list[_Line]
    contact_always: list[str]
    navigator: _Navigator
    texts: dict[str, _Text]
    small_talk: list[_SmallTalk]
    buttons: dict[str, str]

    @root_validator(skip_on_failure=True)
    def _names_exist(cls, values: dict[str, Any]) -> dict[str, object]:
        texts, buttons, talk = values["texts"], values["buttons"], values["small_talk"]
        for name, entry in texts.items():
            try:
                _refuse_other_placeholders(entry.text, (*PLACEHOLDERS, *IN_REPLY.get(name, ())))
            except ValueError as error:
                raise fault_at(str(error), "texts", name, "text") from error
        for key, needed, present in (("texts", TEXTS, texts), ("buttons", BUTTONS, buttons)):
            for name in needed:
                if name not in present:
                    raise fault_at(f"lacks '{name}'", key)
        for position, entry in enumerate(talk):
            if entry.text not in texts:
                raise fault_at(f"'{entry.text}' is not in 'texts'", "small_talk", position, "text")
        return values


@dataclass(frozen=True)
class FixedText:
    """A fixed text, ready to send."""

    name: str
    kind: str
    revision: int
    text: str
    signed_by: str = ""  # who approved it, and when; empty: nobody has


class FixedTexts:
    """The fixed texts of one deployment."""

    def __init__(self, settings: Settings, path: Path = FILE) -> None:
        """Read the file and fill the contact lines in.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, _File)
        lines = [
            entry.line.format(value=getattr(settings, entry.setting))
            for entry in file.contact
            if getattr(settings, entry.setting)
        ]
        contact = "\n".join([*lines, *file.contact_always])
        value = getattr(settings, file.navigator.setting)
        navigator = file.navigator.line.format(value=value) if value else file.navigator.otherwise
        kept = {name: f"{{{name}}}" for names in IN_REPLY.values() for name in names}
        filled = {**kept, "contact": contact, "navigator": navigator, "days": str(settings.retention_days)}
        self._texts = {
            name: FixedText(
                name, entry.kind, entry.revision, entry.text.strip().format(**filled), entry.signed_by.strip()
            )
            for name, entry in file.texts.items()
        }
        self._small_talk = [(entry.words, entry.text) for entry in file.small_talk]
        self._buttons = file.buttons

    def all(self) -> list[FixedText]:
        """Every fixed text, in the order of the file."""
        return list(self._texts.values())

    def reply(self, name: str, *, buttons: tuple[Button, ...] = (), **values: str) -> Reply:
        """A fixed text as a reply.

        Args:
            name: of the text.
            buttons: under it.
            values: of the placeholders that are filled in anew for each reply; others are ignored.
        """
        text = self._texts[name]
        filled = text.text
        for placeholder in IN_REPLY.get(name, ()):
            filled = filled.replace(f"{{{placeholder}}}", values[placeholder])
        return Reply(
            kind=text.kind,
            text=filled,
            revision=text.revision,
            text_id=name,
            buttons=buttons,
        )

    def small_talk(self, message: str) -> Reply:
        """The small talk that fits a message."""
        words = set(re.findall(r"[a-z]+", message.lower()))
        for triggers, name in self._small_talk:
            if words & triggers:
                return self.reply(name)
        return self.reply("small_talk")

    def button(self, name: str) -> Button:
        """A button that leads to no topic: `else` or `person`."""
        return Button(title=self._buttons[name], token=name)
