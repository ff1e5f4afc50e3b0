"""Whole conversations through the whole service; conversations.yml says what is said and what must come back."""

import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bot.answers.answering import is_answer_name
from bot.answers.models import PUBLISHED, Answer, AnswerRevision
from bot.conversations.records import Inbound
from bot.replies import ANSWER, Button, Reply
from bot.service import Service
from bot.storage.database import open_database

TABLE = Path(__file__).with_name("conversations.yml")
CONVERSATIONS: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))

Published = dict[tuple[str, str], tuple[int, str]]  # (topic, variant) → revision and text


@pytest.fixture(scope="session")
def published(service: Service) -> Published:
    """What the service's database says may be sent."""
    query = (
        select(Answer.topic, Answer.variant, AnswerRevision.number, AnswerRevision.text)
        .join(AnswerRevision.answer)
        .where(AnswerRevision.state == PUBLISHED)
    )
    engine = open_database(service.settings.database_url)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    engine.dispose()
    return {(topic, variant): (number, text) for topic, variant, number, text in rows}


def _cases() -> list[Any]:
    return [pytest.param(conversation["turns"], id=conversation["name"]) for conversation in CONVERSATIONS]


@pytest.mark.parametrize("turns", _cases())
async def test_conversation(service: Service, published: Published, turns: list[dict[str, Any]]) -> None:
    conversation = f"test-{uuid.uuid4().hex}"
    offered: tuple[Button, ...] = ()
    for turn in turns:
        inbound = _inbound(conversation, turn, offered)
        delivered: list[Reply] = []

        async def deliver(reply: Reply, delivered: list[Reply] = delivered) -> None:
            delivered.append(reply)

        result = await service.turn.handle(inbound, deliver)

        assert delivered == list(result.replies)
        assert _seen(delivered, turn["expect"]) == turn["expect"], f"to {inbound.text[:100]!r}"
        for reply in delivered:
            assert (reply.kind == ANSWER) == (reply.topic is not None)
            if reply.topic is not None:
                assert (reply.revision, reply.text) == published[reply.topic, reply.variant]
        offered = delivered[-1].buttons


def test_names_are_unique() -> None:
    names = [conversation["name"] for conversation in CONVERSATIONS]
    assert len(set(names)) == len(names)


def _inbound(conversation: str, turn: dict[str, Any], offered: tuple[Button, ...]) -> Inbound:
    text, token = turn.get("say", "") * turn.get("times", 1), ""
    if "press" in turn:
        text = turn["press"]
        token = {button.title: button.token for button in offered}[text]  # a KeyError: no such button was offered
    return Inbound(channel="test", conversation=conversation, message_id=uuid.uuid4().hex, text=text, button=token)


def _seen(replies: list[Reply], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The replies as the table writes them: with text id and offers only where the table names them."""
    return [
        _shown(reply, expected[index].keys() if index < len(expected) else ()) for index, reply in enumerate(replies)
    ]


def _shown(reply: Reply, keys: Collection[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": reply.kind}
    if reply.topic is not None:
        shown["topic"] = reply.topic
    if reply.variant:
        shown["variant"] = reply.variant
    if "text_id" in keys:
        shown["text_id"] = reply.text_id
    if "offers" in keys:
        shown["offers"] = [button.token for button in reply.buttons if is_answer_name(button.token)]
    return shown
