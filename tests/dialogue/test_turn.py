"""bot.dialogue.turn: a message gets its replies once and in their order, whatever fails on the way."""

import asyncio
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from families import RED_FLAG, SOON_S, Family, Restart, locked, names, query
from sqlalchemy.exc import OperationalError

from bot.answers.answering import Answering
from bot.conversations.records import Inbound
from bot.dialogue.agent import RasaDialogue, Spoken
from bot.dialogue.worker import DialogueUnavailable, DialogueWorker
from bot.redflags.detector import Detection, RedFlag
from bot.replies import Reply
from bot.service import Service

pytestmark = pytest.mark.usefixtures("forgiven_disk")


Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Rasa took a turn for."""
    texts: list[str] = []
    turn = RasaDialogue.turn

    async def noted(self: RasaDialogue, conversation: str, text: str, **rest: Any) -> Spoken:
        texts.append(text)
        return await turn(self, conversation, text, **rest)

    monkeypatch.setattr(RasaDialogue, "turn", noted)
    return texts


def counted(service: Service, metric: str) -> float:
    return service.metrics.registry.get_sample_value(metric) or 0


# once


@pytest.mark.parametrize(
    ("text", "expected", "again"),
    [
        ("What is CRS?", ["notice", "what_is_crs"], []),
        ("", ["notice", "empty"], []),
        (RED_FLAG, ["emergency", "notice", "crs_duration"], ["emergency"]),
    ],
)
async def test_a_repeated_message_gets_the_same_replies_and_no_new_turn(
    family: Family, worked_on: list[str], text: str, expected: list[str], again: list[str]
) -> None:
    first = await family.send(text, message_id=family.conversation)
    turns = len(worked_on)
    assert names(family.delivered) == expected
    family.delivered.clear()

    second = await family.send(text, message_id=family.conversation)

    assert (first.repeated, second.repeated) == (False, True)
    assert second.replies == first.replies
    assert names(first.replies) == expected
    assert names(family.delivered) == again
    assert len(worked_on) == turns
    assert await family.log() == [text, *expected]


async def test_a_repeated_red_flag_gets_the_fixed_reply_by_the_same_id(family: Family) -> None:
    message_id = uuid.uuid4().hex

    first, again = [await family.send(RED_FLAG, message_id=message_id) for _ in range(2)]

    emergencies = [reply.id for reply in family.delivered if reply.kind == "emergency"]
    assert emergencies == [first.replies[0].id, again.replies[0].id]
    assert len(set(emergencies)) == 1
    assert (await family.send(RED_FLAG)).replies[0].id != emergencies[0]


async def test_what_follows_a_red_flag_is_sent_at_one_moment_and_later(family: Family) -> None:
    emergency, *following = (await family.send(RED_FLAG)).replies

    assert len(following) == 2
    assert len({reply.at for reply in following}) == 1
    assert following[0].at > emergency.at


async def test_the_same_text_with_another_id_is_another_message(family: Family, worked_on: list[str]) -> None:
    assert [await family.hears("What is CRS?") for _ in range(2)] == [["notice", "what_is_crs"], ["what_is_crs"]]
    assert len(worked_on) == 2


@pytest.mark.parametrize(
    ("text", "expected", "to_each"),
    [
        ("What is CRS?", ["notice", "what_is_crs"], []),
        (RED_FLAG, ["emergency", "notice", "crs_duration"], ["emergency"]),
    ],
)
async def test_twenty_deliveries_at_once_are_one_turn(
    family: Family, worked_on: list[str], text: str, expected: list[str], to_each: list[str]
) -> None:
    message_id = uuid.uuid4().hex

    results = await asyncio.gather(*(family.send(text, message_id=message_id) for _ in range(20)))

    assert sorted(result.repeated for result in results) == [False] + [True] * 19
    assert {result.replies for result in results} == {results[0].replies}
    assert names(results[0].replies) == expected
    assert sorted(names(family.delivered)) == sorted([*expected, *to_each * 19])
    assert len(worked_on) == 1
    assert await family.log() == [text, *expected]
    rows = query(
        family.service,
        "SELECT direction, count(*), count(delivery.id) FROM message LEFT JOIN delivery ON message_id = message.id"
        " WHERE conversation_id = (SELECT id FROM conversation WHERE key = ?) GROUP BY direction",
        family.conversation,
    )
    assert rows == [("in", 1, 0), ("out", len(expected), len(expected))]


async def test_one_turn_at_a_time_for_each_conversation(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that is begun waits until another one is; in the same conversation, none is."""
    begun: list[str] = []
    both = asyncio.Event()
    turn = DialogueWorker.turn

    async def noted(self: DialogueWorker, conversation: str, text: str, **rest: Any) -> Spoken:
        begun.append(conversation)
        if len(set(begun)) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), SOON_S)
        assert begun.count(conversation) == 1
        spoken = await turn(self, conversation, text, **rest)
        begun.remove(conversation)
        return spoken

    monkeypatch.setattr(DialogueWorker, "turn", noted)
    other = Family(family.service)

    results = await asyncio.gather(*(one.send("What is CRS?") for one in (family, family, family, other)))

    assert [names(result.replies)[-1] for result in results] == ["what_is_crs"] * 4
    assert names(family.delivered).count("notice") == 1


