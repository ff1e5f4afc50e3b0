"""A wording as families see it, and what it changes."""

from dataclasses import dataclass

from bot.answers.drafts import Fields
from bot.answers.models import AnswerRevision
from bot.answers.published import PublishedAnswers
from bot.channels.messaging.rules import load_rules
from bot.channels.messaging.showing import parts_for
from bot.console.differences import Piece, differences, is_changed
from bot.console.formatting import Block, blocks_of
from bot.replies import ANSWER, Button, Reply

COMPARED = (("Title", "title"), ("Question", "question"), ("Text", "text"))


@dataclass(frozen=True)
class Preview:
    """A wording as the widget shows it; `messages` are those of WhatsApp."""

    blocks: list[Block]
    buttons: list[str]
    sources: list[str]
    messages: list[str]


@dataclass(frozen=True)
class Change:
    """One part of two revisions."""

    label: str
    pieces: list[Piece]

    @property
    def is_changed(self) -> bool:
        """Whether anything in it differs."""
        return is_changed(self.pieces)


def preview_of(fields: Fields, answers: PublishedAnswers) -> Preview:
    """A wording as it would be sent now: a related answer that is not published has no button.

    Args:
        fields: the wording, which may not be fit to be sent yet.
        answers: those that are published.
    """
    related = [answers.named(name) for name in fields.related]
    buttons = [answer.content.title for answer in related if answer is not None]
    sources = [f"{document}: {section}" for document, section in fields.sources if document and section]
    return Preview(blocks_of(fields.text), buttons, sources, _on_whatsapp(fields.text, buttons))


def _on_whatsapp(text: str, titles: list[str]) -> list[str]:
    buttons = tuple(Button(title, "") for title in titles)
    parts = parts_for(Reply(ANSWER, text, 0, buttons=buttons), load_rules().limits["whatsapp"])
    return [part.text for part in parts]


def changes_between(older: AnswerRevision, newer: AnswerRevision) -> list[Change]:
    """What differs between two revisions, part by part."""
    parts = [(label, getattr(older, field), getattr(newer, field)) for label, field in COMPARED]
    parts += [
        ("Sources", _sources(older), _sources(newer)),
        ("Related answers", "\n".join(older.related), "\n".join(newer.related)),
        ("Review by", older.review_by.isoformat(), newer.review_by.isoformat()),
    ]
    return [Change(label, differences(before, after)) for label, before, after in parts]


def _sources(revision: AnswerRevision) -> str:
    return "\n".join(f"{source['document']}: {source['section']}" for source in revision.sources)
