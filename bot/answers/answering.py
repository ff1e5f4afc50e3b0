"""From questions to replies: which approved answer or fixed text each question gets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.answers.content import answer_name
from bot.answers.follow_ups import FollowUps
from bot.answers.published import PublishedAnswer, PublishedAnswers
from bot.answers.questions import (
    AFFIRM,
    BACKGROUND,
    DENY,
    FOLLOW_UP,
    OUT_OF_SCOPE,
    SMALL_TALK,
    TALK_TO_HUMAN,
    UNREADABLE,
    UNSURE,
    Question,
    is_topic,
)
from bot.fixed_texts import FixedTexts
from bot.replies import ANSWER, Button, Reply


@dataclass(frozen=True)
class Context:
    """What a conversation remembers.

    Attributes:
        topic: what the last answer was about.
        variant: the variant of it, such as a grade.
        offered: the names of the answers that the last reply offered.
    """

    topic: str | None = None
    variant: str = ""
    offered: tuple[str, ...] = ()


class Answering:
    """Answers questions with published answers and fixed texts, and with nothing else."""

    def __init__(self, answers: PublishedAnswers, texts: FixedTexts, follow_ups: FollowUps) -> None:
        self._answers = answers
        self._texts = texts
        self._follow_ups = follow_ups

    def reply(self, questions: Sequence[Question], context: Context) -> tuple[list[Reply], Context]:
        """Answer the questions of one message.

        Args:
            questions: in the order asked.
            context: what the conversation remembers.

        Returns:
            a reply for each question, a repeated one once; and what the conversation remembers now.
        """
        replies: list[Reply] = []
        for question in questions:
            reply = self._reply(question, context, one_of_several=len(questions) > 1)
            if reply.topic:
                context = replace(context, topic=reply.topic, variant=reply.variant)
            if all(reply.text != earlier.text for earlier in replies):
                replies.append(reply)
        offered = (
            tuple(button.token for button in replies[-1].buttons if is_answer_name(button.token)) if replies else ()
        )
        return replies, replace(context, offered=offered)

    def reply_beside_red_flag(self, questions: Sequence[Question], context: Context) -> tuple[list[Reply], Context]:
        """Answer what a message asks beside mentioning a red flag; nothing that distracts from it.

        That leaves clear questions on a topic, and the wish for a person.
        """
        clear = [question for question in questions if question.intent == TALK_TO_HUMAN or self._is_clear(question)]
        return self.reply(clear, context)

    @staticmethod
    def _is_clear(question: Question) -> bool:
        return question.asks and is_topic(question.intent)

    def _reply(self, question: Question, context: Context, *, one_of_several: bool) -> Reply:
        intent = question.intent
        if is_topic(intent):
            return self._answer(answer_name(intent, question.variant))
        if intent.startswith(FOLLOW_UP):
            return self._follow_up(question, context, one_of_several=one_of_several)
        if intent == AFFIRM:
            return self._affirmed(context)
        if intent == SMALL_TALK:
            return self._texts.small_talk(question.text)
        if intent == UNSURE:
            return self._unsure(question)
        if intent == OUT_OF_SCOPE:
            return self._texts.reply("out_of_scope", buttons=self._buttons(question.candidates))
        fixed = {
            DENY: "clarify_else",
            BACKGROUND: "clarify_background",
            TALK_TO_HUMAN: "handover",
            UNREADABLE: "unreadable",
        }
        return self._texts.reply(fixed[intent])

    def _answer(self, name: str) -> Reply:
        topic, _, variant = name.partition("/")
        answer = self._answers.get(topic, variant)
        if answer is None:
            return self._texts.reply("no_answer", buttons=(self._texts.button("person"),))
        return self._published(answer)

    def _published(self, answer: PublishedAnswer) -> Reply:
        content = answer.content
        return Reply(
            kind=ANSWER,
            text=content.text,
            revision=answer.revision,
            topic=content.topic,
            variant=content.variant,
            sources=tuple(f"{source.document}: {source.section}" for source in content.sources),
            buttons=self._buttons(content.related),
        )

    def _follow_up(self, question: Question, context: Context, *, one_of_several: bool) -> Reply:
        name = self._follow_ups.resolve(question.intent, context.topic, question.variant)
        if name is None and context.topic is None and one_of_several:
            name = self._follow_ups.alone(question.intent)  # "what are the signs, and who may visit?"
        if name is not None:
            return self._answer(name)
        suggestion = self._follow_ups.suggestion(question.intent, question.variant)
        return self._texts.reply("clarify_follow_up", buttons=self._buttons([suggestion] if suggestion else []))

    def _affirmed(self, context: Context) -> Reply:
        if len(context.offered) == 1:
            return self._answer(context.offered[0])
        if context.offered:
            return self._texts.reply(
                "clarify_close", buttons=(*self._buttons(context.offered), self._texts.button("else"))
            )
        return self._texts.reply("clarify_follow_up")

    def _unsure(self, question: Question) -> Reply:
        buttons = self._buttons(question.candidates)
        if question.close:
            return self._texts.reply("clarify_close", buttons=(*buttons, self._texts.button("else")))
        return self._texts.reply("clarify_low", buttons=(*buttons, self._texts.button("person")))

    def _buttons(self, names: Iterable[str]) -> tuple[Button, ...]:
        found = [(name, self._answers.named(name)) for name in names]
        return tuple(Button(title=answer.content.title, token=name) for name, answer in found if answer is not None)


def is_answer_name(token: str) -> bool:
    """Whether a button's token leads to an answer."""
    return token not in ("else", "person")
