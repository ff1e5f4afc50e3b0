"""bot.redflags.tiers: how urgent a mention is, and that it counts whatever its tier."""

import pytest

from bot.redflags.detector import CRISIS, Detection, RedFlag, RedFlagDetector
from bot.redflags.lexicon import FOLDER
from bot.redflags.reading import words_of
from bot.redflags.tiers import T1, T2, Tiers

# tier, why, message
MESSAGES = [
    (T1, "now", "lips gone a funny blue colour"),
    (T1, "now", "hes SO hot rn what do i doooo"),
    (T1, "now", "for three weeks he has been getting muddled about the date and tonight he walked into the wrong flat"),
    (T1, "now", "Na so so vomit she dey vomit since evening, nothing dey stay for belle"),
    (T1, "now", "just to let you know her blood pressure read 78 over 44 on the home machine, thank you"),
    (T1, "mixed", "no rash, but his tongue looks rather strange to me"),
    (T1, "unclear_past", "had a seizure"),
    (T1, "unclear_past", "shaking like a wet dog in january"),
    (T1, "unclear_past", "my mum fainted in the shower"),
    (T1, "unclear_past", "a couple of days back grandad saw double and walked into the door frame"),
    (T1, "unclear_past", "During the first round he was seizing and they kept him in ICU"),
    (T1, "unclear_past", "The fever went away after the tocilizumab. Can we go back to the hotel?"),
    (T1, "negation_shaped", "not passing urine since yesterday morning and the bag is empty"),
    (T1, "negation_shaped", "she cant keep nothing down not even a sip"),
    (T1, "negation_shaped", "he cannot stand, knees are just folding"),
    (T1, "negation_shaped", "he never stopped shaking all night"),
    (T1, "negation_shaped", "he did not recognise our daughter on the video call"),
    (T1, "mixed", "fever don go but him eye dey turn and he dey fall"),
    (T1, "mixed", "denies chest pain, however complains of blurred vision and one side numb"),
    (T1, "mixed", "no bleeding from the line site, though there is blood in his wee"),
    (T1, "mixed", "hasnt fainted or anything he's just gone grey and clammy"),
    (T1, "mixed", "temp fine no shivers... slurring tho"),
    (T1, "question_now", "is it normal that my wife is sleeping twenty hours and barely opens her eyes"),
    (T1, "question_now", "Is this headache she is having from the medicine or something else"),
    (T1, "question_now", "can I give Crocin for papa's 38.7 or wait for morning"),
    (T1, "question_now", "Sir what does it mean when patient is not recognizing family, he is doing like this"),
    (T1, "question_now", "what could cause the red spots all over his legs"),
    (T1, "denial", "he says he is fine but he is grey"),
    (T1, "denial", "She keeps telling me it's nothing, meanwhile she is burning up and on the second nightie"),
    (T1, "denial", "dad reckons he's right as rain, he's just walked into the wall twice"),
    (T1, "denial", "He dey tell everybody say he dey kampe but im breath dey cut"),
    (T1, "denial", "she swears she isnt confused and then asked me whose house this is"),
    (T1, "crisis", "he said we would all be better off without him"),
    (T1, "crisis", "i dont want to wake up anymore after this treatment"),
    (T1, "crisis", "my mum is hiding her tablets and says she will take them all"),
    (T1, "crisis", "what if he tries to hurt himself when I go to sleep"),
    (T1, "crisis", "Last year he tried to end his life, I thought somebody should know"),
    (T1, "crisis", "can people get suicidal from CAR-T"),
    (T1, "crisis", "I am not thinking of killing myself, I am only so tired of everything"),
    (T1, "crisis", "i cant do this any more, nobody would miss me"),
    (T2, "general_question", "can tocilizumab cause headache"),
    (T2, "general_question", "what does grade 2 CRS mean, is low blood pressure part of it"),
    (T2, "general_question", "why do some people get seizures with CAR-T and others do not"),
    (T2, "general_question", "why is levetiracetam given, does it prevent seizures"),
    (T2, "general_question", "what medicine is used for fever in CRS"),
    (T2, "general_question", "how is a seizure treated on the ward"),
    (T2, "negated", "She hasn't had any headache or dizziness, all good here"),
    (T2, "negated", "By God's grace no vomiting, no fever, he chop well"),
    (T2, "negated", "No bleeding anywhere, doctor, I checked the gums and the stool"),
    (T2, "negated", "denies chest pain, denies palpitations, wants to know about dinner"),
    (T2, "negated", "no rash so far, can we use the normal soap"),
    (T2, "negated", "she has no trouble breathing and her oxygen is 98"),
    (T2, "hypothetical", "if any day he come dey hot with fever, which hospital we go carry am go"),
    (T2, "hypothetical", "what happens if somebody gets chills on the train back, is there a plan"),
    (T2, "hypothetical", "pls write down what to do in the event of a seizure so gran has it on the fridge"),
    (T2, "hypothetical", "if i ever get a fever at uni who do i text"),
    (T2, "hypothetical", "what should we pack in case he gets a rash from the antibiotic"),
    (T2, "hypothetical", "could she develop confusion later on, once we are home"),
    (T2, "other_person", "the man in the next bed had a seizure, the kids saw everything, how do I explain it"),
    (T2, "other_person", "Our neighbour at the hotel was shivering all night, she says it was from her own treatment"),
    (T2, "other_person", "another patient on this ward collapsed in the corridor and everybody ran"),
    (T2, "other_person", "A patient in the newspaper article stopped breathing and they saved him"),
    (T2, "other_person", "we met a family whose mother did not recognise them for three days"),
    (T2, "other_person", "in the documentary a young girl gets convulsions after the cells go in"),
    (T2, "past", "he fainted once in 2019 at a wedding, do I put that on the form"),
    (T2, "past", "mum had a rash last year from penicillin, should we tell them"),
    (T2, "past", "she get fever like three weeks ago, e don go that same week"),
    (T2, "past", "dad fell off a ladder years ago and broke his wrist, does that matter for the MRI"),
    (T2, "past", "six months ago she couldn't breathe from fluid on the lung, drained, sorted"),
    (T2, "past", "eight weeks back patient was drowsy for two days in ICU, recovered fully, we want copy of report"),
]

