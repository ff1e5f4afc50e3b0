"""Messages of which navigators said how they are understood: each through the whole service."""

import uuid

import pytest

from bot.answers.questions import OUT_OF_SCOPE
from bot.conversations.records import Inbound
from bot.evaluation.labelled import read_labelled
from bot.evaluation.report import given
from bot.improvement.patch import REGRESSION_FILE
from bot.replies import Reply
from bot.service import Service

ROWS = read_labelled(REGRESSION_FILE, ("text", "topic"))


async def _shown(_reply: Reply) -> None:
    """The result holds them all."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["text"][:60])
async def test_a_message_is_understood_as_a_navigator_said(service: Service, row: dict[str, str]) -> None:
    inbound = Inbound(channel="test", conversation=uuid.uuid4().hex, message_id=uuid.uuid4().hex, text=row["text"])

    got = given(row["text"], row["topic"], await service.turn.handle(inbound, _shown))

    assert got.answered == (frozenset() if row["topic"] == OUT_OF_SCOPE else {row["topic"]})
    assert got.refused or row["topic"] != OUT_OF_SCOPE
