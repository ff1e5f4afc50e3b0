"""The gate that every text of a family passes: what it mentions is known before anything else is done with it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from bot.metrics import Metrics
from bot.redflags.burst import RecentPieces
from bot.redflags.detector import Detection, RedFlag, RedFlagDetector
from bot.redflags.semantic import SemanticDetector

logger = structlog.get_logger(__name__)

OWN_TIME_LIMIT_S = 1.0  # of the first detector's own running time; a message that takes longer counts as a hit
WAIT_LIMIT_S = 3.0  # for its thread, however busy the machine is
SECOND_LIMIT_S = 1.5  # for the second detector; later it is left out
LONG = 1_500  # characters; longer texts are read in a thread
WAITING_MAXIMUM = 64  # messages that wait for the second detector; more are left to the first one alone


class Gate:
    """Both detectors, with limits. The first one fails closed, the second one is left out when it fails."""

    def __init__(
        self,
        detector: RedFlagDetector,
        semantic: SemanticDetector | None,
        recent: RecentPieces,
        metrics: Metrics,
    ) -> None:
        """Prepare.

        Args:
            detector: the lexicon with the vitals reader.
            semantic: the detector by meaning; None where it could not be loaded.
            recent: what each conversation sent in the last seconds.
            metrics: counts what went wrong.
        """
        self._detector = detector
        self._semantic = semantic
        self._recent = recent
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="red-flags")
        self._second_thread = ThreadPoolExecutor(1, thread_name_prefix="red-flags-semantic")
        self._waiting = 0
        self._metrics = metrics

    @property
    def ruleset(self) -> str:
        """The fingerprint of the rules."""
        return self._detector.ruleset

    @property
    def has_semantic(self) -> bool:
        """Whether the second detector is there."""
        return self._semantic is not None

    async def first_look(self, conversation: str, text: str) -> Detection:
        """Look at a message with the first detector; together with what came shortly before where it has no hit alone.

        Never raises: whatever goes wrong counts as a hit.
        """
        detection = await self._first(lambda: self._recent.with_earlier(conversation, text), text)
        if detection.triggers:
            self._recent.answered(conversation)
        return detection

    async def peek(self, conversation: str, text: str) -> Detection:
        """What both detectors would find, without a trace of it: the message may come again, or never count."""
        return await self._both(lambda: self._recent.behind_earlier(conversation, text), text)

    async def look_at_comment(self, text: str) -> Detection:
        """Look with both detectors at a text that is no message and continues none."""
        return await self._both(lambda: (text, 0), text)

    async def _both(self, pieces: Callable[[], tuple[str, int]], text: str) -> Detection:
        detection = await self._first(pieces, text)
        return detection if detection.triggers else detection.adding(await self.second_look(text))

    async def _first(self, pieces: Callable[[], tuple[str, int]], text: str) -> Detection:
        """The first detector on a text and on the pieces before it; never raises."""
        try:
            together, start = pieces()
            if len(together) <= LONG:
                return self._look(text, together, start)
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._look, text, together, start)
            return await asyncio.wait_for(work, WAIT_LIMIT_S)
        except Exception as error:  # whatever it is, the family gets the emergency reply
            logger.error("gate.failed", error=type(error).__name__)
            self._metrics.gate_failures.inc()
            return Detection((), self._detector.ruleset, failed=True)

    def _look(self, text: str, together: str, start: int) -> Detection:
        began = time.thread_time()
        detection = self._detector.detect(text)
        if not detection.triggers and start:
            flags = self._detector.detect(together, touching=start)
            detection = replace(
                detection, red_flags=tuple(_shifted(flags.red_flags, -start, text)), urgency=flags.urgency
            )
        if time.thread_time() - began > OWN_TIME_LIMIT_S and not detection.triggers:
            raise TimeoutError
        return detection

    async def second_look(self, text: str) -> list[RedFlag]:
        """Look at a message with the second detector; late, overloaded or failing it is left out."""
        if self._semantic is None:
            self._metrics.semantic_left_out.labels("missing").inc()
            return []
        if self._waiting >= WAITING_MAXIMUM:
            return self._leave_out("overloaded")
        self._waiting += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(self._second_thread, self._semantic.find, text)
            return await asyncio.wait_for(work, SECOND_LIMIT_S)
        except asyncio.TimeoutError:
            return self._leave_out("late")
        except Exception as error:  # any failure of the encoder
            return self._leave_out(type(error).__name__)
        finally:
            self._waiting -= 1

    def forget(self, conversation: str) -> None:
        """Drop the pieces of a conversation."""
        self._recent.forget(conversation)

    def _leave_out(self, reason: str) -> list[RedFlag]:
        logger.warning("gate.semantic_left_out", reason=reason)
        self._metrics.semantic_left_out.labels(reason).inc()
        return []

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._second_thread.shutdown(wait=False, cancel_futures=True)


def _shifted(flags: Iterable[RedFlag], by: int, text: str) -> Iterable[RedFlag]:
    """Mentions with the places that they have in the newest message."""
    for flag in flags:
        start, end = max(flag.start + by, 0), flag.end + by
        yield replace(flag, start=start, end=end, text=text[start:end])
