"""The whole service without its web front: what `bot ask`, the tests and the web application run on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from bot.alerts.calling import Calling, ways_of
from bot.alerts.queue import AlertQueue
from bot.alerts.rules import load_rules as load_alert_rules
from bot.answers.answering import Answering
from bot.answers.follow_ups import FollowUps
from bot.answers.published import PublishedAnswers
from bot.answers.setup import load_answers_file, prepare_storage
from bot.channels.tokens import SESSION_LIFETIME_S
from bot.conversations.journal import Journal
from bot.conversations.records import Inbound
from bot.conversations.retention import Retention
from bot.conversations.spool import check_folder
from bot.dialogue.training import trained_model
from bot.dialogue.turn import GuardedTurn
from bot.dialogue.worker import DialogueWorker
from bot.fixed_texts import FixedTexts
from bot.metrics import Metrics
from bot.one_thread import limit_numerical_threads
from bot.redflags.both import load_semantic
from bot.redflags.burst import RecentPieces
from bot.redflags.detector import shared_detector
from bot.redflags.gate import Gate
from bot.redflags.lexicon import FOLDER
from bot.settings import Settings

logger = structlog.get_logger(__name__)

REFRESH_EVERY_S = 5.0
ASK_AGAIN_AFTER_S = 1.0


class Service:
    """Everything between a channel and the replies."""

    def __init__(
        self, settings: Settings, *, model: Path, sessions: "sessionmaker[Session]", rules: Path = FOLDER
    ) -> None:
        """Put the service together and begin to load the model.

        Args:
            settings: the service's settings.
            model: the trained model.
            sessions: of the database.
            rules: the folder of the red flags' rules.

        Raises:
            DataFileError: a data file is wrong.
        """
        limit_numerical_threads()
        self.settings = settings
        self.sessions = sessions
        self.metrics = Metrics()
        self.texts = FixedTexts(settings)
        self.gate = Gate(
            shared_detector(rules),
            load_semantic(settings.models_dir),
            RecentPieces(rules / "bursts.yml"),
            self.metrics,
        )
        self.answers = PublishedAnswers(sessions)
        self.answers.refresh()
        self.journal = Journal(sessions, settings.spool_dir)
        answering = Answering(self.answers, self.texts, FollowUps())
        self.dialogue = DialogueWorker(model, answering, limit_s=settings.turn_timeout_s)
        self.turn = GuardedTurn(
            gate=self.gate,
            journal=self.journal,
            dialogue=self.dialogue,
            answers=self.answers,
            texts=self.texts,
            metrics=self.metrics,
        )
        # A day more than any token lives: clocks differ.
        erased_kept = timedelta(seconds=SESSION_LIFETIME_S, days=1)
        self._retention = Retention(self.journal, days=settings.retention_days, erased_kept=erased_kept)
        queue = AlertQueue(sessions, load_alert_rules(), settings.console_address)
        self.calling = Calling(queue, ways_of(settings), self.metrics)
        self._background: list[asyncio.Task[None]] = []

    async def start(self, resume: Callable[[Inbound], Awaitable[object]] | None = None) -> None:
        """Answer what a crash left unanswered, and keep the background work going.

        Args:
            resume: takes the turn of a message that was left; without it, the page asks for the replies.
        """
        self._background = [
            asyncio.create_task(self._answer_left_over(resume or self._resume)),
            asyncio.create_task(self.journal.keep_reading_back()),
            asyncio.create_task(self._keep_answers_fresh()),
            asyncio.create_task(self._retention.keep_deleting()),
            asyncio.create_task(self.calling.keep_calling()),
        ]

    async def stop(self) -> None:
        """Stop the background work and the threads."""
        for task in self._background:
            task.cancel()
        for task in self._background:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.calling.close()
        self.dialogue.close()
        self.gate.close()
        await self.journal.close()

    async def _resume(self, inbound: Inbound) -> None:
        await self.turn.handle(inbound, _wait_for_page)

    async def _answer_left_over(self, resume: Callable[[Inbound], Awaitable[object]]) -> None:
        left = await self._left_over()
        if not left:
            return
        logger.warning("service.left_over", messages=len(left))
        with contextlib.suppress(Exception):  # a model that does not load gets the apology, as any turn does
            await self.dialogue.loaded()
        for inbound in left:
            try:
                await resume(inbound)
            except Exception as error:  # erased meanwhile, or a full disk: the others are answered all the same
                logger.error("service.left_over.failed", error=type(error).__name__)

    async def _left_over(self) -> list[Inbound]:
        """What a crash left unanswered; asked for until the database tells it."""
        while True:
            await self.journal.read_back()
            try:
                await self._call_to_late()
                return await self.journal.unanswered(within_s=self.settings.resume_within_s)
            except SQLAlchemyError as error:
                logger.error("service.left_over.unknown", error=type(error).__name__)
            await asyncio.sleep(ASK_AGAIN_AFTER_S)

    async def _call_to_late(self) -> None:
        """Call navigators to red flags that nobody answers any more."""
        for inbound in await self.journal.late(within_s=self.settings.resume_within_s):
            detection = await self.gate.look_at_comment(inbound.text)
            if detection.tier is not None:
                await self.journal.call_to(inbound, detection.tier, detection.ruleset)

    async def _keep_answers_fresh(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(REFRESH_EVERY_S)
            await loop.run_in_executor(None, self.answers.refresh)


async def _wait_for_page(_reply: object) -> None:
    """Deliver nothing: the page asks for what it missed."""


def make_service(settings: Settings) -> Service:
    """Migrate, load the answers, train if needed, and put the service together.

    Raises:
        SpoolError: the spool cannot be written.
        DatabaseError: the database cannot be used.
        DataFileError: a data file is wrong.
        TrainingError: the model could not be trained.
    """
    check_folder(settings.spool_dir)
    sessions = prepare_storage(settings)
    report = load_answers_file(sessions)
    if report.added or report.changed:
        logger.info("answers.loaded", added=len(report.added), changed=len(report.changed))
    return Service(settings, model=trained_model(settings.models_dir), sessions=sessions)
