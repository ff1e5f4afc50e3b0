"""bot.redflags never takes a mention back: more words, other spacing, other case and slips of the finger keep it."""

import functools
import random
import re
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from bot.redflags.burst import RecentPieces
from bot.redflags.detector import RedFlagDetector
from bot.redflags.lexicon import FOLDER, read_lexicon
from bot.redflags.patterns import word_forms
from bot.redflags.spelling import ONE_EDIT_FROM, TWO_EDITS_FROM, Spelling

MESSAGES = [
    "he has a fever",
    "confused",
    "she is burning up",
    "her body is cold like ice",
    "his teeth are chattering",
    "he can't breathe",
    "short of breath",
    "his lips are blue",
    "his heart is racing",
    "she passed out",
    "he doesn't know where he is",
    "not making sense",
    "I can't wake him",
    "he won't wake up",
    "slurred speech",
    "she can't find her words",
    "he had a seizure",
    "his eyes rolled back",
    "her hands are trembling",
    "his left side is weak",
    "terrible headache",
    "he is seeing double",
    "he has not peed since yesterday",
    "vomiting",
    "he can't keep anything down",
    "too weak to stand",
    "chest pain",
    "there is blood in his urine",
    "her face is swollen",
    "he fell out of bed",
    "he is getting worse",
    "kill myself",
    "I want to die",
    "better off without me",
    "temp 39.2",
    "temperature is 101.4 F",
    "thermometer says thirty nine point two",
    "his temp is one oh two",
    "88 sats",
    "88 sats",
    "pulse 140",
    "resp rate 32",
    "bp 85/50",
    "bp 85 over 50",
    "pulse 98 and resp rate 23",
    "发烧",
    "fiebre alta",
]

SENTENCES = [
    "No.",
    "no",
    "not",
    "not really",
    "never",
    "ok thank you",
    "it is fine now",
    "He is fine now, no problem at all.",
    "No fever and no pain.",
    "There was nothing wrong yesterday",
    "the nurse says it is normal",
    "just kidding",
    "don't worry",
    "that was last year",
    "my friend asked",
    "what if",
    "if",
    "Is it true that",
    "how common is",
    "for example",
    "I read in a book about",
    "Where can we park?",
    "What is CRS?",
    "Good morning doctor,",
    "and one more question:",
    "two weeks ago",
    "3 days after the infusion",
    "day 5",
    "we are in room seven",
    "we are in room 12",
    "at 10:30",
    "100 yuan",
    "36.8",
    "temp 36.8 pulse 80 sats 98 bp 120/80",
    "😀",
    "你好",
    "...",
    "?",
]

PUNCTUATION = [
    ",",
    ".",
    "!",
    "?",
    "...",
    ";",
    ":",
    "-",
    "–",
    "—",
    "…",
    "/",
    '"',
    "'",
    ")",
    "(",
    "*",
    "~",
    "。",
    "，",
    "¿",
]
SPACES = ["  ", "   ", "\n", "\n\n", "\t", " \t ", "\r\n", "\u00a0", "\u2003", "\u3000"]

