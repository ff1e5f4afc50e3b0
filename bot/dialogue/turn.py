"""The guarded turn: one message in, its replies out, whatever fails on the way."""

import asyncio
import contextlib
import time
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.answers.answering import is_answer_name
from bot.answers.published import PublishedAnswers
from bot.answers.questions import RED_FLAG
from bot.conversations.code import conversation_code
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.forms import EDITED, ERASE, KEPT, NOT_TEXT
from bot.conversations.journal import Journal
from bot.conversations.records import Inbound, Known, Outcome
from bot.dialogue.agent import Spoken
from bot.dialogue.parse_data import as_red_flag, intent_of, mentions_of, pressed, reply_of
from bot.dialogue.reading import clean, fixed_text_for
from bot.dialogue.worker import DialogueUnavailable, DialogueWorker
from bot.fixed_texts import FixedTexts
from bot.metrics import Metrics
from bot.redflags.detector import Detection, RedFlag
from bot.redflags.gate import Gate
from bot.replies import ANSWER, Reply
from bot.storage.base import now

logger = structlog.get_logger(__name__)

Deliver = Callable[[Reply], Awaitable[None]]
Lane = contextlib.AbstractAsyncContextManager[None]
OnAccepted = Callable[[Known | None], None]
# The fixed text for a message that is more or less than a typed one; for a later version of one there is none.
_FORMS = {EDITED: None, NOT_TEXT: "not_text", ERASE: "erase", KEPT: "kept"}
_BUTTONS = {ERASE: ("erase", "keep")}
# Meta wants people told that they talk to a machine at the start and again after a long silence; "long" is our choice.
NOTICE_AGAIN_AFTER = timedelta(days=7)
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
    on_accepted: OnAccepted | None = None
    lane: Lane | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # the first detector has looked
    accepted: asyncio.Event = field(default_factory=asyncio.Event)  # the message is on disk, or will not be
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
        self._noticed: OrderedDict[str, datetime] = OrderedDict()

    async def handle(
        self,
        inbound: Inbound,
        deliver: Deliver,
        *,
        on_accepted: OnAccepted | None = None,
        lane: Lane | None = None,
    ) -> TurnResult:
        """Take one message through the turn.

        Args:
            inbound: the message.
            deliver: hands a reply to the channel. The fixed emergency reply is handed over before anything else is
                done; all others once they are in the log.
            on_accepted: told once the message is on disk, with what the log knows of it.
            lane: what understanding and answering wait for, so that many messages at once do not slow each other down
                to the time limit; the red flags are looked for before. Without it, nothing waits.

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
            return await self._join(self._running[key], deliver, on_accepted)
        course = _Course(inbound, deliver, started, Detection((), self._gate.ruleset), None, on_accepted, lane)
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
            if isinstance(error, ConversationErased) and not isinstance(error, MessageErased):
                self._forget(inbound.conversation)  # what this turn has left in memory
            raise
        finally:
            course.looked.set()
            course.accepted.set()
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
    async def _join(course: _Course, deliver: Deliver, on_accepted: OnAccepted | None) -> TurnResult:
        """Take part in a turn that works on the same message already: the fixed reply is delivered here, too."""
        await course.looked.wait()
        delivered = course.first
        if delivered is not None:
            await deliver(delivered)
        await course.accepted.wait()
        if on_accepted is not None and not course.done.done():
            on_accepted(None)
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
        # Neither needs anything from the log: they run beside the commit.
        beside = asyncio.create_task(self._read(course) if course.lane is None else self._look_again(course))
        try:
            known = await self._journal.accept(course.inbound)
            course.accepted.set()
            if course.on_accepted is not None:
                course.on_accepted(known)
        except BaseException:
            beside.cancel()
            raise
        if known is not None and known.answered:
            beside.cancel()
            return TurnResult(known.replies, course.detection, repeated=True)
        lock = self._locks.setdefault(course.inbound.conversation, asyncio.Lock())
        async with lock:
            parse_data = await beside
            if course.lane is None:
                return await self._finish(course, known, parse_data)
            async with course.lane:
                return await self._finish(course, known, await self._read_on(course))

    async def _finish(self, course: _Course, known: Known | None, parse_data: dict[str, Any] | None) -> TurnResult:
        inbound, first = course.inbound, course.first
        if parse_data is not None and first is not None:
            parse_data = as_red_flag(parse_data)  # the gate saw, or could not rule out, what Rasa did not
        spoken, others = await self._others(course, known, parse_data)
        notice = self._notice(inbound, known) if first or others else None
        moment = now()  # of all that follows the fixed reply: they are sent together
        following = (replace(reply, at=moment) for reply in (notice, *others) if reply is not None)
        replies = (*((first,) if first else ()), *following)
        milliseconds = (time.perf_counter() - course.started) * 1000
        intent, confidence = intent_of(spoken)
        outcome = Outcome(
            replies=replies,
            intent=intent,
            confidence=confidence,
            topic=spoken.topic if spoken else None,
            tier=course.detection.tier,
            ruleset=course.detection.ruleset,
            milliseconds=milliseconds,
            mentions=mentions_of(inbound.text, course.detection),
            under_way=(first.id,) if first is not None and inbound.address else (),
        )
        if not await self._journal.record(inbound, outcome):  # another process was faster; its replies are the ones
            known = await self._journal.accept(inbound)
            return TurnResult(known.replies if known else (), course.detection, repeated=True)
        if notice is not None:
            self._remember_notice(inbound)
        for reply in replies:
            if reply is not first:
                await course.deliver(reply)
        self._metrics.count_turn(inbound.channel, replies, course.detection.tier, milliseconds)
        return TurnResult(replies, course.detection, False, intent, confidence, milliseconds)

    async def _read(self, course: _Course) -> dict[str, Any] | None:
        """The second detector, then understanding."""
        await self._look_again(course)
        return await self._read_on(course)

    async def _look_again(self, course: _Course) -> None:
        """The second detector; a red flag that only it sees is answered at once."""
        if not course.detection.triggers and not course.inbound.button:
            course.detection = course.detection.adding(await self._gate.second_look(clean(course.inbound.text)))
            await self._send_first(course)

    async def _read_on(self, course: _Course) -> dict[str, Any] | None:
        """Understanding; a red flag that only Rasa sees is answered at once."""
        parse_data = await self._understand(course.inbound)
        if parse_data is not None and parse_data["intent"]["name"] == RED_FLAG and not course.detection.triggers:
            flags = (RedFlag(**flag) for flag in parse_data["red_flags"])
            course.detection = course.detection.adding(flags)
            await self._send_first(course)
        return parse_data

    async def _understand(self, inbound: Inbound) -> dict[str, Any] | None:
        """What a message means, as Rasa's parse data; None where Rasa need not or cannot be asked."""
        if inbound.form in _FORMS:
            return None
        if inbound.button:
            return pressed(inbound)
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
        if inbound.form in _FORMS:
            return None, self._of_form(inbound)
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
                replies = [reply_of(utterance) for utterance in spoken.utterances]
        if not replies and not beside_red_flag:
            self._metrics.apologies.inc()
            return spoken, [self._texts.reply("apology")]
        return spoken, replies

    def _of_form(self, inbound: Inbound) -> list[Reply]:
        """What a message gets for the form in which it came, whatever it says."""
        name = _FORMS[inbound.form]
        if name is None:
            return []
        buttons = tuple(self._texts.button(token) for token in _BUTTONS.get(inbound.form, ()))
        return [self._texts.reply(name, buttons=buttons, code=conversation_code(inbound.conversation))]

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
        remembered = self._noticed.get(inbound.conversation)
        if remembered is not None and inbound.received_at - remembered < NOTICE_AGAIN_AFTER:
            return None
        silent = known.silent_for if known else None
        if known is not None and known.noticed and (silent is None or silent < NOTICE_AGAIN_AFTER):
            return None
        return self._texts.reply("notice_messenger" if inbound.address else "notice")

    def _remember_notice(self, inbound: Inbound) -> None:
        self._noticed[inbound.conversation] = inbound.received_at
        if len(self._noticed) > NOTICED_MAXIMUM:
            self._noticed.popitem(last=False)


def _id_of_first(inbound: Inbound) -> str:
    """The id of the fixed reply to a message: the same whenever the message comes, so that it is shown once."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{inbound.channel}:{inbound.message_id}").hex
