"""Rasa as a library: one trained model, asked for one turn at a time."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.exceptions import ModelNotFound
from rasa.shared.core.domain import Domain

from bot.answers.answering import Answering
from bot.dialogue.components.red_flags import RedFlagComponent
from bot.dialogue.local_actions import LocalActions
from bot.dialogue.trackers import RecentTrackers
from bot.errors import UserError
from bot.one_thread import limit_numerical_threads

EMERGENCY_RESPONSE = "utter_emergency_contact"


class ModelError(UserError):
    """The trained model is missing or cannot be loaded."""


@dataclass
class Spoken:
    """What Rasa made of a message: what it understood, and what it would say."""

    parse_data: dict[str, Any]
    utterances: list[dict[str, Any]] = field(default_factory=list)
    topic: str | None = None


class _Collector(OutputChannel):
    """Takes what Rasa says; its own copy of the emergency reply is dropped, the turn has sent it before."""

    def __init__(self) -> None:
        self.utterances: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        return "turn"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        if message.get("utter_action") != EMERGENCY_RESPONSE:
            self.utterances.append(message)


class RasaDialogue:
    """The trained model with its actions. Not safe to use from several threads: one worker thread owns it."""

    def __init__(self, model: Path, answering: Answering) -> None:
        """Load the model.

        Raises:
            ModelError: the model is missing or cannot be loaded; says why.
        """
        self._trackers = RecentTrackers(Domain.empty())
        try:
            agent = Agent.load(model, tracker_store=self._trackers, action_endpoint=LocalActions(answering))
        except ModelNotFound as error:
            raise ModelError(f"{model} is no trained model: run `bot train`") from error
        except Exception as error:  # a damaged archive or component; any kind, each with its own text
            raise ModelError(f"{model} cannot be loaded: {_reason(error)}") from error
        if agent.processor is None or agent.domain is None:
            raise ModelError(f"{model} is no trained model: run `bot train`")
        self._processor = agent.processor
        self._trackers.domain = agent.domain
        nodes = agent.processor.model_metadata.predict_schema.nodes
        last = next((name for name, node in nodes.items() if node.uses is RedFlagComponent), None)
        if last is None:
            raise ModelError(f"{model} was not trained with this project's config.yml: run `bot train`")
        self._last_component = last
        limit_numerical_threads()

    def parse(self, text: str) -> dict[str, Any]:
        """Understand a text.

        Rasa's own last step, which turns a text such as `/restart` into an intent, is left out: text is text.
        """
        results = self._processor.graph_runner.run(
            inputs={PLACEHOLDER_MESSAGE: [UserMessage(text)], PLACEHOLDER_TRACKER: None},
            targets=[self._last_component],
        )
        parsed = results[self._last_component][0].as_dict(only_output_properties=True)
        return {"text": text, "intent": {"name": None, "confidence": 0.0}, "entities": [], **parsed}

    def forget(self, conversation: str) -> None:
        """Drop what Rasa remembers of a conversation."""
        self._trackers.forget(conversation)

    async def turn(self, conversation: str, text: str, *, parse_data: dict[str, Any], topic: str | None) -> Spoken:
        """Let Rasa take one turn.

        Args:
            conversation: the conversation's key.
            text: the message.
            parse_data: what the message means, from `parse` or from a pressed button.
            topic: what the log says was answered last; used where Rasa does not remember the conversation.
        """
        if not self._trackers.holds(conversation):
            await self._trackers.begin(conversation, topic)
        channel = _Collector()
        message = UserMessage(
            text, output_channel=channel, sender_id=conversation, input_channel="turn", parse_data=parse_data
        )
        try:
            await self._processor.handle_message(message)
            tracker = await self._trackers.retrieve(conversation)
        except BaseException:
            self._trackers.forget(conversation)  # half a turn would confuse the next
            raise
        return Spoken(parse_data, channel.utterances, tracker.get_slot("topic") if tracker else None)


def _reason(error: BaseException) -> str:
    """What is wrong with a model and what to do about it: Rasa's own text says only which component failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return f"{error}: run `bot train`"
