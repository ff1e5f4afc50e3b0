"""Sentence embeddings as a Rasa featurizer."""

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.embeddings import SentenceEncoder, shared_encoder


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER], is_trainable=False)
class SentenceFeaturizer(GraphComponent):
    """Adds to each message the embedding of its text, a dense sentence feature of 384 numbers."""

    def __init__(self, encoder: SentenceEncoder, name: str) -> None:
        self._encoder = encoder
        self._name = name

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SentenceFeaturizer":
        """Called by Rasa.

        Raises:
            EncoderError: the weights are missing or not the published ones.
        """
        return cls(shared_encoder(), execution_context.node_name)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Embed every example."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Embed all messages in one pass."""
        with_text = [message for message in messages if message.get(TEXT)]
        vectors = self._encoder.encode([message.get(TEXT) for message in with_text])
        for message, vector in zip(with_text, vectors, strict=True):
            message.add_features(Features(np.asarray(vector)[np.newaxis, :], FEATURE_TYPE_SENTENCE, TEXT, self._name))
        return messages
