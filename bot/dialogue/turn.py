"""The guarded turn: one message in, its replies out, whatever fails on the way."""

import asyncio
import contextlib
import time
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bot.answers.answering import is_answer_name
from bot.answers.published import PublishedAnswers
from bot.answers.questions import RED_FLAG, TALK_TO_HUMAN, Question
from bot.conversations.erased import ConversationErased
from bot.conversations.journal import Journal
from bot.conversations.records import Inbound, Known, Mention, Outcome
from bot.dialogue.agent import Spoken
from bot.dialogue.reading import clean, fixed_text_for
from bot.dialogue.worker import DialogueUnavailable, DialogueWorker
from bot.fixed_texts import FixedTexts
from bot.metrics import Metrics
from bot.redflags.detector import Detection, RedFlag
from bot.redflags.gate import Gate
from bot.replies import ANSWER, Button, Reply
from bot.storage.base import now

logger = structlog.get_logger(__name__)

Deliver = Callable[[Reply], Awaitable[None]]
NOTICED_MAXIMUM = 10_000  # conversations remembered as having had the notice, for when the log cannot be asked


@dataclass(frozen=True)
class TurnResult:
    """What became of a message."""

    replies: tuple[Reply, ...]
    detection: Detection
    repeated: bool = False
    intent: str | None = None
    confidence: float | None = None
    milliseconds: float = 0.0

    @property
    def topic(self) -> str | None:
        """The topic answered; the first, where there are several."""
        return next((reply.topic for reply in self.replies if reply.kind == ANSWER), None)


