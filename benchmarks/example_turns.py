"""The turns of Rasa's example bot; run by `rasa_example.py` with that bot's own Python, not with this project's."""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from figures import growth, resident_mb, spread
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.utils.common import configure_logging_and_warnings
from rasa.utils.log_utils import configure_structlog
from rasa.utils.tensorflow.environment import setup_tf_environment

WARM_UP_TURNS = 20
TURNS_A_CONVERSATION = 5
SESSION_TURNS = 505

# What the example bot was made for: its seven intents.
_TEMPLATES = (
    "hi",
    "i am sad",
    "yes",
    "good morning number {n}",
    "i am feeling very good today, number {n}",
    "bye",
    "hey there {n}",
    "my day {n} was horrible",
    "no, not really {n}",
    "are you a bot or human {n}?",
    "see you later {n}",
    "so perfect {n}",
    "i am disappointed for the {n} time",
)


class Person:
    """Writes to the example bot, one message after the other, and takes the time."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._written = 0
        self.unanswered = 0

    async def write(self, conversation: str) -> float:
        """One message.

        Returns:
            milliseconds until the bot has answered.
        """
        text = _TEMPLATES[self._written % len(_TEMPLATES)].format(n=self._written)
        self._written += 1
        started = time.perf_counter()
        replies = await self._agent.handle_text(text, CollectingOutputChannel(), conversation)
        milliseconds = (time.perf_counter() - started) * 1000
        self.unanswered += not replies
        return milliseconds


async def measure(model: Path, turns: int, with_session: bool) -> dict[str, Any]:
    """Measure the bot in this process, with Rasa's default memory of conversations.

    Args:
        model: the trained model.
        turns: how many turns the percentiles are of.
        with_session: hold a session of 500 turns as well.
    """
    person = Person(Agent.load(model))
    memory = {"after_start_mb": resident_mb()}
    for number in range(WARM_UP_TURNS):
        await person.write(f"warm-up-{number // TURNS_A_CONVERSATION}")
    person.unanswered = 0
    worked = time.process_time()
    taken = [await person.write(f"person-{number // TURNS_A_CONVERSATION}") for number in range(turns)]
    worked = time.process_time() - worked
    memory["after_turns_mb"] = resident_mb()
    unanswered = person.unanswered
    session = [await person.write("long-session") for _ in range(SESSION_TURNS if with_session else 0)]
    return {
        "turn": {**spread(taken), "cpu_ms": round(worked / turns * 1000, 2)},
        "unanswered": unanswered,
        "session": growth(session) if session else None,
        "memory": memory,
    }


def main() -> None:
    """Measure, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("figures", type=Path, help="the file to write")
    parser.add_argument("--turns", type=int, required=True)
    parser.add_argument("--session", action="store_true")
    arguments = parser.parse_args()
    # As the `rasa` command does; left alone, Rasa writes every debug line and is several times slower.
    configure_logging_and_warnings()
    setup_tf_environment()
    configure_structlog()
    figures = asyncio.run(measure(arguments.model, arguments.turns, arguments.session))
    arguments.figures.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
