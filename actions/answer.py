"""The action behind every rule: answers what the message asks."""

from functools import cached_property
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from bot.answers.answering import Answering, Context
from bot.answers.questions import RED_FLAG, Question
from bot.answers.setup import make_answering
from bot.replies import Reply
from bot.settings import load_settings


class ActionAnswer(Action):
    """Sends an approved answer or a fixed text for each question of the latest message.

    The service hands its own answering over; under Rasa's action server (`bot rasa run actions`) the action makes one
    from the settings.
    """

    def __init__(self, answering: Answering | None = None) -> None:
        self._given = answering

    @cached_property
    def _answering(self) -> Answering:
        return self._given or make_answering(load_settings())

    def name(self) -> str:
        """The action's name in domain.yml."""
        return "action_answer"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer the latest message, and remember for follow-ups what it was about."""
        message = tracker.latest_message
        questions = [Question.from_dict(question) for question in message.get("questions", [])]
        context = Context(
            topic=tracker.get_slot("topic"),
            variant=tracker.get_slot("grade") or "",
            offered=tuple(tracker.get_slot("offered") or ()),
        )
        if message["intent"]["name"] == RED_FLAG:
            replies, context = self._answering.reply_beside_red_flag(questions, context)
        else:
            replies, context = self._answering.reply(questions, context)
        for reply in replies:
            dispatcher.utter_message(**utterance(reply))
        # All slots at each turn: the tracker forgets its oldest events.
        return [
            SlotSet("topic", context.topic),
            SlotSet("grade", context.variant or None),
            SlotSet("offered", list(context.offered)),
        ]


def utterance(reply: Reply) -> dict[str, Any]:
    """A reply as Rasa sends it; what Rasa does not know travels as further keys."""
    return {
        "text": reply.text,
        "buttons": [{"title": button.title, "payload": button.token} for button in reply.buttons],
        "kind": reply.kind,
        "topic": reply.topic,
        "variant": reply.variant,
        "revision": reply.revision,
        "text_id": reply.text_id,
        "sources": list(reply.sources),
    }