# what fails


def fails(error: Exception, order: list[str] | None = None) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        if order is not None:
            order.append("asked")
        raise error

    return fail


BREAKS: list[tuple[str, str, Any]] = [
    ("parse raises", "bot.dialogue.agent.RasaDialogue.parse", RuntimeError("broken")),
    ("turn raises", "bot.dialogue.agent.RasaDialogue.turn", RuntimeError("broken")),
    ("action raises", "bot.answers.answering.Answering.reply", RuntimeError("broken")),
    ("parse is too late", "bot.dialogue.worker.DialogueWorker.parse", DialogueUnavailable("no answer within 5 s")),
    ("turn is too late", "bot.dialogue.worker.DialogueWorker.turn", DialogueUnavailable("no answer within 5 s")),
]
BROKEN = [pytest.param(target, error, id=name) for name, target, error in BREAKS]


@pytest.mark.parametrize(("target", "error"), BROKEN)
async def test_what_fails_gets_the_apology_and_the_next_message_its_answer(
    family: Family, monkeypatch: pytest.MonkeyPatch, target: str, error: Exception
) -> None:
    apologies = counted(family.service, "bot_apologies_total")
    await family.hears("What is CRS?")

    with monkeypatch.context() as patch:
        patch.setattr(target, fails(error))
        assert await family.hears("Which grades are there?") == ["apology"]

    assert family.delivered[-1].text == family.service.texts.reply("apology").text
    assert counted(family.service, "bot_apologies_total") == apologies + 1
    assert await family.hears("How long does it last?") == ["crs_duration"]
    assert (await family.log())[2:5] == ["what_is_crs", "Which grades are there?", "apology"]


async def test_an_action_without_a_word_gets_the_apology(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "reply", lambda self, questions, context: ([], context))
    assert await family.hears("What is CRS?") == ["notice", "apology"]


@pytest.mark.parametrize(("target", "error"), BROKEN)
async def test_a_red_flag_is_answered_before_anything_that_fails(
    family: Family, monkeypatch: pytest.MonkeyPatch, target: str, error: Exception
) -> None:
    order: list[str] = []
    monkeypatch.setattr(target, fails(error, order))

    async def deliver(reply: Reply) -> None:
        order.append(reply.text_id)

    result = await family.service.turn.handle(family.message(RED_FLAG), deliver)

    assert order == ["emergency", "asked", "notice"]
    assert result.replies[0].text == family.service.texts.reply("emergency").text
    assert result.detection.tier is not None
    assert await family.log() == [RED_FLAG, "emergency", "notice"]


