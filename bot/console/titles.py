"""What intents and symptoms are called on pages."""

from bot.answers.published import PublishedAnswers
from bot.console import labels
from bot.redflags.detector import shared_detector

# Intents that are no topic, as they are understood.
_UNDERSTOOD = {
    "nlu_fallback": "Not sure",
    "unreadable": "Not readable",
    "red_flag": "A red flag",
    "background": "Background, no question",
    "small_talk": "Small talk",
    "affirm": "Yes",
    "deny": "No",
    "out_of_scope": "Out of scope",
    "talk_to_human": "Talk to a person",
}


class Titles:
    """The titles of topics, of other intents, and of the lexicon's symptoms."""

    def __init__(self, answers: PublishedAnswers) -> None:
        """Read the lexicon.

        Raises:
            DataFileError: a file of rules is wrong.
        """
        self._answers = answers
        self.symptoms = dict(shared_detector().titles)

    def of_intent(self, intent: str) -> str:
        """The title that families see; of what has none, its name made readable."""
        answer = self._answers.get(intent)
        return answer.content.title if answer is not None else _UNDERSTOOD.get(intent, intent.replace("_", " "))

    def choices(self, chosen: str | None = None) -> list[tuple[str, str]]:
        """Every topic with its title, by title; also one that is chosen but published no more."""
        topics = {*self._answers.topics(), *([chosen] if chosen else [])}
        return sorted(((topic, self.of_intent(topic)) for topic in topics), key=lambda choice: choice[1].lower())

    def corrections(self) -> dict[str, str]:
        """What a message can be corrected to: the topics, and the intents beside them."""
        return {**dict(self.choices()), **labels.OTHER_INTENTS}
