"""Rasa in a thread of its own, with an event loop of its own, so that nothing it does can hold the service up."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import structlog

from bot.answers.answering import Answering
from bot.dialogue.agent import ModelError, RasaDialogue, Spoken
from bot.memory import give_back

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")

STUCK_AFTER_S = 5.0  # a worker that does not come back for so long after a turn's limit is replaced


class DialogueUnavailable(RuntimeError):
    """No answer can be had from Rasa: the model does not load, or a turn took too long; the message says which."""


class _Worker:
    """A daemon thread that owns one loaded model: an abandoned one does not keep the process alive."""

    def __init__(self, load: Callable[[], RasaDialogue]) -> None:
        self.loop = asyncio.new_event_loop()
        self.dialogue: RasaDialogue | None = None
        self.error: str | None = None
        self.loaded: Future[None] = Future()  # loaded, or given up with an error
        self.loaded.set_running_or_notify_cancel()  # who stops waiting for it must not cancel it
        self._load = load
        self._thread = threading.Thread(target=self._run, name="dialogue", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.dialogue = self._load()
        except ModelError as error:
            self.error = str(error)
            logger.error("dialogue.not_loaded", reason=self.error)
        give_back()
        self.loaded.set_result(None)
        self.loop.run_forever()
        given_up = asyncio.all_tasks(self.loop)
        for task in given_up:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*given_up, return_exceptions=True))
        self.loop.close()

    async def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)


class DialogueWorker:
    """Asks Rasa, with a time limit that holds even when Rasa blocks."""

    def __init__(self, model: Path, answering: Answering, *, limit_s: float) -> None:
        """Start loading the model.

        Args:
            model: the model archive.
            answering: what the actions answer with.
            limit_s: seconds after which a turn is given up.
        """
        self._limit_s = limit_s
        self._load = lambda: RasaDialogue(model, answering)
        self._worker = _Worker(self._load)
        self._replacing: asyncio.Task[None] | None = None
        self._is_closed = False
        self.dropped_late = 0  # turns given up
        self.replaced = 0  # workers given up

    async def loaded(self) -> None:
        """Wait until the model is loaded.

        Raises:
            DialogueUnavailable: it cannot be loaded.
        """
        await asyncio.wrap_future(self._worker.loaded)
        if self._worker.error:
            raise DialogueUnavailable(self._worker.error)

    @property
    def is_loading(self) -> bool:
        """Whether the model is not there yet; a question asked now waits for it, within the limit."""
        return not self._worker.loaded.done()

    async def turn(
        self, conversation: str, text: str, *, parse_data: dict[str, Any], topic: str | None = None
    ) -> Spoken:
        """One turn; see `RasaDialogue.turn`.

        Raises:
            DialogueUnavailable: the model is not loaded, or the turn took longer than the limit.
            Exception: whatever a component or action raised.
        """
        return await self._ask(lambda dialogue: dialogue.turn(conversation, text, parse_data=parse_data, topic=topic))

    async def parse(self, text: str) -> dict[str, Any]:
        """What Rasa understands; raises as `turn` does."""

        async def parse(dialogue: RasaDialogue) -> dict[str, Any]:
            return dialogue.parse(text)

        return await self._ask(parse)

    def forget(self, conversation: str) -> None:
        """Have Rasa drop a conversation, as soon as its thread is free."""
        worker = self._worker
        if worker.dialogue is not None:
            with contextlib.suppress(RuntimeError):  # a worker that has stopped remembers nothing
                worker.loop.call_soon_threadsafe(worker.dialogue.forget, conversation)

    async def _ask(self, question: Callable[[RasaDialogue], Coroutine[Any, Any, Result]]) -> Result:
        worker = self._worker
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(worker.loaded), self._limit_s)
        if self._is_closed:
            raise DialogueUnavailable("the service stops")
        if worker.dialogue is None:
            raise DialogueUnavailable(worker.error or "the model is still loading")
        try:
            return await asyncio.wait_for(worker.run(question(worker.dialogue)), self._limit_s)
        except asyncio.TimeoutError as error:
            self.dropped_late += 1
            logger.error("dialogue.too_late", limit_s=self._limit_s, result="dropped")
            if self._replacing is None or self._replacing.done():
                self._replacing = asyncio.create_task(self._replace_if_stuck(worker))
            raise DialogueUnavailable(f"no answer within {self._limit_s} s") from error
        except asyncio.CancelledError as error:
            if worker is self._worker:
                raise  # whoever asked does not wait any more
            raise DialogueUnavailable("the worker was replaced") from error

    async def _replace_if_stuck(self, worker: _Worker) -> None:
        async def nothing() -> None:
            """Comes back at once from a worker that is free."""

        if worker is not self._worker:
            return  # a turn from before the replacement
        try:
            await asyncio.wait_for(worker.run(nothing()), STUCK_AFTER_S)
        except asyncio.TimeoutError:
            logger.error("dialogue.stuck", action="replaced by a freshly loaded worker")
            self.replaced += 1
            worker.stop()
            self._worker = _Worker(self._load)

    def close(self) -> None:
        """Stop the thread; a question that waits for the model is refused."""
        self._is_closed = True
        if self._replacing is not None:
            self._replacing.cancel()
        self._worker.stop()