async def test_a_red_flag_is_answered_before_it_is_written_down(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(family.service.journal), "accept", staticmethod(fails(OSError("the disk is full"))))

    with pytest.raises(OSError, match="disk is full"):
        await family.send(RED_FLAG)

    assert names(family.delivered) == ["emergency"]


@pytest.mark.parametrize("method", ["accept", "record"])
async def test_nothing_is_said_that_is_written_nowhere(
    family: Family, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(type(family.service.journal), method, staticmethod(fails(OSError("the disk is full"))))

    with pytest.raises(OSError, match="disk is full"):
        await family.send("What is CRS?")

    assert family.delivered == []


async def test_deliveries_at_once_of_what_cannot_be_written_all_fail(
    family: Family, monkeypatch: pytest.MonkeyPatch, worked_on: list[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(family.service.journal), "record", staticmethod(fails(OSError("the disk is full"))))
        sending = (family.send("What is CRS?", message_id=family.conversation) for _ in range(3))
        results = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    assert len(worked_on) == 1

    again = await family.send("What is CRS?", message_id=family.conversation)
    assert (again.repeated, names(again.replies)[-1]) == (False, "what_is_crs")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is CRS?", ["emergency", "notice", "what_is_crs"]),
        ("thank you so much", ["emergency", "notice"]),
        ("", ["emergency", "notice"]),
        ("😀😀", ["emergency", "notice"]),
        pytest.param("long text " * 1000, ["emergency", "notice", "too_long"], id="long"),
    ],
)
async def test_a_detector_that_fails_counts_as_a_red_flag(
    family: Family, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    failures = counted(family.service, "bot_gate_failures_total")
    # Replaced, not changed: Rasa's component reads with the same detector.
    broken = SimpleNamespace(ruleset=family.service.gate.ruleset, detect=fails(ValueError("cannot be read")))
    monkeypatch.setattr(family.service.gate, "_detector", broken)

    result = await family.send(text)

    assert names(family.delivered) == expected
    assert result.detection.failed
    assert counted(family.service, "bot_gate_failures_total") == failures + 1
    assert family.stored("tier, ruleset") == ("T1", family.service.gate.ruleset)


class SecondDetector:
    """Finds what it is told to find, or fails."""

    def __init__(self, *found: str, error: Exception | None = None) -> None:
        self._found = [RedFlag(symptom, "", 0, 0, "semantic") for symptom in found]
        self._error = error

    def find(self, text: str) -> list[RedFlag]:
        if self._error:
            raise self._error
        return self._found


def sees_nothing(text: str, **_: Any) -> Detection:
    return Detection((), "ruleset")


@pytest.mark.parametrize(
    ("text", "second", "expected"),
    [
        (RED_FLAG, None, ["emergency", "notice", "crs_duration"]),  # Rasa's component sees it
        (RED_FLAG, SecondDetector(error=RuntimeError("broken")), ["emergency", "notice", "crs_duration"]),
        ("What is CRS?", SecondDetector("chills"), ["emergency", "notice", "what_is_crs"]),
        ("What is CRS?", SecondDetector("crisis"), ["crisis", "notice", "what_is_crs"]),
        ("thank you so much", SecondDetector("chills"), ["emergency", "notice"]),
    ],
)
async def test_a_red_flag_that_the_first_detector_does_not_see_is_answered_first(
    family: Family,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    second: SecondDetector | None,
    expected: list[str],
) -> None:
    blind = SimpleNamespace(ruleset=family.service.gate.ruleset, detect=sees_nothing)
    monkeypatch.setattr(family.service.gate, "_detector", blind)
    monkeypatch.setattr(family.service.gate, "_semantic", second)

    result = await family.send(text)

    assert names(family.delivered) == expected
    assert result.detection.triggers
    assert family.stored("tier") == (result.detection.tier,)
    assert result.detection.tier is not None


async def test_a_second_detector_that_fails_is_left_out(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family.service.gate, "_semantic", SecondDetector(error=RuntimeError("broken")))
    assert await family.hears("What is CRS?") == ["notice", "what_is_crs"]
    assert await family.hears("He is shivering") == ["emergency"]


async def test_the_log_has_what_was_asked_beside_a_red_flag(family: Family) -> None:
    result = await family.send(RED_FLAG)

    assert result.intent == "crs_duration"
    assert result.topic == "crs_duration"
    assert result.confidence is not None
    assert 0 < result.confidence < 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He is shivering\tall over", [("shivering\tall over", "lexicon")]),
        ("  \u200bHe   cannot breathe\u200b and is blue ", [("cannot breathe", "lexicon")]),
        # The second detector speaks of a sentence as it was cleaned: with no place of its own it means the message.
        (
            "his lamp  went out on me and I keep calling his name",
            [("his lamp  went out on me and I keep calling his name", "semantic")],
        ),
    ],
)
async def test_the_log_has_the_words_of_a_red_flag_as_they_were_written(
    family: Family, service: Service, text: str, expected: list[tuple[str, str]]
) -> None:
    await family.send(text)

    statement = (
        "SELECT message.text, red_flag.start, red_flag.end, red_flag.detector FROM red_flag JOIN message "
        "ON message.id = red_flag.message_id JOIN conversation ON conversation.id = message.conversation_id "
        "WHERE conversation.key = ? ORDER BY red_flag.id"
    )
    rows = query(service, statement, family.conversation)
    assert [(text[start:end], detector) for text, start, end, detector in rows] == expected


