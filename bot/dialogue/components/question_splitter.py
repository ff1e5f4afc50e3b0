"""The first component: puts the parts of a message behind it, so that all are understood in one pass."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.dialogue.questions import QuestionReader

ASKS = "asks"  # a property of each message in the list: whether it has the form of a question


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER], is_trainable=False)
class QuestionSplitter(GraphComponent):
    """Turns one message into a list: the whole of it, then its parts where it has more than one."""

    def __init__(self) -> None:
        self._reader = QuestionReader()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "QuestionSplitter":
        """Called by Rasa."""
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Training examples are one question each."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Put the parts of the one message behind it."""
        whole = messages[0]
        text = whole.get(TEXT) or ""
        pieces = self._reader.pieces(text)
        whole.set(ASKS, any(piece.asks for piece in pieces))
        if len(pieces) < 2:
            return [whole]
        return [whole, *(Message({TEXT: piece.text, ASKS: piece.asks}) for piece in pieces)]