PROPERTY = settings(
    derandomize=True, max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

messages = st.sampled_from(MESSAGES)
words = st.text(st.characters(categories=["L"]), min_size=1, max_size=12)
english = st.text(string.ascii_lowercase, min_size=1, max_size=10)
additions = st.lists(st.one_of(words, english, st.sampled_from(SENTENCES)), max_size=5).map(" ".join)


@functools.cache
def detector() -> RedFlagDetector:
    return RedFlagDetector()


@functools.lru_cache(maxsize=len(MESSAGES))
def triggers_alone(message: str) -> bool:
    return triggers(message)


def triggers(text: str) -> bool:
    return detector().detect(text).triggers


def kept(message: str, changed: str) -> bool:
    """Whether the message triggers after the change; one that never did is another test's matter."""
    return triggers(changed) or not triggers_alone(message)


def between_words(message: str, joints: list[str]) -> str:
    """The message with other things than single spaces between its words."""
    first, *others = message.split(" ")
    return first + "".join(joint + word for joint, word in zip(joints, others, strict=False))


@pytest.mark.parametrize("message", MESSAGES)
def test_the_message_triggers_as_it_stands(message: str) -> None:
    assert triggers(message)


@pytest.mark.parametrize("message", MESSAGES)
def test_an_ordinary_sentence_beside_it_takes_nothing_back(message: str) -> None:
    together = [text for sentence in SENTENCES for text in (f"{sentence} {message}", f"{message} {sentence}")]
    assert [text for text in together if not kept(message, text)] == []


@PROPERTY
@given(additions, messages, additions)
def test_more_words_take_nothing_back(before: str, message: str, after: str) -> None:
    assert kept(message, f"{before} {message} {after}")


@PROPERTY
@given(messages, st.randoms(use_true_random=False))
def test_case_does_not_matter(message: str, randomly: random.Random) -> None:
    changed = "".join(randomly.choice([letter.upper(), letter.lower()]) for letter in message)
    assert kept(message, changed)


@PROPERTY
@given(messages, st.lists(st.sampled_from(SPACES), min_size=8, max_size=8))
def test_spaces_do_not_matter(message: str, spaces: list[str]) -> None:
    assert kept(message, between_words(message, spaces))


@PROPERTY
@given(
    messages,
    st.lists(st.tuples(st.sampled_from(["", " "]), st.sampled_from(["", *PUNCTUATION])), min_size=8, max_size=8),
)
def test_punctuation_between_words_does_not_matter(message: str, signs: list[tuple[str, str]]) -> None:
    assert kept(message, between_words(message, [f"{space}{sign} " for space, sign in signs]))


@pytest.mark.parametrize("sign", PUNCTUATION)
def test_each_sign_between_all_words(sign: str) -> None:
    changed = {message: between_words(message, [f"{sign} "] * 8) for message in MESSAGES}
    assert [text for message, text in changed.items() if not kept(message, text)] == []


def triggers_in_pieces(pieces: list[str], wait: float) -> bool:
    """Whether any of the messages triggers, alone or read together with those before it."""
    now = 0.0
    recent = RecentPieces(clock=lambda: now)
    for piece in pieces:
        together, start = recent.with_earlier("family", piece)
        if triggers(piece) or detector().detect(together, touching=start).triggers:
            return True
        now += wait
    return False


@PROPERTY
@given(additions, messages, additions, st.integers(min_value=0, max_value=60), st.floats(0, 29))
def test_a_message_sent_in_two_pieces_keeps_it(before: str, message: str, after: str, cut: int, wait: float) -> None:
    text = f"{before} {message} {after}"
    places = [match.start() for match in re.finditer(" ", text)]
    place = places[cut % len(places)]
    assert triggers_in_pieces([text[:place], text[place + 1 :]], wait) or not triggers_alone(message)


@pytest.mark.parametrize("message", [message for message in MESSAGES if " " in message])
def test_a_message_keeps_it_wherever_it_is_cut(message: str) -> None:
    parts = message.split(" ")
    cuts = [[" ".join(parts[:place]), " ".join(parts[place:])] for place in range(1, len(parts))]
    assert [cut for cut in cuts if not triggers_in_pieces(cut, 20) and triggers_alone(message)] == []


@pytest.mark.parametrize("message", [message for message in MESSAGES if " " in message])
def test_every_word_a_message_of_its_own(message: str) -> None:
    assert triggers_in_pieces(message.split(" "), 4) or not triggers_alone(message)


# slips of the finger

SEED = 20_270_531
KINDS = ["insert", "delete", "substitute", "transpose"]


@functools.cache
def spelling() -> Spelling:
    return Spelling(read_lexicon(FOLDER).vocabulary, FOLDER / "spelling.yml")


@functools.cache
def symptom_words(letters: int) -> list[str]:
    """The words that alone are a mention, of so many letters or more."""
    forms = {form for word in read_lexicon(FOLDER).words for form in word_forms(word)}
    return sorted(form for form in forms if len(form) >= letters and form.isascii() and form.isalpha())


def misspelt(word: str, kind: str, randomly: random.Random) -> str:
    place = randomly.randrange(len(word))
    letter = randomly.choice(string.ascii_lowercase)
    if kind == "insert":
        return word[:place] + letter + word[place:]
    if kind == "delete":
        return word[:place] + word[place + 1 :]
    if kind == "substitute":
        return word[:place] + letter + word[place + 1 :]
    place = min(place, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def missed(words: list[str], kinds: list[str]) -> list[str]:
    """The misspellings that do not trigger, each with its word; those that are common words themselves are left out."""
    randomly = random.Random(SEED)
    found = []
    for word in words:
        text = word
        for kind in kinds:
            text = misspelt(text, kind, randomly)
        # two slips in one place can be more than two edits
        if OSA.distance(word, text) <= len(kinds) and not spelling().is_common(text) and not triggers(text):
            found.append(f"{word} as {text}")
    return found


def test_there_are_enough_words_to_misspell() -> None:
    assert len(symptom_words(ONE_EDIT_FROM)) > 300
    assert len(symptom_words(TWO_EDITS_FROM)) > 150


def test_every_symptom_word_triggers_by_itself() -> None:
    assert [word for word in symptom_words(1) if not triggers(word)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_slip_in_a_word_of_five_letters_or_more_is_forgiven(kind: str) -> None:
    assert missed(symptom_words(ONE_EDIT_FROM), [kind]) == []


@pytest.mark.parametrize("kinds", [[first, second] for first in KINDS for second in KINDS[:2]], ids="-".join)
def test_two_slips_in_a_word_of_eight_letters_or_more_are_forgiven(kinds: list[str]) -> None:
    assert missed(symptom_words(TWO_EDITS_FROM), kinds) == []
