"""The fixed texts: emergency, notice, clarify, apology and the rest, with the deployment's contact lines filled in."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, root_validator

from bot.data_file import Entry, load_data_file
from bot.paths import DATA
from bot.replies import Button, Reply
from bot.settings import Settings

FILE = DATA / "fixed_texts.yml"
PLACEHOLDERS = ("contact", "navigator")


class _Line(Entry):
    setting: str
    line: str


class _Navigator(_Line):
    otherwise: str


class _Text(Entry):
    kind: str = Field(regex="^(emergency|crisis|clarify|fallback|handover|small_talk|notice|apology)$")
    revision: int = Field(ge=1)
    signed_by: str
    text: str = Field(min_length=1)


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
    def _names_exist(cls, values: dict[str, object]) -> dict[str, object]:
        texts, lines, talk = values["texts"], values["contact"], values["small_talk"]
        assert isinstance(texts, dict)
        assert isinstance(lines, list)
        assert isinstance(talk, list)
        for line in [*lines, values["navigator"]]:
            if line.setting not in Settings.__fields__:
                raise ValueError(f"'{line.setting}' is no setting")
        for entry in talk:
            if entry.text not in texts:
                raise ValueError(f"small_talk names the text '{entry.text}', which is not in 'texts'")
        for name, entry in texts.items():
            for placeholder in re.findall(r"\{(.*?)\}", entry.text):
                if placeholder not in PLACEHOLDERS:
                    raise ValueError(f"the text '{name}' has the unknown placeholder {{{placeholder}}}")
        return values


@dataclass(frozen=True)
class FixedText:
    """A fixed text, ready to send."""

    name: str
    kind: str
    revision: int
    text: str


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
        filled = {"contact": contact, "navigator": navigator}
        self._texts = {
            name: FixedText(name, entry.kind, entry.revision, entry.text.strip().format(**filled))
            for name, entry in file.texts.items()
        }
        self._small_talk = [(entry.words, entry.text) for entry in file.small_talk]
        self._buttons = file.buttons

    def reply(self, name: str, *, buttons: tuple[Button, ...] = ()) -> Reply:
        """A fixed text as a reply."""
        text = self._texts[name]
        return Reply(
            kind=text.kind,
            text=text.text,
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
