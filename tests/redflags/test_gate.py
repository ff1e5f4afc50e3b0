"""bot.redflags.gate and bot.redflags.burst: the first detector fails closed, the second is left out, pieces are one."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clock import Clock

from bot.data_file import load_data_file
from bot.metrics import Metrics
from bot.redflags import gate
from bot.redflags.burst import BurstsFile, RecentPieces
from bot.redflags.detector import Detection, RedFlag, RedFlagDetector
from bot.redflags.gate import LONG, Gate
from bot.redflags.lexicon import FOLDER

LIMITS = load_data_file(FOLDER / "bursts.yml", BurstsFile)
SOON_S = 30  # far above any limit here: a test that takes as long hangs


class FakeDetector:
    """Does what the text says, and remembers on which thread."""

    ruleset = "rules"

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.let_go = threading.Event()

    def detect(self, text: str, *, touching: int = 0) -> Detection:
        self.threads.append(threading.current_thread())
        if "fail" in text:
            raise LookupError("a rule failed")
        if "hold" in text:
            assert self.let_go.wait(SOON_S)
        flags = (RedFlag("fever", "hit", 0, 3, "lexicon"),) if "hit" in text else ()
        return Detection(flags, self.ruleset)


class FakeSemantic:
    """Does what the text says."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.held = threading.Event()
        self.looked_at: list[str] = []

    def find(self, text: str) -> list[RedFlag]:
        self.looked_at.append(text)
        if text == "fail":
            raise LookupError("the encoder failed")
        if text == "hold":
            self.held.set()
            assert self.let_go.wait(SOON_S)
        return [RedFlag("pain", text, 0, len(text), "semantic")] if text == "hit" else []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def fake() -> Iterator[FakeDetector]:
    detector = FakeDetector()
    yield detector
    detector.let_go.set()


@pytest.fixture
def semantic() -> Iterator[FakeSemantic]:
    detector = FakeSemantic()
    yield detector
    detector.let_go.set()


@pytest.fixture
def faked(fake: FakeDetector, semantic: FakeSemantic, metrics: Metrics) -> Iterator[Gate]:
    made = Gate(fake, semantic, RecentPieces(), metrics)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def real(detector: RedFlagDetector, metrics: Metrics, clock: Clock) -> Iterator[Gate]:
    made = Gate(detector, None, RecentPieces(clock=clock), metrics)
    yield made
    made.close()


