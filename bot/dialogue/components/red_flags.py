"""The last component: red flags, as Rasa sees them.

The guarded turn has answered a red flag before Rasa is asked; this component keeps Rasa's own view of the conversation
true, so that `rasa shell`, story tests and the tracker show the same. It looks with both detectors, so that a red flag
is answered, too, which the second one saw too late for the gate.
"""

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.answers.questions import RED_FLAG
from bot.redflags.both import BothDetectors
from bot.redflags.detector import shared_detector
from bot.settings import load_settings

ORIGINAL_INTENT = "original_intent"


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR],
    is_trainable=False,
)
class RedFlagComponent(GraphComponent):
    """Sets the intent `red_flag` on a message that mentions one, and keeps the intent before it."""

    def __init__(self, models: Path) -> None:
        self._models = models

    @cached_property
    def _detectors(self) -> BothDetectors:
        """Made for the first message: while a model is trained, the second detector is not there yet."""
        return BothDetectors(self._models)

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
        shared_detector()  # a wrong lexicon is told when the model is loaded, not when a message comes
        return cls(load_settings().models_dir)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The examples' intents stand as they are labelled."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Look for red flags in each message."""
        for message in messages:
            detection = self._detectors.detect(message.get(TEXT) or "")
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
