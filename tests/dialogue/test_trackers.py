"""bot.dialogue.trackers: Rasa remembers a bounded number of conversations, each for a while and with a few events."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from project import settings_in
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered

from bot.answers.setup import load_answers_file, make_answering, prepare_storage
from bot.dialogue import trackers as trackers_module
from bot.dialogue.agent import RasaDialogue, Spoken
from bot.dialogue.trackers import EVENTS_MAXIMUM, RecentTrackers
from bot.paths import ROOT


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(ROOT / "domain.yml")


@pytest.fixture
def trackers(domain: Domain) -> RecentTrackers:
    return RecentTrackers(domain)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the trackers see it: `clock.now` seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(trackers_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture(scope="module")
def loaded(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RasaDialogue:
    settings = settings_in(tmp_path_factory.mktemp("dialogue"))
    load_answers_file(prepare_storage(settings))
    return RasaDialogue(model, make_answering(settings))


@pytest.fixture
def dialogue(loaded: RasaDialogue) -> RasaDialogue:
    """The model, to which everyone is a stranger."""
    loaded._trackers.forget("family")
    return loaded


async def say(dialogue: RasaDialogue, text: str, topic: str | None = None) -> Spoken:
    return await dialogue.turn("family", text, parse_data=dialogue.parse(text), topic=topic)


def held(trackers: RecentTrackers, *names: str) -> list[str]:
    return [name for name in names if trackers.holds(name)]


@pytest.mark.parametrize("topic", ["what_is_crs", None])
async def test_a_conversation_begins_with_the_topic_from_the_log(trackers: RecentTrackers, topic: str | None) -> None:
    assert not trackers.holds("family")
    assert await trackers.retrieve("family") is None

    await trackers.begin("family", topic)

    tracker = await trackers.retrieve("family")
    assert tracker is not None
    assert tracker.sender_id == "family"
    assert tracker.get_slot("topic") == topic
    assert tracker.latest_action_name == "action_listen"
    assert trackers.holds("family")


async def test_a_conversation_is_kept_as_it_was_saved(trackers: RecentTrackers) -> None:
    await trackers.begin("family", None)
    tracker = await trackers.retrieve("family")
    assert tracker is not None

    tracker.update(SlotSet("topic", "crs_duration"))
    await trackers.save(tracker)

    again = await trackers.retrieve("family")
    assert again is not None
    assert again.get_slot("topic") == "crs_duration"
    assert len(trackers) == 1


async def test_a_forgotten_conversation_is_gone(trackers: RecentTrackers) -> None:
    await trackers.begin("family", "what_is_crs")
    await trackers.begin("other", None)

    trackers.forget("family")
    trackers.forget("never seen")

    assert held(trackers, "family", "other") == ["other"]
    assert await trackers.retrieve("family") is None


async def test_only_the_last_events_are_kept(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers_module, "EVENTS_MAXIMUM", 5)
    trackers = RecentTrackers(domain)
    await trackers.begin("family", None)
    tracker = await trackers.retrieve("family")
    assert tracker is not None

    for number in range(20):
        tracker.update(UserUttered(f"message {number}"))
        tracker.update(ActionExecuted("action_answer"))

    kept = list(tracker.events)
    assert len(kept) == 5
    assert isinstance(kept[-2], UserUttered)
    assert kept[-2].text == "message 19"


async def test_only_the_conversations_used_last_are_kept(
    trackers: RecentTrackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers_module, "CONVERSATIONS_MAXIMUM", 3)
    for name in "abc":
        await trackers.begin(name, None)
    first = await trackers.retrieve("a")
    assert first is not None
    await trackers.save(first)  # used again

    await trackers.begin("d", None)

    assert held(trackers, *"abcd") == ["a", "c", "d"]
    assert len(trackers) == 3


async def test_an_old_conversation_is_forgotten(
    trackers: RecentTrackers, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers_module, "AGE_MAXIMUM_S", 60)
    for name in "abc":
        await trackers.begin(name, None)
        clock.now += 10
    first = await trackers.retrieve("a")
    assert first is not None
    await trackers.save(first)  # at 30; the others were used at 10 and 20

    clock.now += 45  # 75
    await trackers.begin("d", None)

    assert held(trackers, *"abcd") == ["a", "c", "d"]


async def test_a_long_conversation_keeps_few_events_and_its_topic(dialogue: RasaDialogue) -> None:
    for text in ("What is CRS?", *["thank you"] * 12):
        await say(dialogue, text)

    spoken = await say(dialogue, "How long does it last?")

    assert [utterance["topic"] for utterance in spoken.utterances] == ["crs_duration"]
    tracker = await dialogue._trackers.retrieve("family")
    assert tracker is not None
    assert len(tracker.events) == EVENTS_MAXIMUM


async def test_a_known_conversation_keeps_its_own_topic(dialogue: RasaDialogue) -> None:
    await say(dialogue, "What does it cost if the stay is longer?", topic="what_is_crs")

    spoken = await say(dialogue, "And how long does that last?", topic="what_is_crs")

    assert spoken.topic == "cost_and_stay"


@pytest.mark.parametrize("end", [RuntimeError("broken"), asyncio.CancelledError()], ids=["failed", "given up"])
async def test_half_a_turn_is_forgotten(
    dialogue: RasaDialogue, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    async def broken(message: Any) -> None:
        raise end

    await say(dialogue, "What is CRS?")
    with monkeypatch.context() as patch:
        patch.setattr(dialogue._processor, "handle_message", broken)
        with pytest.raises(type(end)):
            await say(dialogue, "Which grades are there?")

    assert not dialogue._trackers.holds("family")
    spoken = await say(dialogue, "How long does it last?", topic="cost_and_stay")
    assert spoken.topic == "cost_and_stay"