@dataclass
class _Course:
    """A message on its way through the turn, and what is known of it so far."""

    inbound: Inbound
    deliver: Deliver
    started: float
    detection: Detection
    first: Reply | None = None  # the fixed reply to a red flag, delivered before everything else
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # the first detector has looked
    done: "asyncio.Future[TurnResult]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GuardedTurn:
    """Takes a message through gate, journal and Rasa. One turn at a time for each conversation."""

    def __init__(
        self,
        *,
        gate: Gate,
        journal: Journal,
        dialogue: DialogueWorker,
        answers: PublishedAnswers,
        texts: FixedTexts,
        metrics: Metrics,
    ) -> None:
        self._gate = gate
        self._journal = journal
        self._dialogue = dialogue
        self._answers = answers
        self._texts = texts
        self._metrics = metrics
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._running: dict[tuple[str, str, str], _Course] = {}
        self._noticed: OrderedDict[str, None] = OrderedDict()

    async def handle(self, inbound: Inbound, deliver: Deliver) -> TurnResult:
        """Take one message through the turn.

        Args:
            inbound: the message.
            deliver: hands a reply to the channel. The fixed emergency reply is handed over before anything else is
                done; all others once they are in the log.

        Returns:
            all replies, those of a repeated message included: a repeat is not worked on again and nothing is delivered
            for it but a fixed emergency reply.

        Raises:
            ConversationErased: the conversation was erased, before or meanwhile.
            OSError: the message could be written neither to the database nor to the spool.
        """
        started = time.perf_counter()
        if inbound.button and not self._leads_somewhere(inbound.button):
            inbound = replace(inbound, button="")  # invented, or retired since it was offered: its words are read
        key = (inbound.channel, inbound.conversation, inbound.message_id)
        if key in self._running:
            return await self._join(self._running[key], deliver)
        course = _Course(inbound, deliver, started, Detection((), self._gate.ruleset))
        self._running[key] = course
        try:
            course.detection = await self._gate.first_look(inbound.conversation, inbound.text)
            await self._send_first(course)
            course.looked.set()
            result = await self._work(course)
            course.done.set_result(result)
            return result
        except BaseException as error:
            course.done.set_exception(error)
            course.done.exception()  # seen: whoever waits gets it, nobody waiting is no fault
            if isinstance(error, ConversationErased):
                self._forget(inbound.conversation)  # what this turn has left in memory
            raise
        finally:
            course.looked.set()
            del self._running[key]

    async def erase(self, conversation: str) -> None:
        """Erase a conversation from the log and from memory; a turn that still runs for it writes nothing more.

        Raises:
            SQLAlchemyError, TimeoutError: the database does not take it now. After a TimeoutError it may be erased yet.
        """
        try:
            await self._journal.erase(conversation)
        except TimeoutError:
            self._forget(conversation)  # nobody asks again where it is erased late: the token is refused by then
            raise
        self._forget(conversation)

    def _forget(self, conversation: str) -> None:
        self._gate.forget(conversation)
        self._noticed.pop(conversation, None)
        self._dialogue.forget(conversation)

    @staticmethod
    async def _join(course: _Course, deliver: Deliver) -> TurnResult:
        """Take part in a turn that works on the same message already: the fixed reply is delivered here, too."""
        await course.looked.wait()
        delivered = course.first
        if delivered is not None:
            await deliver(delivered)
        try:
            return replace(await asyncio.shield(course.done), repeated=True)
        finally:
            if course.first is not None and delivered is None:
                await deliver(course.first)

    def _leads_somewhere(self, token: str) -> bool:
        return not is_answer_name(token) or self._answers.named(token) is not None

    async def _send_first(self, course: _Course) -> None:
        """Deliver the fixed reply to a red flag, once."""
        if course.first is None and course.detection.triggers:
            reply = self._texts.reply("crisis" if course.detection.crisis else "emergency")
            course.first = replace(reply, id=_id_of_first(course.inbound))
            await course.deliver(course.first)

    async def _work(self, course: _Course) -> TurnResult:
        # Understanding needs nothing from the log: it runs beside the commit.
        reading = asyncio.create_task(self._read(course))
        try:
            known = await self._journal.accept(course.inbound)
        except BaseException:
            reading.cancel()
            raise
        if known is not None and known.answered:
            reading.cancel()
            return TurnResult(known.replies, course.detection, repeated=True)
        lock = self._locks.setdefault(course.inbound.conversation, asyncio.Lock())
        async with lock:
            return await self._finish(course, known, await reading)

    async def _finish(self, course: _Course, known: Known | None, parse_data: dict[str, Any] | None) -> TurnResult:
        inbound, first = course.inbound, course.first
        if parse_data is not None and first is not None:
            parse_data = _as_red_flag(parse_data)  # the gate saw, or could not rule out, what Rasa did not
        spoken, others = await self._others(course, known, parse_data)
        notice = self._notice(inbound, known)
        moment = now()  # of all that follows the fixed reply: they are sent together
        following = (replace(reply, at=moment) for reply in (notice, *others) if reply is not None)
        replies = (*((first,) if first else ()), *following)
        milliseconds = (time.perf_counter() - course.started) * 1000
        intent, confidence = _intent(spoken)
        outcome = Outcome(
            replies=replies,
            intent=intent,
            confidence=confidence,
            topic=spoken.topic if spoken else None,
            tier=course.detection.tier,
            ruleset=course.detection.ruleset,
            milliseconds=milliseconds,
            mentions=_mentions(inbound.text, course.detection),
        )
        await self._journal.record(inbound, outcome)
        if notice is not None:
            self._remember_notice(inbound.conversation)
        for reply in replies:
            if reply is not first:
                await course.deliver(reply)
        self._metrics.count_turn(inbound.channel, replies, course.detection.tier, milliseconds)
        return TurnResult(replies, course.detection, False, intent, confidence, milliseconds)

    async def _read(self, course: _Course) -> dict[str, Any] | None:
        """The second detector, then understanding; a red flag that only these see is answered at once."""
        if not course.detection.triggers and not course.inbound.button:
            course.detection = course.detection.adding(await self._gate.second_look(clean(course.inbound.text)))
            await self._send_first(course)
        parse_data = await self._understand(course.inbound)
        if parse_data is not None and parse_data["intent"]["name"] == RED_FLAG and not course.detection.triggers:
            flags = (RedFlag(**flag) for flag in parse_data["red_flags"])
            course.detection = course.detection.adding(flags)
            await self._send_first(course)
        return parse_data

    async def _understand(self, inbound: Inbound) -> dict[str, Any] | None:
        """What a message means, as Rasa's parse data; None where Rasa need not or cannot be asked."""
        if inbound.button:
            return _pressed(inbound)
        text = clean(inbound.text)
        if fixed_text_for(text) is not None:
            return None
        parse_data = None
        with self._guarded("understanding"):
            parse_data = await self._dialogue.parse(text)
        return parse_data

    async def _others(
        self, course: _Course, known: Known | None, parse_data: dict[str, Any] | None
    ) -> tuple[Spoken | None, list[Reply]]:
        """What follows the fixed emergency reply, or the ordinary replies where there is none."""
        inbound, beside_red_flag = course.inbound, course.first is not None
        text = clean(inbound.text)
        fixed = None if inbound.button else fixed_text_for(text)
        if fixed is None and course.detection.unreadable and not inbound.button and not beside_red_flag:
            fixed = "unreadable"
        if fixed is not None:
            return None, [] if beside_red_flag and fixed != "too_long" else [self._texts.reply(fixed)]
        spoken = None
        replies: list[Reply] = []
        if parse_data is not None:
            with self._guarded("answering"):
                topic = known.topic if known else None
                spoken = await self._dialogue.turn(inbound.conversation, text, parse_data=parse_data, topic=topic)
                replies = [_reply(utterance) for utterance in spoken.utterances]
        if not replies and not beside_red_flag:
            self._metrics.apologies.inc()
            return spoken, [self._texts.reply("apology")]
        return spoken, replies

    @contextlib.contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Whatever Rasa raises is logged by its kind, and must not cost the family its reply."""
        try:
            yield
        except DialogueUnavailable as error:
            logger.error("turn.no_dialogue", at=what, reason=str(error))
        except Exception as error:  # any component or action may fail in its own way
            logger.error("turn.failed", at=what, error=type(error).__name__)

    def _notice(self, inbound: Inbound, known: Known | None) -> Reply | None:
        conversation = inbound.conversation
        if conversation in self._noticed or (known is not None and known.noticed):
            return None
        return self._texts.reply("notice")

    def _remember_notice(self, conversation: str) -> None:
        self._noticed[conversation] = None
        if len(self._noticed) > NOTICED_MAXIMUM:
            self._noticed.popitem(last=False)


def _mentions(text: str, detection: Detection) -> tuple[Mention, ...]:
    """What was found, with its places in the message as written: Rasa and the second detector read it cleaned."""
    mentions = []
    for flag in detection.red_flags:
        start = flag.start if text[flag.start : flag.end] == flag.text else text.find(flag.text)
        place = (start, start + len(flag.text)) if flag.text and start >= 0 else (None, None)
        mentions.append(Mention(flag.symptom, flag.detector, *place))
    return tuple(mentions)


def _id_of_first(inbound: Inbound) -> str:
    """The id of the fixed reply to a message: the same whenever the message comes, so that it is shown once."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{inbound.channel}:{inbound.message_id}").hex