CRISES = ["I want to die", "he will kill himself", "suicide"]
FRAMES = [
    "{}",
    "no {}",
    "what if {}",
    "if ever: {}",
    "Is it common that people say: {}?",
    "my friend's father said: {}",
    "last year: {}",
    "two years ago, {}, that was all",
    "in general, {}",
]
MENTIONS = ["fever", "a seizure", "he is confused", "chest pain", "rash", "temp 39.2"]


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


@pytest.mark.parametrize(("tier", "why", "text"), MESSAGES)
def test_the_tier_of_a_message(detector: RedFlagDetector, tier: str, why: str, text: str) -> None:
    detection = detector.detect(text)
    assert detection.triggers
    assert detection.tier == tier


def test_every_reason_is_among_the_messages() -> None:
    now = {"now", "unclear_past", "negation_shaped", "mixed", "question_now", "denial", "crisis"}
    remote = {"general_question", "negated", "hypothetical", "other_person", "past"}
    assert {why for tier, why, _ in MESSAGES if tier == T1} == now
    assert {why for tier, why, _ in MESSAGES if tier == T2} == remote


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("crisis", CRISES)
def test_a_crisis_is_always_t1(detector: RedFlagDetector, crisis: str, frame: str) -> None:
    detection = detector.detect(frame.format(crisis))
    assert detection.crisis
    assert detection.tier == T1


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("mention", MENTIONS)
def test_no_tier_takes_a_mention_back(detector: RedFlagDetector, mention: str, frame: str) -> None:
    detection = detector.detect(frame.format(mention))
    assert detection.triggers
    assert detection.tier in (T1, T2)
    assert {flag.symptom for flag in detector.detect(mention).red_flags} <= {f.symptom for f in detection.red_flags}


@pytest.mark.parametrize(
    "text",
    [
        "no fever. He is confused",
        "He is confused. No fever",
        "last year she had a rash. Now her lips are blue",
        "my friend had a seizure. My husband has a seizure too",
        "what if he gets a fever? He is already shivering",
    ],
)
def test_one_urgent_mention_makes_the_message_urgent(detector: RedFlagDetector, text: str) -> None:
    assert detector.detect(text).tier == T1


def test_what_mentions_nothing_has_no_tier(detector: RedFlagDetector) -> None:
    assert detector.detect("How common is rain in Beijing?").tier is None


def test_a_measured_value_is_no_general_question(detector: RedFlagDetector) -> None:
    assert detector.detect("is a temp of 39.2 common").tier == T1


def test_a_message_that_could_not_be_looked_at_is_urgent() -> None:
    assert Detection((), "rules", failed=True).tier == T1


def test_the_first_detector_decides_the_tier() -> None:
    flag = RedFlag("fever", "fever", 0, 5, "lexicon")
    other = RedFlag("pain", "fever", 0, 5, "semantic")
    assert Detection((flag,), "rules", urgency=T2).adding([other]).tier == T2
    assert Detection((), "rules", urgency=T2).adding([other]).tier == T1
    assert Detection((), "rules").adding([]).tier is None


@pytest.mark.parametrize("measured", [True, False])
def test_a_mention_at_no_place_is_urgent(measured: bool) -> None:
    words = words_of("no fever")
    tiers = Tiers(FOLDER / "context.yml")
    assert tiers.of(words, [("fever", 90, 95)], measured=measured) == T1
    assert tiers.of(words, [], measured=measured) == T1
    assert tiers.of([], [("fever", 0, 5)], measured=measured) == T1
    assert tiers.of(words, [("fever", 3, 8)], measured=measured) == T2
    assert tiers.of(words, [(CRISIS, 3, 8)], measured=measured) == T1
