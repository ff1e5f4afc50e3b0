"""Structured logs on standard error, without a word of what families write."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Rasa's own events carry the message under such keys. Ours never do; dropping them here keeps it so.
_TEXT_KEYS = (
    "text",
    "message",
    "parse_data",
    "entities",
    "user_event",
    "rasa_events",
    "latest_message",
    "slots",
    "states",
)
# Everything that Rasa logs below this may quote a message.
_RASA_LEVEL = logging.ERROR


def configure_logs(level: str) -> None:
    """Send every log line to standard error as one line of key=value pairs.

    Args:
        level: of the service's own lines; Rasa's and the libraries' appear from ERROR on, without their texts.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            _drop_texts,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_without_quotes)
    logging.basicConfig(level=_RASA_LEVEL, format="%(message)s", handlers=[handler], force=True)
    for name in ("bot", "actions"):
        logging.getLogger(name).setLevel(level)


def _drop_texts(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event.get("logger", "").startswith(("bot", "actions")):
        return event
    kept = {key: value for key, value in event.items() if not any(part in key for part in _TEXT_KEYS)}
    kept.pop("exc_info", None)
    return kept


def _without_quotes(record: logging.LogRecord) -> bool:
    """Keep tracebacks and formatted arguments of the libraries out: they may quote a message."""
    if record.name.startswith(("bot", "actions", "uvicorn")):
        return True
    if record.exc_info and record.exc_info[0] is not None:
        record.msg, record.args = f"{record.name}: {record.exc_info[0].__name__}", ()
    elif not str(record.msg).startswith("timestamp="):
        record.msg, record.args = f"{record.name}: {record.msg}", ()
    record.exc_info = record.exc_text = None
    return True
