"""Folds what was understood of a message's parts into `questions` on the one message."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.answers.follow_ups import FollowUps
from bot.dialogue.components.question_splitter import ASKS
from bot.dialogue.components.topic_classifier import KNOWN_WORDS, RANKING
from bot.dialogue.understanding import Limits, Ranked, read_questions

QUESTIONS = "questions"


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=False)
class QuestionResolver(GraphComponent):
    """Decides what is asked, and leaves one message whose intent is that of its first question."""

    def __init__(self, limits: Limits, follow_ups: FollowUps) -> None:
        self._limits = limits
        self._follow_ups = follow_ups

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """See config.yml for what they mean and how they were set."""
        return {
            "sure": 0.25,
            "lead": 0.12,
            "sure_in_part": 0.3,
            "lead_in_part": 0.15,
            "agreement": 0.3,
            "close": 0.4,
            "questions": 3,
            "known_words": 0.55,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "QuestionResolver":
        """Called by Rasa.

        Raises:
            DataFileError: data/follow_ups.yml is wrong.
        """
        return cls(Limits(**{name: config[name] for name in cls.get_default_config()}), FollowUps())

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing behind this component learns from its output."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Fold the list into its first message."""
        whole, *parts = messages
        if not whole.get(TEXT):
            return [whole]
        questions = read_questions(_ranked(whole), [_ranked(part) for part in parts], self._limits, self._follow_ups)
        whole.set(QUESTIONS, [question.as_dict() for question in questions], add_to_output=True)
        first = questions[0]
        whole.set(INTENT, {"name": first.intent, "confidence": first.confidence}, add_to_output=True)
        return [whole]


def _ranked(message: Message) -> Ranked:
    ranking = tuple((entry["name"], entry["confidence"]) for entry in message.get(RANKING))
    return Ranked(message.get(TEXT), bool(message.get(ASKS)), ranking, message.get(KNOWN_WORDS))
