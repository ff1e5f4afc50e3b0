"""What families write and get back in a generated log: texts of the project's own examples, answers and fixed texts."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.answers.content import AnswerContent, read_answers_file
from bot.answers.setup import ANSWERS_FILE
from bot.dialogue.nlu_examples import read_nlu_examples
from bot.fixed_texts import FixedTexts
from bot.redflags.examples import WITHOUT, read_examples
from bot.redflags.tiers import T1, T2
from bot.replies import ANSWER, Button, Reply
from bot.settings import Settings

SMALL_TALK, TO_A_PERSON, OUT_OF_SCOPE, RED_FLAG = "small_talk", "talk_to_human", "out_of_scope", "red_flag"
URGENT_SHARE, ANSWERED_TOO_SHARE, LENGTHENED_SHARE = 0.6, 0.4, 0.5
# What a message is like, and how many of a thousand are.
KINDS = {
    "answered": 660,
    SMALL_TALK: 100,
    "unsure": 80,
    RED_FLAG: 60,
    OUT_OF_SCOPE: 55,
    TO_A_PERSON: 30,
    "translated": 10,
    "apology": 3,
    "unanswered": 2,
}
# Ends that make messages differ, as those of families do.
_ENDS = (
    *("My {relative} is on day {n}.", "We are in room {n}.", "He is {n} years old.", "It began {n} hours ago."),
    *("Temperature was 38.{digit} this morning.", "The nurse said {n} mg.", "We fly home in {n} days."),
    *("My {relative} asks too.", "Please call +86 138 {four} {four}.", "Write to family{n}@mail.example please."),
    *("I am the {relative}.", "Bed {n}, ward {digit}.", "CRS grade {grade} they said.", "Thank you, family {n}"),
)
_RELATIVES = ("mother", "father", "wife", "husband", "son", "daughter", "sister", "brother", "aunt", "grandfather")
_IN_OTHER_LANGUAGES = (
    *("爸爸发烧了怎么办？", "细胞因子释放综合征会持续多久？", "托珠单抗有副作用吗？", "我们可以去病房看他吗？"),
    *("お父さんのCRSはいつ始まりますか", "¿Cuánto dura el síndrome de liberación de citocinas?"),
    *("क्या बुखार हमेशा CRS होता है?", "Quand pouvons-nous rentrer à la maison ?"),
)


@dataclass(frozen=True)
class Exchange:
    """A message of a family and what came of it."""

    text: str
    intent: str | None
    confidence: float | None
    replies: tuple[Reply, ...]
    topic: str | None = None
    tier: str | None = None
    symptoms: tuple[str, ...] = field(default=())


class Families:
    """Makes exchanges, the same ones for the same random numbers."""

    def __init__(self, settings: Settings, numbers: random.Random) -> None:
        """Read the texts.

        Args:
            settings: fill the contact lines of the fixed texts.
            numbers: what chance decides.
        """
        self._numbers = numbers
        self._fixed = FixedTexts(settings)
        self._answers: dict[str, list[AnswerContent]] = defaultdict(list)
        for answer in read_answers_file(ANSWERS_FILE):
            self._answers[answer.topic].append(answer)
        self._messages: dict[str, list[str]] = defaultdict(list)
        for example in read_nlu_examples():
            self._messages[example.intent].append(example.text)
        self._red_flags = [example for example in read_examples() if example.symptom != WITHOUT]
        self.topics = [topic for topic in self._answers if topic in self._messages]
        # Some topics are asked about far more often than others.
        self._weights = [1 / (place + 2) for place in range(len(self.topics))]

    def exchange(self, *, first: bool) -> Exchange:
        """One message and its replies.

        Args:
            first: it is the first message of its conversation, which gets the notice.
        """
        (kind,) = self._numbers.choices(list(KINDS), list(KINDS.values()))
        notice = (self._fixed.reply("notice"),) if first else ()
        if kind == RED_FLAG:
            return self._red_flag(notice)
        if kind in (SMALL_TALK, TO_A_PERSON, OUT_OF_SCOPE):
            names = {SMALL_TALK: "small_talk", TO_A_PERSON: "handover", OUT_OF_SCOPE: "out_of_scope"}
            return self._fixed_reply(self._text(kind), kind, names[kind], notice)
        if kind == "translated":
            return self._fixed_reply(self._choice(_IN_OTHER_LANGUAGES), None, "out_of_scope", notice)
        topic = self._topic()
        text = self._text(topic)
        if kind == "unanswered":
            return Exchange(text, None, None, ())
        if kind == "apology":
            return self._fixed_reply(text, None, "apology", notice)
        if kind == "unsure":
            offers = tuple(self._button(self._topic()) for _ in range(3))
            reply = self._fixed.reply("clarify_close", buttons=(*offers, self._fixed.button("else")))
            return Exchange(text, topic, self._number(0.2, 0.5), (*notice, reply))
        return Exchange(text, topic, self._number(0.5, 1), (*notice, self._answer(topic)), topic)

    def _red_flag(self, notice: tuple[Reply, ...]) -> Exchange:
        example = self._choice(self._red_flags)
        tier = T1 if self._numbers.random() < URGENT_SHARE else T2
        replies = (self._fixed.reply("crisis" if example.symptom == "self_harm" else "emergency"), *notice)
        topic = self._topic() if self._numbers.random() < ANSWERED_TOO_SHARE else None
        if topic:
            replies += (self._answer(topic),)
        return Exchange(example.text, RED_FLAG, 1.0, replies, topic, tier, (example.symptom,))

    def _fixed_reply(self, text: str, intent: str | None, name: str, notice: tuple[Reply, ...]) -> Exchange:
        confidence = self._number(0.4, 1) if intent else None
        return Exchange(text, intent, confidence, (*notice, self._fixed.reply(name)))

    def _answer(self, topic: str) -> Reply:
        content = self._choice(self._answers[topic])
        sources = tuple(f"{source.document}: {source.section}" for source in content.sources)
        buttons = tuple(self._button(related) for related in content.related)
        return Reply(ANSWER, content.text, 1, topic, content.variant, sources=sources, buttons=buttons)

    def _button(self, name: str) -> Button:
        topic, _, variant = name.partition("/")
        found = next((answer for answer in self._answers[topic] if answer.variant == variant), self._answers[topic][0])
        return Button(found.title, name)

    def _text(self, intent: str) -> str:
        text = self._choice(self._messages[intent])
        if self._numbers.random() >= LENGTHENED_SHARE:
            return text
        return f"{text} {self._end()}"

    def _end(self) -> str:
        return self._choice(_ENDS).format(
            relative=self._choice(_RELATIVES),
            n=self._numbers.randrange(2, 90),
            digit=self._numbers.randrange(10),
            grade=self._numbers.randrange(1, 5),
            four=self._numbers.randrange(1000, 10000),
        )

    def _topic(self) -> str:
        return self._numbers.choices(self.topics, self._weights)[0]

    def _number(self, least: float, most: float) -> float:
        return round(self._numbers.uniform(least, most), 3)

    def _choice(self, among: Sequence[Any]) -> Any:
        return among[int(self._numbers.random() * len(among))]
