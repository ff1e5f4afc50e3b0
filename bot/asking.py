"""`bot ask`: the whole service for a terminal and for scripts."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

from bot.conversations.records import Inbound
from bot.dialogue.turn import TurnResult
from bot.jsonl import read_line
from bot.replies import Reply
from bot.service import Service, make_service
from bot.settings import Settings
from bot.storable import storable

CHANNEL = "ask"


async def ask_once(settings: Settings, text: str) -> str:
    """What a family would see for one message in a new conversation."""
    service = await _started(settings)
    try:
        result = await _ask(service, _new_conversation(), storable(text))
    finally:
        await service.stop()
    return "\n\n".join(_shown(reply) for reply in result.replies)


async def ask_lines(settings: Settings, lines: Iterable[str], output: TextIO) -> None:
    """Answer messages line by line, in order.

    Args:
        settings: the service's settings.
        lines: plain text, or a JSON object with `text` and perhaps `conversation`.
        output: gets a JSON object for each line.

    Raises:
        InputError: a line begins as a JSON object and is none, or lacks a text.
    """
    service = await _started(settings)
    conversations: dict[str, str] = {}
    try:
        for number, line in enumerate(lines, start=1):
            text, name = read_line(line, number)
            key = conversations.setdefault(name, _new_conversation()) if name else _new_conversation()
            result = await _ask(service, key, text)
            output.write(json.dumps(_as_json(text, result), ensure_ascii=False) + "\n")
            output.flush()
    finally:
        await service.stop()


async def ask_all(settings: Settings, texts: Iterable[str]) -> list[TurnResult]:
    """Ask each message in a conversation of its own."""
    service = await _started(settings)
    try:
        return [await _ask(service, _new_conversation(), text) for text in texts]
    finally:
        await service.stop()


async def _started(settings: Settings) -> Service:
    service = make_service(settings)
    await service.dialogue.loaded()
    return service


def _new_conversation() -> str:
    return f"ask-{uuid.uuid4().hex}"


async def _ask(service: Service, conversation: str, text: str) -> TurnResult:
    inbound = Inbound(channel=CHANNEL, conversation=conversation, message_id=uuid.uuid4().hex, text=text)
    result = await service.turn.handle(inbound, _shown_later)
    await service.journal.delivered([reply.id for reply in result.replies])
    return result


async def _shown_later(_reply: Reply) -> None:
    """Deliver nothing: the replies are printed together."""


def _as_json(text: str, result: TurnResult) -> dict[str, Any]:
    return {
        "text": text,
        "intent": result.intent,
        "confidence": result.confidence,
        "topic": result.topic,
        "tier": result.detection.tier,
        "red_flags": [asdict(flag) for flag in result.detection.red_flags],
        "replies": [
            {
                "kind": reply.kind,
                "text": reply.text,
                "topic": reply.topic,
                "revision": reply.revision,
                "offers": [
                    button.token.partition("/")[0] for button in reply.buttons if button.token not in ("else", "person")
                ],
            }
            for reply in result.replies
        ],
        "ms": round(result.milliseconds, 1),
    }


def _shown(reply: Reply) -> str:
    lines = [reply.text]
    if reply.sources:
        lines.append(f"Source: {reply.sources[0]}")
    lines.extend(f"  > {button.title}" for button in reply.buttons)
    return "\n".join(lines)
