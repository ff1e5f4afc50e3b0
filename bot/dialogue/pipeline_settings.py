"""What config.yml says of our own components, for those who run them outside Rasa."""

from typing import Any

from rasa.shared.utils.io import read_yaml_file

from bot.dialogue.components.question_resolver import QuestionResolver
from bot.dialogue.components.topic_classifier import TopicClassifier
from bot.dialogue.understanding import Limits
from bot.paths import ROOT


def classifier_settings() -> dict[str, Any]:
    """The topic classifier's settings."""
    return _settings(TopicClassifier)


def limits() -> Limits:
    """When an intent counts as understood."""
    return Limits(**_settings(QuestionResolver))


def _settings(component: type[TopicClassifier] | type[QuestionResolver]) -> dict[str, Any]:
    pipeline = read_yaml_file(ROOT / "config.yml")["pipeline"]
    entry = next(entry for entry in pipeline if entry["name"].endswith(f".{component.__name__}"))
    return {**component.get_default_config(), **{key: value for key, value in entry.items() if key != "name"}}
