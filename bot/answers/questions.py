"""What a family asks, as the understanding hands it to the answering."""

from dataclasses import dataclass
from typing import Any

UNSURE, UNREADABLE, OUT_OF_SCOPE, RED_FLAG = "nlu_fallback", "unreadable", "out_of_scope", "red_flag"
BACKGROUND, SMALL_TALK, TALK_TO_HUMAN = "background", "small_talk", "talk_to_human"
AFFIRM, DENY, FOLLOW_UP = "affirm", "deny", "follow_up_"
GRADE_FOLLOW_UP = "follow_up_grade"


@dataclass(frozen=True)
class Question:
    """One question of a message.

    Attributes:
        intent: a topic, a follow-up, small talk …; `nlu_fallback` where it is not sure.
        asks: it has the form of a question.
        variant: the variant of the topic that it names, such as a grade.
        candidates: the closest topics, where it is not sure.
        close: only two candidates are left, close to each other.
    """

    text: str
    intent: str
    confidence: float
    asks: bool
    variant: str = ""
    candidates: tuple[str, ...] = ()
    close: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they travel in Rasa's parse data."""
        return {**self.__dict__, "candidates": list(self.candidates)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Question":
        """The inverse of `as_dict`."""
        return cls(**{**values, "candidates": tuple(values["candidates"])})


def is_topic(intent: str) -> bool:
    """Whether an intent is one that an approved answer belongs to."""
    others = (UNSURE, UNREADABLE, OUT_OF_SCOPE, RED_FLAG, BACKGROUND, SMALL_TALK, TALK_TO_HUMAN, AFFIRM, DENY)
    return intent not in others and not intent.startswith(FOLLOW_UP)
