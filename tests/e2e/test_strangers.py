"""How well strangers are understood: messages by authors who wrote no example, through the whole service."""

import uuid
from pathlib import Path

from bot.conversations.records import Inbound
from bot.evaluation.labelled import read_labelled
from bot.evaluation.report import given
from bot.evaluation.scores import Given, score
from bot.replies import Reply
from bot.service import Service

DATA = Path(__file__).parent.parent / "data"


async def _given(service: Service, text: str, expected: str) -> Given:
    async def deliver(_reply: Reply) -> None:
        """The result holds them all."""

    inbound = Inbound(channel="test", conversation=uuid.uuid4().hex, message_id=uuid.uuid4().hex, text=text)
    return given(text, expected, await service.turn.handle(inbound, deliver))


async def test_single_questions(service: Service) -> None:
    rows = read_labelled(DATA / "strangers.tsv", ("text", "topic"))
    scores = score([await _given(service, row["text"], row["topic"]) for row in rows])
    assert scores.right is not None
    assert scores.another is not None
    assert scores.rejected is not None
    assert scores.right >= 0.92, scores.confusions
    assert scores.another <= 0.04, scores.confusions
    assert scores.rejected >= 0.95


async def test_several_questions_in_one_message(service: Service) -> None:
    rows = read_labelled(DATA / "several_questions.tsv", ("text", "topics"))
    exact: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        topics = frozenset(row["topics"].split(","))
        got = await _given(service, row["text"], row["topics"])
        exact[len(topics) > 1].append(got.answered == topics)
    several, single = exact[True], exact[False]
    assert len(several) == 120
    assert sum(several) / len(several) >= 0.85
    assert sum(single) / len(single) >= 0.85
