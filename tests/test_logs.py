"""bot.logs: lines that can be read by a program, and never a word of what a family wrote, whoever logs."""

import asyncio
import contextlib
import io
import logging
import re
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from bot.conversations.records import Inbound
from bot.logs import configure_logs
from bot.service import Service

SECRET = "my xylophone son has a fever of 104.3"  # no time of day has these digits
WORDS = re.compile(r"xylophone|fever|104\.3")


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    configure_logs("ERROR")


def configured(level: str) -> io.StringIO:
    """What is written to standard error from now on."""
    written = io.StringIO()
    with contextlib.redirect_stderr(written):
        configure_logs(level)
    return written


@pytest.fixture
def logged() -> Callable[[], list[str]]:
    """The lines written, at the most talkative level."""
    written = configured("DEBUG")
    return lambda: written.getvalue().splitlines()


Logged = Callable[[], list[str]]


def test_a_line_of_ours_is_pairs_of_key_and_value(logged: Logged) -> None:
    structlog.get_logger("bot.channels.widget").warning("widget.slow", milliseconds=12, reason="a b")

    (line,) = logged()
    time, rest = line.split(" ", 1)
    assert re.fullmatch(r"timestamp=20\d\d-\d\d-\d\dT[\d:.]+Z", time)
    assert rest == 'level=warning logger=bot.channels.widget event=widget.slow milliseconds=12 reason="a b"'


@pytest.mark.parametrize(
    ("level", "shown"),
    [("DEBUG", ["debug", "info", "error"]), ("INFO", ["info", "error"]), ("ERROR", ["error"])],
)
def test_the_level_is_that_of_the_service(level: str, shown: list[str]) -> None:
    written = configured(level)
    for name in ("bot.service", "actions.actions"):
        for each in ("debug", "info", "error"):
            structlog.get_logger(name).log(getattr(logging, each.upper()), each)

    assert re.findall(r"event=(\w+)", written.getvalue()) == shown * 2


@pytest.mark.parametrize("name", ["rasa.core.processor", "rasa.nlu", "httpx", "asyncio", "spacy"])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_below_an_error_the_libraries_are_silent(logged: Logged, name: str, level: int) -> None:
    logging.getLogger(name).log(level, "took %s", SECRET)
    structlog.get_logger(name).log(level, "took", text=SECRET)

    assert logged() == []


@pytest.mark.parametrize(
    "key",
    [
        "text",
        "message",
        "message_text",
        "parse_data",
        "entities",
        "user_event",
        "rasa_events",
        "latest_message",
        "slots",
    ],
)
def test_of_an_event_of_rasa_the_texts_are_dropped(logged: Logged, key: str) -> None:
    event = structlog.get_logger("rasa.core.processor")
    event.error("processor.failed", **{key: {"said": SECRET}}, sender_id="web-1")

    (line,) = logged()
    assert "event=processor.failed" in line
    assert "sender_id=web-1" in line
    assert not WORDS.search(line)


def _standard(logger: logging.Logger) -> None:
    logger.error("could not read %s", SECRET)


def _standard_exception(logger: logging.Logger) -> None:
    logger.exception(f"could not read {SECRET}")


def _standard_exc_info(logger: logging.Logger) -> None:
    logger.critical("could not read", exc_info=True)


def _structured(logger: logging.Logger) -> None:
    structlog.get_logger(logger.name).error("could not read", text=SECRET, exc_info=True)


def _structured_error(logger: logging.Logger) -> None:
    structlog.get_logger(logger.name).error("could not read", exc_info=sys.exc_info()[1])


def _structured_exception(logger: logging.Logger) -> None:
    structlog.get_logger(logger.name).exception("could not read", text=SECRET)


@pytest.mark.parametrize("name", ["rasa.core.processor", "sqlalchemy.pool", "rasa_sdk.executor", "asyncio", "root"])
@pytest.mark.parametrize(
    "log", [_standard, _standard_exception, _standard_exc_info, _structured, _structured_error, _structured_exception]
)
def test_an_error_of_a_library_is_told_without_its_words(
    logged: Logged, name: str, log: Callable[[logging.Logger], None]
) -> None:
    try:
        raise ValueError(f"cannot parse {SECRET}")
    except ValueError:
        log(logging.getLogger(name))

    (line,) = logged()
    assert name in line
    assert not WORDS.search(line)
    assert "Traceback" not in line


async def test_a_forgotten_task_is_told_without_its_words(logged: Logged) -> None:
    loop = asyncio.get_running_loop()
    error = OperationalError("INSERT INTO message", {"text": SECRET}, Exception("locked"))

    loop.call_exception_handler({"message": f"Task exception was never retrieved {SECRET}", "exception": error})

    assert logged() == ["asyncio: OperationalError"]


# A whole turn


async def turn(service: Service) -> list[str]:
    """The kinds of what it says to the message, in a new conversation."""

    async def deliver(_reply: object) -> None:
        """Nothing to hand over to."""

    number = uuid.uuid4().hex
    inbound = Inbound(channel="test", conversation=number, message_id=number, text=SECRET)
    return [reply.kind for reply in (await service.turn.handle(inbound, deliver)).replies]


def _fails(*_arguments: object, **_options: object) -> None:
    raise RuntimeError(f"cannot bear {SECRET}")


def _database_fails(*_arguments: object, **_options: object) -> None:
    raise OperationalError("INSERT INTO message", {"text": SECRET}, Exception("locked"))


@pytest.mark.parametrize(
    ("broken", "fault", "told"),
    [
        (None, None, []),
        ("bot.redflags.detector.RedFlagDetector.detect", _fails, ["gate.failed"]),
        ("bot.dialogue.agent.RasaDialogue.parse", _fails, ["turn.failed"]),
        ("bot.dialogue.agent.RasaDialogue.turn", _fails, ["turn.failed"]),
        ("bot.answers.answering.Answering.reply", _fails, []),
        ("rasa.core.processor.MessageProcessor.predict_next_with_tracker_if_should", _fails, ["turn.failed"]),
        ("bot.conversations.store.ConversationStore.accept", _database_fails, ["journal.spooled"]),
        ("bot.conversations.store.ConversationStore.record", _database_fails, ["journal.spooled"]),
    ],
)
async def test_no_word_of_a_message_is_logged_whatever_fails(
    service: Service,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    broken: str | None,
    fault: Callable[..., None] | None,
    told: list[str],
) -> None:
    if broken is not None:
        monkeypatch.setattr(broken, fault)

    kinds = await turn(service)

    assert kinds[0] == "emergency"

    lines = logged()
    assert not [line for line in lines if WORDS.search(line) or "Traceback" in line]
    assert [event for event in told if not any(f"event={event} " in line for line in lines)] == []
    assert broken is None or lines, "a fault is told"