# the notice


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["What is CRS?", "How long does it last?"], [["notice", "what_is_crs"], ["crs_duration"]]),
        (["He is shivering", "He is shivering"], [["emergency", "notice"], ["emergency"]]),
        (["What is CRS?", "He is shivering"], [["notice", "what_is_crs"], ["emergency"]]),
        (["", "What is CRS?"], [["notice", "empty"], ["what_is_crs"]]),
    ],
)
async def test_the_notice_comes_once_and_before_ordinary_replies(
    family: Family, texts: list[str], expected: list[list[str]]
) -> None:
    assert [await family.hears(text) for text in texts] == expected


async def test_the_log_knows_of_notices_that_the_service_has_forgotten(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.turn.NOTICED_MAXIMUM", 1)
    other = Family(family.service)

    heard = [await one.hears("What is CRS?") for one in (family, other, family, other)]

    assert heard == [["notice", "what_is_crs"]] * 2 + [["what_is_crs"]] * 2


# the log


async def test_a_conversation_goes_on_after_a_restart(restart: Restart, worked_on: list[str]) -> None:
    before = Family(await restart(), "family")
    first = await before.send("What is CRS?", message_id="one")

    after = Family(await restart(), "family")
    stranger = Family(after.service)

    repeated = await after.send("What is CRS?", message_id="one")
    assert (repeated.repeated, repeated.replies) == (True, first.replies)
    assert worked_on == ["What is CRS?"]
    assert after.delivered == []
    assert await after.hears("how long does it last") == ["crs_duration"]  # without a second notice
    assert await stranger.hears("how long does it last") == ["notice", "clarify_follow_up"]


async def test_a_locked_database_costs_no_answer_and_no_line_of_the_log(restart: Restart) -> None:
    family = Family(await restart())

    with locked(family.service):
        assert await family.hears("What is CRS?") == ["notice", "what_is_crs"]
        assert await family.hears("How long does it last?") == ["crs_duration"]
        assert await family.hears("He is shivering") == ["emergency"]
        assert await family.log() == []

    assert await family.service.journal.read_back() == 6
    expected = [
        *("What is CRS?", "notice", "what_is_crs"),
        *("How long does it last?", "crs_duration"),
        *("He is shivering", "emergency"),
    ]
    assert await family.log() == expected
    assert await family.service.journal.read_back() == 0
    assert await family.hears("And when does it start?") == ["crs_timing_cart"]


async def test_what_a_crash_left_is_answered_once_a_locked_database_is_free(
    restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = Inbound("widget", "family", "one", "What is CRS?")
    await (await restart()).journal.accept(left)
    service = await restart()
    refused, resumed = asyncio.Event(), asyncio.Event()
    unanswered = service.journal.unanswered

    async def asked(*, within_s: float) -> list[Inbound]:
        try:
            return await unanswered(within_s=within_s)
        except OperationalError:
            refused.set()
            raise

    async def resume(inbound: Inbound) -> None:
        assert inbound.key == left.key
        resumed.set()

    monkeypatch.setattr(service.journal, "unanswered", asked)
    with locked(service):
        await service.start(resume)
        await asyncio.wait_for(refused.wait(), 30)
    await asyncio.wait_for(resumed.wait(), 30)


async def test_a_message_taken_while_locked_is_repeated_after_the_lock(restart: Restart, worked_on: list[str]) -> None:
    family = Family(await restart())
    with locked(family.service):
        first = await family.send("What is CRS?", message_id="one")
    assert await family.service.journal.read_back() == 2

    second = await family.send("What is CRS?", message_id="one")

    assert (second.repeated, second.replies) == (True, first.replies)
    assert worked_on == ["What is CRS?"]


# text and buttons


@pytest.mark.parametrize(
    "text",
    [
        *("/restart", "/session_start", "/back", "/crs_grading", "/red_flag", "/nlu_fallback"),
        *('/greet{"name": "x"}', '/crs_grading{"topic": "crs_grading"}', '/what{"', "/", "EXTERNAL: /restart"),
    ],
)
async def test_text_that_looks_like_a_command_is_text(family: Family, text: str) -> None:
    await family.hears("What is CRS?")
    result = await family.send(text)

    assert result.topic is None
    assert not {"apology", "emergency"} & set(names(result.replies))
    assert result.intent in (None, "unreadable", "small_talk", "nlu_fallback", "out_of_scope")
    assert await family.hears("How long does it last?") == ["crs_duration"]  # the conversation is still known


async def test_words_behind_a_slash_are_read(family: Family) -> None:
    assert await family.hears("/what is CRS?") == ["notice", "what_is_crs"]


@pytest.mark.parametrize(
    ("text", "button", "expected", "stored"),
    [
        # a button's meaning does not depend on its words
        ("How long CRS lasts", "crs_duration", "crs_duration", "crs_duration"),
        ("xyzzy", "crs_duration", "crs_duration", "crs_duration"),
        ("", "crs_grading/grade_2", "crs_grading", "crs_grading/grade_2"),
        ("Talk to a person", "person", "handover", "person"),
        ("Something else", "else", "clarify_else", "else"),
        # nothing that is offered: the words are read
        ("What is CRS?", "no_such_topic", "what_is_crs", None),
        ("What is CRS?", "crs_grading/grade_9", "what_is_crs", None),
        ("What is CRS?", "talk_to_human", "what_is_crs", None),
        ("What is CRS?", "red_flag", "what_is_crs", None),
        ("What is CRS?", "else/person", "what_is_crs", None),
        ("What is CRS?", "/restart", "what_is_crs", None),
        ("", "no_such_topic", "empty", None),
    ],
)
async def test_buttons(family: Family, text: str, button: str, expected: str, stored: str | None) -> None:
    assert await family.hears(text, button=button) == ["notice", expected]
    assert family.stored("text, button") == (text, stored)


async def test_a_button_with_a_red_flag_in_its_words_is_one(family: Family) -> None:
    assert await family.hears("He is shivering", button="crs_duration") == ["emergency", "notice", "crs_duration"]