def _pressed(inbound: Inbound) -> dict[str, Any]:
    """The parse data of a pressed button: what it means is known."""
    name, _, variant = inbound.button.partition("/")
    intent = {"else": "deny", "person": TALK_TO_HUMAN}.get(name, name)
    question = Question(inbound.text, intent, 1.0, asks=True, variant=variant)
    return {
        "text": inbound.text,
        "intent": {"name": intent, "confidence": 1.0},
        "entities": [],
        "questions": [question.as_dict()],
    }


def _as_red_flag(parse_data: dict[str, Any]) -> dict[str, Any]:
    """Parse data that takes the rule for red flags, so that nothing follows which distracts from the fixed reply."""
    if parse_data["intent"]["name"] == RED_FLAG:
        return parse_data
    return {**parse_data, "original_intent": parse_data["intent"], "intent": {"name": RED_FLAG, "confidence": 1.0}}


def _intent(spoken: Spoken | None) -> tuple[str | None, float | None]:
    if spoken is None:
        return None, None
    intent = spoken.parse_data["intent"]
    if intent["name"] == RED_FLAG:
        intent = spoken.parse_data.get("original_intent") or intent
    return intent.get("name"), intent.get("confidence")


def _reply(utterance: dict[str, Any]) -> Reply:
    """What an action uttered, as a reply; values that are empty do not arrive."""
    return Reply(
        kind=utterance["kind"],
        text=utterance["text"],
        revision=utterance["revision"],
        topic=utterance.get("topic"),
        variant=utterance.get("variant") or "",
        text_id=utterance.get("text_id") or "",
        sources=tuple(utterance.get("sources") or ()),
        buttons=tuple(Button(button["title"], button["payload"]) for button in utterance.get("buttons") or ()),
    )
