"""The intent classifier: the linear topic model as a Rasa graph component."""

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.dialogue.topic_model import TopicModel, TopicModelError, Vectors

RANKING = "intent_ranking"
KNOWN_WORDS = "known_words"  # a property of each message: the share of its words that any example has


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class TopicClassifier(GraphComponent):
    """Ranks the intents for each message; see `TopicModel.rank` for what confidence means."""

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: TopicModel | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """See config.yml for what they mean."""
        return {"regularisation": 0.3, "embedding_weight": 1.5, "sharpness": 3.0, "ranking_length": 8}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "TopicClassifier":
        """Called by Rasa before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "TopicClassifier":
        """Called by Rasa for a trained model.

        Raises:
            TopicModelError: the trained weights are missing or damaged.
        """
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, TopicModel.load(folder))
        except ValueError as error:  # Rasa's way to say that the resource is not there
            raise TopicModelError("the model archive holds no topic model: run `bot train`") from error

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the model on the intent examples and store it."""
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        self._model = TopicModel.train(
            [example.get(TEXT) for example in examples],
            _embeddings(examples),
            [example.get(INTENT) for example in examples],
            regularisation=self._config["regularisation"],
            embedding_weight=self._config["embedding_weight"],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing behind this component learns from its output."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `intent` and `intent_ranking` on every message."""
        if self._model is None:
            raise TopicModelError("the topic classifier is not trained: run `bot train`")
        with_text = [message for message in messages if message.get(TEXT)]
        if not with_text:
            return messages
        texts = [message.get(TEXT) for message in with_text]
        rankings = self._model.rank(
            texts,
            _embeddings(with_text),
            sharpness=self._config["sharpness"],
            length=self._config["ranking_length"],
        )
        for message, text, ranking in zip(with_text, texts, rankings, strict=True):
            entries = [{"name": intent, "confidence": confidence} for intent, confidence in ranking]
            message.set(INTENT, entries[0], add_to_output=True)
            message.set(RANKING, entries, add_to_output=True)
            message.set(KNOWN_WORDS, self._model.known_words(text))
        return messages


def _embeddings(messages: list[Message]) -> Vectors:
    rows = [message.get_dense_features(TEXT)[1].features[0] for message in messages]
    return np.stack(rows)
