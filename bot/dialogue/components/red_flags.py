"""The last component: red flags, as Rasa sees them.

The guarded turn has answered a red flag before Rasa is asked; this component keeps Rasa's own view of the conversation
true, so that `rasa shell`, story tests and the tracker show the same.
"""

from dataclasses import asdict
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.answers.questions import RED_FLAG
from bot.redflags.detector import RedFlagDetector, shared_detector

ORIGINAL_INTENT = "original_intent"


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR],
    is_trainable=False,
)
class RedFlagComponent(GraphComponent):
    """Sets the intent `red_flag` on a message that mentions one, and keeps the intent before it."""

    def __init__(self, detector: RedFlagDetector) -> None:
        self._detector = detector

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "RedFlagComponent":
        """Called by Rasa.

        Raises:
            DataFileError: the lexicon is wrong.
        """
        return cls(shared_detector())

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The examples' intents stand as they are labelled."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Look for red flags in each message."""
        for message in messages:
            detection = self._detector.detect(message.get(TEXT) or "")
            if not detection.red_flags:
                continue
            message.set(ORIGINAL_INTENT, dict(message.get(INTENT) or {}), add_to_output=True)
            message.set(INTENT, {"name": RED_FLAG, "confidence": 1.0}, add_to_output=True)
            entities = [
                {
                    "entity": RED_FLAG,
                    "value": flag.symptom,
                    "start": flag.start,
                    "end": flag.end,
                    "extractor": type(self).__name__,
                }
                for flag in detection.red_flags
            ]
            message.set(ENTITIES, [*message.get(ENTITIES, []), *entities], add_to_output=True)
            message.set("red_flags", [asdict(flag) for flag in detection.red_flags], add_to_output=True)
        return messages
