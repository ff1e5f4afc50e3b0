"""bot.dialogue.components: each component of config.yml by itself, as Rasa's engine makes and calls it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.dialogue.components.question_resolver import QUESTIONS, QuestionResolver
from bot.dialogue.components.question_splitter import ASKS, QuestionSplitter
from bot.dialogue.components.red_flags import ORIGINAL_INTENT, RedFlagComponent
from bot.dialogue.components.sentence_featurizer import SentenceFeaturizer
from bot.dialogue.components.topic_classifier import KNOWN_WORDS, RANKING, TopicClassifier
from bot.dialogue.topic_model import TERMS_FILE, WEIGHTS_FILE, TopicModelError
from bot.embeddings import shared_encoder
from bot.redflags.detector import SEMANTIC

RESOURCE = Resource("topic_model")
CONTEXT = ExecutionContext(GraphSchema({}), node_name="node")
EXAMPLES = {
    "what_is_crs": ["what is crs", "what is crs please", "explain what crs is", "tell me what crs is"],
    "cost_and_stay": ["what does it cost", "how much does the stay cost", "cost of the stay", "the stay and its cost"],
    "steroids_role": ["why steroids", "when are steroids given", "steroids are given when", "why are steroids used"],
}


@pytest.fixture
def storage(tmp_path: Path) -> LocalModelStorage:
    return LocalModelStorage(tmp_path)


def made(component: type[GraphComponent], storage: LocalModelStorage) -> Any:
    """A component as Rasa makes it for training."""
    return component.create(component.get_default_config(), storage, RESOURCE, CONTEXT)


def loaded(storage: LocalModelStorage, **config: Any) -> TopicClassifier:
    """The topic classifier as Rasa loads it from a model."""
    return TopicClassifier.load({**TopicClassifier.get_default_config(), **config}, storage, RESOURCE, CONTEXT)


def train(storage: LocalModelStorage) -> TopicClassifier:
    """Train a small topic model and store it."""
    examples = [Message({TEXT: text, INTENT: intent}) for intent, texts in EXAMPLES.items() for text in texts]
    data = made(SentenceFeaturizer, storage).process_training_data(TrainingData(examples))
    classifier: TopicClassifier = made(TopicClassifier, storage)
    assert classifier.train(data) == RESOURCE
    return classifier


@pytest.fixture
def trained(storage: LocalModelStorage) -> LocalModelStorage:
    """A storage that holds a small topic model."""
    train(storage)
    return storage


def featurized(storage: LocalModelStorage, *texts: str) -> list[Message]:
    messages: list[Message] = made(SentenceFeaturizer, storage).process([Message({TEXT: text}) for text in texts])
    return messages


# the splitter


@pytest.mark.parametrize(
    ("text", "asks", "parts"),
    [
        ("What is CRS?", True, []),
        ("my dad is on the ward", False, []),
        ("", False, []),
        (
            "What is CRS? How long does it last?",
            True,
            [("What is CRS?", True), ("How long does it last?", True)],
        ),
        (
            "My dad is on the ward. What does it cost?",
            True,
            [("My dad is on the ward.", False), ("What does it cost?", True)],
        ),
    ],
)
def test_splitter(storage: LocalModelStorage, text: str, asks: bool, parts: list[tuple[str, bool]]) -> None:
    message = Message({TEXT: text})

    whole, *others = made(QuestionSplitter, storage).process([message])

    assert whole is message
    assert (whole.get(TEXT), whole.get(ASKS)) == (text, asks)
    assert [(part.get(TEXT), part.get(ASKS)) for part in others] == parts


def test_splitter_reads_a_message_without_text(storage: LocalModelStorage) -> None:
    (message,) = made(QuestionSplitter, storage).process([Message({})])
    assert message.get(ASKS) is False


# the featurizer


def test_featurizer_adds_the_embedding_of_each_text(storage: LocalModelStorage) -> None:
    texts = ["What is CRS?", "How long does it last?"]

    messages = featurized(storage, *texts)

    for message, vector in zip(messages, shared_encoder().encode(texts), strict=True):
        (features,) = message.features
        assert features.features.shape == (1, 384)
        assert (features.type, features.attribute, features.origin) == ("sentence", TEXT, "node")
        assert np.array_equal(features.features[0], vector)


def test_featurizer_leaves_messages_without_text_alone(storage: LocalModelStorage) -> None:
    messages = made(SentenceFeaturizer, storage).process([Message({TEXT: ""}), Message({TEXT: "CRS?"}), Message({})])
    assert [len(message.features) for message in messages] == [0, 1, 0]


# the topic classifier


@pytest.mark.parametrize(
    ("text", "intent"), [("explain crs", "what_is_crs"), ("how much is the cost of a stay", "cost_and_stay")]
)
def test_classifier_ranks_the_intents(trained: LocalModelStorage, text: str, intent: str) -> None:
    (message,) = loaded(trained).process(featurized(trained, text))

    ranking = message.get(RANKING)
    assert message.get(INTENT) == ranking[0]
    assert ranking[0]["name"] == intent
    assert {entry["name"] for entry in ranking} == set(EXAMPLES)
    assert ranking[0]["confidence"] > ranking[1]["confidence"] > 0
    assert sum(entry["confidence"] for entry in ranking) == pytest.approx(1)
    assert message.as_dict(only_output_properties=True).keys() == {TEXT, INTENT, RANKING}


def test_classifier_ranks_as_it_did_when_it_was_trained(storage: LocalModelStorage) -> None:
    texts = ["what does crs cost", "the stay"]

    before = train(storage).process(featurized(storage, *texts))
    after = loaded(storage).process(featurized(storage, *texts))

    for one, other in zip(before, after, strict=True):
        assert one.get(INTENT)["name"] == other.get(INTENT)["name"]
        assert one.get(INTENT)["confidence"] == pytest.approx(other.get(INTENT)["confidence"])


def test_classifier_ranks_no_more_than_asked_for(trained: LocalModelStorage) -> None:
    (message,) = loaded(trained, ranking_length=1).process(featurized(trained, "explain crs"))
    assert [entry["name"] for entry in message.get(RANKING)] == ["what_is_crs"]


def test_classifier_tells_known_words_from_others(trained: LocalModelStorage) -> None:
    messages = loaded(trained).process(featurized(trained, "what is crs", "what is xyzzy plugh"))
    assert [message.get(KNOWN_WORDS) for message in messages] == [1.0, 0.5]


def test_classifier_leaves_messages_without_text_alone(trained: LocalModelStorage) -> None:
    (message,) = loaded(trained).process([Message({TEXT: ""})])
    assert message.get(INTENT) is None


def test_classifier_refuses_to_work_untrained(storage: LocalModelStorage) -> None:
    with pytest.raises(TopicModelError, match="not trained: run `bot train`"):
        made(TopicClassifier, storage).process(featurized(storage, "What is CRS?"))


def test_classifier_says_that_its_weights_are_missing(storage: LocalModelStorage) -> None:
    with pytest.raises(TopicModelError, match="holds no topic model: run `bot train`"):
        loaded(storage)


@pytest.mark.parametrize("file", [WEIGHTS_FILE, TERMS_FILE])
@pytest.mark.parametrize("content", [None, b"", b"no model", b'{"intents": 3}'])
def test_classifier_says_that_its_weights_are_damaged(
    trained: LocalModelStorage, file: str, content: bytes | None
) -> None:
    with trained.read_from(RESOURCE) as folder:
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(content)

    with pytest.raises(TopicModelError, match=r"cannot be read .*: run `bot train`"):
        loaded(trained)


# the resolver


def ranked(text: str, *, known: float = 1.0, **ranking: float) -> Message:
    """A message as splitter and classifier leave it."""
    entries = [{"name": name, "confidence": confidence} for name, confidence in ranking.items()]
    return Message({TEXT: text, ASKS: text.endswith("?"), RANKING: entries, KNOWN_WORDS: known})


def test_resolver_folds_the_parts_into_one_message(storage: LocalModelStorage) -> None:
    whole = ranked("What is CRS? What does it cost?", what_is_crs=0.5, cost_and_stay=0.45)
    parts = [
        ranked("What is CRS?", what_is_crs=0.9, cost_and_stay=0.05),
        ranked("What does it cost?", cost_and_stay=0.8, what_is_crs=0.05),
    ]

    (message,) = made(QuestionResolver, storage).process([whole, *parts])

    assert message is whole
    questions = message.get(QUESTIONS)
    assert [(question["text"], question["intent"]) for question in questions] == [
        ("What is CRS?", "what_is_crs"),
        ("What does it cost?", "cost_and_stay"),
    ]
    assert message.get(INTENT) == {"name": "what_is_crs", "confidence": questions[0]["confidence"]}
    assert {INTENT, QUESTIONS} <= message.as_dict(only_output_properties=True).keys()


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        (ranked("What is CRS?", what_is_crs=0.9, cost_and_stay=0.05), "what_is_crs"),
        (ranked("What is CRS?", what_is_crs=0.1, cost_and_stay=0.09), "nlu_fallback"),
        (ranked("¿Qué es el CRS?", known=0.2, what_is_crs=0.9, cost_and_stay=0.05), "unreadable"),
    ],
)
def test_resolver_decides_what_counts_as_understood(storage: LocalModelStorage, message: Message, intent: str) -> None:
    made(QuestionResolver, storage).process([message])
    assert message.get(INTENT)["name"] == intent


def test_resolver_leaves_a_message_without_text_alone(storage: LocalModelStorage) -> None:
    (message,) = made(QuestionResolver, storage).process([Message({TEXT: ""})])
    assert message.get(QUESTIONS) is None


# red flags


@pytest.fixture(scope="module")
def red_flags(tmp_path_factory: pytest.TempPathFactory) -> RedFlagComponent:
    component: RedFlagComponent = made(RedFlagComponent, LocalModelStorage(tmp_path_factory.mktemp("model")))
    return component


def test_a_red_flag_becomes_the_intent_and_the_one_before_is_kept(red_flags: RedFlagComponent) -> None:
    text = "How long does it last? My brother is shivering."
    before = {"name": "follow_up_duration", "confidence": 0.75}
    entity = {"entity": "other", "value": "brother", "start": 26, "end": 33}
    message = Message({TEXT: text, INTENT: before, ENTITIES: [entity]})

    (message,) = red_flags.process([message])

    output = message.as_dict(only_output_properties=True)
    assert output[INTENT] == {"name": "red_flag", "confidence": 1.0}
    assert output[ORIGINAL_INTENT] == before
    first, *found = output[ENTITIES]
    assert first == entity
    assert {entity["entity"] for entity in found} == {"red_flag"}
    assert "shivering" in [text[entity["start"] : entity["end"]] for entity in found]
    assert [flag["symptom"] for flag in output["red_flags"]] == [entity["value"] for entity in found]


def test_a_red_flag_is_one_without_an_intent_before_it(red_flags: RedFlagComponent) -> None:
    (message,) = red_flags.process([Message({TEXT: "He is having a seizure"})])
    assert message.get(INTENT)["name"] == "red_flag"
    assert message.get(ORIGINAL_INTENT) == {}


@pytest.mark.parametrize("values", [{TEXT: "What is CRS?"}, {TEXT: ""}, {}])
def test_a_message_without_a_red_flag_stays_as_it_is(red_flags: RedFlagComponent, values: dict[str, Any]) -> None:
    intent = {"name": "what_is_crs", "confidence": 0.75}
    message = Message({**values, INTENT: intent})

    red_flags.process([message])

    assert message.data == {**values, INTENT: intent}


@pytest.mark.usefixtures("model")  # the second detector's weights are trained with it
def test_a_red_flag_that_only_the_second_detector_knows_is_one(red_flags: RedFlagComponent) -> None:
    (message,) = red_flags.process([Message({TEXT: "his engine is running at double time in there"})])
    assert message.get(INTENT)["name"] == "red_flag"
    assert {flag["detector"] for flag in message.get("red_flags")} == {SEMANTIC}


def test_red_flags_of_every_message_are_found(red_flags: RedFlagComponent) -> None:
    messages = [Message({TEXT: text}) for text in ("What is CRS?", "He is shivering", "She cannot breathe")]
    red_flags.process(messages)
    assert [message.get(INTENT) is not None for message in messages] == [False, True, True]


def test_training_examples_keep_their_intents(storage: LocalModelStorage, red_flags: RedFlagComponent) -> None:
    example = Message({TEXT: "is shivering a sign of CRS", INTENT: "crs_symptoms"})
    data = TrainingData([example])
    others = [made(component, storage) for component in (QuestionSplitter, QuestionResolver, TopicClassifier)]
    for component in (red_flags, *others):
        assert component.process_training_data(data) is data
    assert example.data == {TEXT: "is shivering a sign of CRS", INTENT: "crs_symptoms"}
