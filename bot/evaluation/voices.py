"""Leaving each voice of data/nlu.yml out of training in turn: how a stranger would be understood."""

from collections.abc import Iterator

import numpy as np
from joblib import Parallel, delayed

from bot.answers.follow_ups import FollowUps
from bot.answers.questions import OUT_OF_SCOPE, SMALL_TALK, TALK_TO_HUMAN, Question, is_topic
from bot.dialogue.nlu_examples import NluExample, read_nlu_examples
from bot.dialogue.pipeline_settings import classifier_settings, limits
from bot.dialogue.questions import Piece, QuestionReader
from bot.dialogue.topic_model import TopicModel, Vectors
from bot.dialogue.understanding import Ranked, read_questions
from bot.embeddings import shared_encoder
from bot.evaluation.scores import Given, Scores, score


def leave_voices_out() -> Iterator[tuple[str, Scores]]:
    """Train without each voice in turn and score its own messages.

    Yields:
        the voice and its scores, in the order of their names.
    """
    examples = read_nlu_examples()
    embeddings = shared_encoder().encode([example.text for example in examples])
    reader = QuestionReader()
    pieces = [reader.pieces(example.text) for example in examples]
    parts = sorted({piece.text for several in pieces if len(several) > 1 for piece in several})
    part_embeddings = dict(zip(parts, shared_encoder().encode(parts), strict=True))
    voices = sorted({example.voice for example in examples})
    scored = Parallel(n_jobs=2)(
        delayed(_without)(voice, examples, embeddings, pieces, part_embeddings) for voice in voices
    )
    yield from zip(voices, scored, strict=True)


def _without(
    voice: str,
    examples: list[NluExample],
    embeddings: Vectors,
    pieces: list[list[Piece]],
    part_embeddings: dict[str, Vectors],
) -> Scores:
    settings = classifier_settings()
    kept = [index for index, example in enumerate(examples) if example.voice != voice]
    model = TopicModel.train(
        [examples[index].text for index in kept],
        embeddings[kept],
        [examples[index].intent for index in kept],
        regularisation=settings["regularisation"],
        embedding_weight=settings["embedding_weight"],
    )
    ranked = {"sharpness": settings["sharpness"], "length": settings["ranking_length"]}
    given = []
    for index, example in enumerate(examples):
        scored = is_topic(example.intent) or example.intent in (OUT_OF_SCOPE, SMALL_TALK, TALK_TO_HUMAN)
        if example.voice != voice or not scored:
            continue
        own = pieces[index] if len(pieces[index]) > 1 else []
        texts = [example.text, *(piece.text for piece in own)]
        vectors = np.stack([embeddings[index], *(part_embeddings[piece.text] for piece in own)])
        asks = [any(piece.asks for piece in pieces[index]), *(piece.asks for piece in own)]
        rankings = model.rank(texts, vectors, **ranked)
        whole, *parts = (
            Ranked(text, asking, tuple(ranking), model.known_words(text))
            for text, asking, ranking in zip(texts, asks, rankings, strict=True)
        )
        given.append(_given(example, read_questions(whole, parts, limits(), FollowUps())))
    return score(given)


def _given(example: NluExample, questions: list[Question]) -> Given:
    understood = {question.intent for question in questions}
    return Given(
        text=example.text,
        expected=example.intent,
        answered=frozenset(
            intent for intent in understood if is_topic(intent) or intent in (SMALL_TALK, TALK_TO_HUMAN)
        ),
        offered=frozenset(candidate for question in questions for candidate in question.candidates),
        refused=OUT_OF_SCOPE in understood,
    )
