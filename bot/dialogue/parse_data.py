"""Rasa's parse data: what the turn puts into it, and what it reads out of it and of what the actions say."""

from typing import Any

from bot.answers.questions import RED_FLAG, TALK_TO_HUMAN, Question
from bot.conversations.records import Inbound, Mention
from bot.dialogue.agent import Spoken
from bot.redflags.detector import Detection
from bot.replies import Button, Reply


def mentions_of(text: str, detection: Detection) -> tuple[Mention, ...]:
    """What was found, with its places in the message as written: Rasa and the second detector read it cleaned."""
    mentions = []
    for flag in detection.red_flags:
        start = flag.start if text[flag.start : flag.end] == flag.text else text.find(flag.text)
        place = (start, start + len(flag.text)) if flag.text and start >= 0 else (None, None)
        mentions.append(Mention(flag.symptom, flag.detector, *place))
    return tuple(mentions)


def pressed(inbound: Inbound) -> dict[str, Any]:
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


def as_red_flag(parse_data: dict[str, Any]) -> dict[str, Any]:
    """Parse data that takes the rule for red flags, so that nothing follows which distracts from the fixed reply."""
    if parse_data["intent"]["name"] == RED_FLAG:
        return parse_data
    return {**parse_data, "original_intent": parse_data["intent"], "intent": {"name": RED_FLAG, "confidence": 1.0}}


def intent_of(spoken: Spoken | None) -> tuple[str | None, float | None]:
    """What a message was taken for beside a red flag, and how surely; nothing where Rasa was not asked."""
    if spoken is None:
        return None, None
    intent = spoken.parse_data["intent"]
    if intent["name"] == RED_FLAG:
        intent = spoken.parse_data.get("original_intent") or intent
    return intent.get("name"), intent.get("confidence")


def reply_of(utterance: dict[str, Any]) -> Reply:
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