def failures(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("bot_gate_failures_total")


def left_out(metrics: Metrics, reason: str) -> float | None:
    return metrics.registry.get_sample_value("bot_semantic_left_out_total", {"reason": reason})


# the first detector


async def test_a_hit_is_a_hit(faked: Gate, metrics: Metrics) -> None:
    detection = await faked.first_look("family", "a hit")
    assert detection.triggers
    assert not detection.failed
    assert failures(metrics) == 0


async def test_no_hit_is_none(faked: Gate, metrics: Metrics) -> None:
    detection = await faked.first_look("family", "hello")
    assert not detection.triggers
    assert detection.tier is None
    assert failures(metrics) == 0


async def test_a_detector_that_raises_counts_as_a_hit(faked: Gate, metrics: Metrics) -> None:
    detection = await faked.first_look("family", "fail")
    assert detection.failed
    assert detection.triggers
    assert (detection.tier, detection.crisis, detection.red_flags) == ("T1", False, ())
    assert failures(metrics) == 1


async def test_a_detector_that_raises_only_on_the_pieces_together_counts_as_a_hit(faked: Gate) -> None:
    assert not (await faked.first_look("family", "fa")).triggers
    faked._recent.with_earlier("family", "fail")
    assert (await faked.first_look("family", "hello")).failed


async def test_a_detector_that_raises_in_its_thread_counts_as_a_hit(faked: Gate, metrics: Metrics) -> None:
    assert (await faked.first_look("family", f"fail {'x' * LONG}")).failed
    assert failures(metrics) == 1


async def test_the_next_message_is_looked_at_after_a_failure(faked: Gate) -> None:
    await faked.first_look("one", "fail")
    assert not (await faked.first_look("other", "hello")).triggers


@pytest.mark.parametrize("length", [0, 2 * LONG])
async def test_too_slow_a_look_without_a_hit_counts_as_one(
    faked: Gate, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(gate, "OWN_TIME_LIMIT_S", -1.0)
    assert (await faked.first_look("family", "hello" + "x" * length)).failed
    assert failures(metrics) == 1


async def test_a_hit_that_took_long_is_a_hit(faked: Gate, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "OWN_TIME_LIMIT_S", -1.0)
    detection = await faked.first_look("family", "a hit")
    assert [flag.symptom for flag in detection.red_flags] == ["fever"]
    assert not detection.failed
    assert failures(metrics) == 0


async def test_a_short_text_is_read_at_once(faked: Gate, fake: FakeDetector) -> None:
    await faked.first_look("family", "x" * LONG)
    assert fake.threads == [threading.main_thread()]


async def test_a_long_text_is_read_in_a_thread(faked: Gate, fake: FakeDetector) -> None:
    detection = await faked.first_look("family", f"hit {'x' * LONG}")
    assert detection.triggers
    assert [thread.name.startswith("red-flags_") for thread in fake.threads] == [True]


async def test_a_long_text_that_keeps_its_thread_counts_as_a_hit(
    faked: Gate, fake: FakeDetector, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "WAIT_LIMIT_S", 0.05)
    started = time.perf_counter()
    detection = await faked.first_look("family", f"hold {'x' * LONG}")
    assert detection.failed
    assert failures(metrics) == 1
    assert time.perf_counter() - started < 5
    assert not (await faked.first_look("other", "hello")).triggers


def test_the_fingerprint_is_the_detectors(faked: Gate) -> None:
    assert faked.ruleset == "rules"


@pytest.mark.parametrize("text", ["x" * 20_000, "fever " * 4_000, "不 " * 8_000, "a" * 3_000 + " 39.2 " * 500])
async def test_a_huge_text_is_looked_at_in_time(real: Gate, metrics: Metrics, text: str) -> None:
    detection = await real.first_look("family", text)
    assert not detection.failed
    assert failures(metrics) == 0


# the second detector


async def test_the_second_detector_is_asked(faked: Gate, semantic: FakeSemantic) -> None:
    assert faked.has_semantic
    assert [flag.symptom for flag in await faked.second_look("hit")] == ["pain"]
    assert await faked.second_look("hello") == []
    assert semantic.looked_at == ["hit", "hello"]


async def test_without_a_second_detector_nothing_is_found(real: Gate) -> None:
    assert not real.has_semantic
    assert await real.second_look("hit") == []


async def test_a_second_detector_that_raises_is_left_out(faked: Gate, metrics: Metrics) -> None:
    assert await faked.second_look("fail") == []
    assert left_out(metrics, "LookupError") == 1
    assert failures(metrics) == 0
    assert await faked.second_look("hit")


async def test_a_second_detector_that_is_late_is_left_out(
    faked: Gate, semantic: FakeSemantic, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECOND_LIMIT_S", 0.05)
    assert await faked.second_look("hold") == []
    assert left_out(metrics, "late") == 1
    semantic.let_go.set()
    monkeypatch.setattr(gate, "SECOND_LIMIT_S", SOON_S)
    assert await faked.second_look("hit")


async def test_an_overloaded_second_detector_is_left_out(
    faked: Gate, semantic: FakeSemantic, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECOND_LIMIT_S", SOON_S)
    monkeypatch.setattr(gate, "WAITING_MAXIMUM", 2)
    waiting = [asyncio.create_task(faked.second_look("hold")) for _ in range(2)]
    assert await asyncio.get_running_loop().run_in_executor(None, semantic.held.wait, SOON_S)

    assert await faked.second_look("hit") == []
    assert left_out(metrics, "overloaded") == 1

    semantic.let_go.set()
    assert await asyncio.gather(*waiting) == [[], []]
    assert await faked.second_look("hit")  # there is room again
    assert left_out(metrics, "overloaded") == 1


# pieces


@pytest.mark.parametrize(
    ("pieces", "symptom"),
    [
        (["his lips", "are", "blue"], "colour"),
        (["I want", "to die"], "crisis"),
        (["chest", "pain"], "pain"),
        (["he", "can't", "breathe"], "breathing"),
        (["con", "fused"], "confusion"),
        (["she fell", "out of bed"], "fall"),
        (["temp", "39"], "fever"),
        (["bp", "85", "over", "50"], "faint_low_pressure"),
    ],
)
async def test_pieces_are_read_together(real: Gate, clock: Clock, pieces: list[str], symptom: str) -> None:
    found = set()
    for piece in pieces:
        detection = await real.first_look("family", piece)
        found |= {flag.symptom for flag in detection.red_flags}
        for flag in detection.red_flags:
            assert piece[flag.start : flag.end] == flag.text != ""
        clock.now += 5
    assert symptom in found


async def test_pieces_of_another_conversation_are_another_matter(real: Gate) -> None:
    await real.first_look("one", "I want")
    assert not (await real.first_look("other", "to die")).triggers


async def test_a_piece_that_comes_late_stands_alone(real: Gate, clock: Clock) -> None:
    await real.first_look("family", "I want")
    clock.now += LIMITS.window_s + 1
    assert not (await real.first_look("family", "to die in")).triggers


@pytest.mark.parametrize("red_flag", ["he has a fever", "I want to die", "temp 39.2", "chest pain"])
@pytest.mark.parametrize("thanks", ["ok thank you", "ok", "thanks", "we called them", "👍", "where is the ward?"])
async def test_what_was_answered_does_not_fire_again(real: Gate, red_flag: str, thanks: str) -> None:
    assert (await real.first_look("family", red_flag)).triggers
    assert not (await real.first_look("family", thanks)).triggers
    assert not (await real.first_look("family", thanks)).triggers


@pytest.mark.parametrize(
    ("first", "second", "symptom"),
    [
        ("he has fever and can't", "breathe", "breathing"),
        ("temp is 39.1, she wants", "to die", "crisis"),
        ("still bleeding. now his lips are", "turning blue", "colour"),
    ],
)
async def test_what_begins_in_an_answered_piece_is_seen(real: Gate, first: str, second: str, symptom: str) -> None:
    answered = await real.first_look("family", first)
    assert answered.triggers
    assert symptom not in {flag.symptom for flag in answered.red_flags}
    assert symptom in {flag.symptom for flag in (await real.first_look("family", second)).red_flags}


async def test_an_acknowledgement_is_a_piece_while_nothing_was_answered(real: Gate) -> None:
    assert not (await real.first_look("family", "she suddenly cannot")).triggers
    assert (await real.first_look("family", "see")).triggers


async def test_a_new_mention_fires_again(real: Gate) -> None:
    assert (await real.first_look("family", "he has a fever")).triggers
    assert (await real.first_look("family", "and now he is confused")).triggers
    assert (await real.first_look("family", "he has a fever")).triggers


async def test_the_tier_of_pieces_is_that_of_them_together(real: Gate) -> None:
    await real.first_look("family", "what if he has chest")
    detection = await real.first_look("family", "pain")
    assert detection.triggers
    assert detection.tier == real._detector.detect("what if he has chest pain").tier


def test_recent_pieces_are_put_before_the_newest(clock: Clock) -> None:
    recent = RecentPieces(clock=clock)
    assert recent.with_earlier("family", "he is") == ("he is", 0)
    assert recent.with_earlier("family", "really") == ("he is really", 6)
    assert recent.with_earlier("family", "tired") == ("he is really tired", 13)


def test_pieces_leave_one_by_one(clock: Clock) -> None:
    recent = RecentPieces(clock=clock)
    recent.with_earlier("family", "one")
    clock.now = LIMITS.window_s / 2
    recent.with_earlier("family", "two")
    clock.now = LIMITS.window_s
    assert recent.with_earlier("family", "three")[0] == "one two three"
    clock.now = LIMITS.window_s + 0.1
    assert recent.with_earlier("family", "four")[0] == "two three four"


def test_only_so_many_pieces_are_kept(clock: Clock) -> None:
    recent = RecentPieces(clock=clock)
    for number in range(50):
        together, start = recent.with_earlier("family", f"piece{number}")
    assert together.split() == [f"piece{number}" for number in range(49 - LIMITS.pieces_maximum, 50)]
    assert together[start:] == "piece49"


def test_only_so_many_characters_are_kept(clock: Clock) -> None:
    recent = RecentPieces(clock=clock)
    for _ in range(5):
        recent.with_earlier("family", "x" * 100_000)
    together, start = recent.with_earlier("family", "end")
    assert (len(together), start) == (LIMITS.characters_maximum + 4, LIMITS.characters_maximum + 1)
    kept = sum(len(piece.text) for pieces in recent._conversations.values() for piece in pieces)
    assert kept <= LIMITS.pieces_maximum * LIMITS.characters_maximum


def test_only_so_many_conversations_are_kept_and_the_oldest_go(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "bursts.yml"
    text = (FOLDER / "bursts.yml").read_text()
    file.write_text(text.replace(f"conversations_maximum: {LIMITS.conversations_maximum}", "conversations_maximum: 3"))
    recent = RecentPieces(file, clock)
    for name in ("a", "b", "c"):
        recent.with_earlier(name, "first")
    recent.with_earlier("a", "second")
    recent.with_earlier("d", "first")
    assert set(recent._conversations) == {"a", "c", "d"}
    assert recent.with_earlier("b", "again") == ("again", 0)
    for number in range(1000):
        recent.with_earlier(str(number), "first")
    assert len(recent._conversations) == 3


# beside the conversation


async def test_a_peek_sees_the_pieces_and_leaves_no_trace(real: Gate) -> None:
    await real.first_look("family", "I want")

    for _ in range(2):
        assert (await real.peek("family", "to die")).crisis
    assert not (await real.peek("other", "to die")).triggers
    assert (await real.first_look("family", "to die")).crisis, "the pieces are still there"


async def test_what_was_only_peeked_at_is_no_piece(real: Gate) -> None:
    assert not (await real.peek("family", "I want")).triggers
    assert not (await real.first_look("family", "to die")).triggers


async def test_a_peek_fails_closed(faked: Gate, metrics: Metrics) -> None:
    assert (await faked.peek("family", "fail")).failed
    assert failures(metrics) == 1


@pytest.mark.parametrize(
    ("text", "detectors"), [("a hit", ["lexicon"]), ("hit", ["lexicon"]), ("hello", []), ("fail", [])]
)
async def test_a_comment_is_looked_at_by_itself(faked: Gate, text: str, detectors: list[str]) -> None:
    await faked.first_look("family", "fa")

    detection = await faked.look_at_comment(text)

    assert [flag.detector for flag in detection.red_flags] == detectors
    assert detection.triggers is (text != "hello")


async def test_a_comment_is_looked_at_by_the_second_detector_too(fake: FakeDetector, metrics: Metrics) -> None:
    class Finds:
        def find(self, text: str) -> list[RedFlag]:
            return [RedFlag("pain", text, 0, len(text), "semantic")]

    gate = Gate(fake, Finds(), RecentPieces(), metrics)  # type: ignore[arg-type]

    assert [flag.detector for flag in (await gate.look_at_comment("hello")).red_flags] == ["semantic"]
    gate.close()


async def test_an_erased_conversation_has_no_pieces(real: Gate) -> None:
    await real.first_look("family", "I want")

    real.forget("family")

    assert not (await real.first_look("family", "to die")).triggers
