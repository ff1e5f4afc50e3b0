"""bot.redflags.detector on wordings: what must trigger, however it is spelt, and what must not."""

import pytest

from bot.redflags.detector import LEXICON, RedFlagDetector

MUST_TRIGGER = {
    "fever": [
        "He has a fever",
        "She is burning up",
        "his temperature went up again in the night",
        "dad feels very hot to the touch",
    ],
    "low_temperature": [
        "The doctor said hypothermia",
        "her body is cold like ice",
        "he is ice cold all over",
        "her temperature is too low",
    ],
    "chills": [
        "She has chills",
        "he cannot stop shivering",
        "his teeth are chattering",
        "the nurse called it rigors",
    ],
    "breathing": [
        "He can't breathe",
        "mum is short of breath",
        "my son is gasping",
        "she is struggling to breathe when she lies down",
    ],
    "colour": [
        "his lips are blue",
        "her skin looks mottled",
        "He has gone grey and clammy",
        "her lips turned purple",
    ],
    "heart": [
        "his heart is racing",
        "She has palpitations",
        "my heart keeps skipping beats",
        "they call it tachycardia",
    ],
    "faint_low_pressure": [
        "He fainted in the bathroom",
        "she feels dizzy when she stands up",
        "my wife passed out",
        "dad collapsed in the corridor",
        "his blood pressure is very low",
    ],
    "confusion": [
        "He is confused",
        "she doesn't know where she is",
        "papa is not making sense",
        "mum is hallucinating",
        "he does not recognise me",
    ],
    "drowsy": [
        "I can't wake him",
        "she is very drowsy",
        "he is unresponsive",
        "my father is unconscious",
        "she won't wake up",
    ],
    "speech": [
        "his speech is slurred",
        "she can't find her words",
        "he is mumbling",
        "she cannot write her name any more",
    ],
    "seizure": [
        "He had a seizure",
        "she is having a fit",
        "convulsions since ten minutes",
        "his eyes rolled back",
    ],
    "neuro_motor": [
        "his hands are trembling",
        "her face is drooping",
        "his left side is weak",
        "she has numbness in her arm",
        "he keeps twitching",
    ],
    "headache_vision": [
        "She has a terrible headache",
        "he is seeing double",
        "his vision is blurred",
        "her head hurts so much",
    ],
    "urine": [
        "He has not peed since yesterday",
        "she is not passing urine",
        "no urine all day",
    ],
    "vomiting_diarrhoea": [
        "He is vomiting",
        "she has diarrhoea",
        "he can't keep anything down",
        "my son keeps throwing up",
    ],
    "weakness": [
        "He is too weak to stand",
        "she cannot get out of bed",
        "he has no strength left",
        "my wife is very weak",
    ],
    "pain": [
        "He has chest pain",
        "she is in agony",
        "severe pain in his belly",
        "my stomach hurts badly",
    ],
    "bleeding_rash": [
        "His nose is bleeding",
        "there is blood in her urine",
        "She has a rash",
        "purple spots on his legs",
        "bruises all over her arms",
    ],
    "allergy": [
        "his face is swollen",
        "She has hives",
        "her throat is closing",
        "swollen tongue after the drip",
    ],
    "fall": [
        "He fell out of bed",
        "she hit her head",
        "dad had a fall",
        "mum slipped in the shower",
    ],
    "worsening": [
        "He is getting worse",
        "this is an emergency",
        "I think he is dying",
        "something is very wrong with her",
    ],
    "crisis": [
        "I want to die",
        "he says he will kill himself",
        "I can't go on",
        "she talks about suicide",
    ],
}

RECOGNISED = [
    pytest.param("he is confussed", "confusion", id="misspelt: letter doubled"),
    pytest.param("he is confsued", "confusion", id="misspelt: letters swapped"),
    pytest.param("she is vomting", "vomiting_diarrhoea", id="misspelt: letter missing"),
    pytest.param("he had a siezure", "seizure", id="misspelt: ie for ei"),
    pytest.param("she is halucinatting", "confusion", id="misspelt: two slips in a long word"),
    pytest.param("she is unresponsve", "drowsy", id="misspelt: one slip in a long word"),
    pytest.param("he is shiverng", "chills", id="misspelt: in a participle"),
    pytest.param("chest pian", "pain", id="misspelt: in a phrase"),
    pytest.param("he has feverrrrr", "fever", id="repeated: at the end"),
    pytest.param("he is sooooo dizzzzy", "faint_low_pressure", id="repeated: inside"),
    pytest.param("bleeeeeding", "bleeding_rash", id="repeated: a letter that is doubled anyway"),
    pytest.param("heeeelp meee he is dyyying", "worsening", id="repeated: everywhere"),
    pytest.param("he is c0nfused", "confusion", id="leetspeak: 0"),
    pytest.param("f3ver", "fever", id="leetspeak: 3"),
    pytest.param("she is f@inting", "faint_low_pressure", id="leetspeak: @"),
    pytest.param("$eizure", "seizure", id="leetspeak: $ at the beginning"),
    pytest.param("5eizure", "seizure", id="leetspeak: 5 at the beginning"),
    pytest.param("su1c1de", "crisis", id="leetspeak: twice"),
    pytest.param("ｆｅｖｅｒ", "fever", id="full width"),
    pytest.param("Ｈｅ ｉｓ ｃｏｎｆｕｓｅｄ", "confusion", id="full width: a sentence"),
    pytest.param("fe\u200bver", "fever", id="zero-width space"),
    pytest.param("sei\u200d\u2060zu\ufeffre", "seizure", id="other invisible characters"),
    pytest.param("con\u00adfused", "confusion", id="soft hyphen"),
    pytest.param("he is con fused", "confusion", id="split in two"),
    pytest.param("she is un con scious", "drowsy", id="split in three"),
    pytest.param("hal-luci-nating", "confusion", id="split by hyphens"),
    pytest.param("sei\nzure", "seizure", id="split over two lines"),
    pytest.param("heisconfused", "confusion", id="joined: a sentence"),
    pytest.param("badheadache", "headache_vision", id="joined: two words"),
    pytest.param("hecantbreathe", "breathing", id="joined: a phrase"),
    pytest.param("f e v e r", "fever", id="spelt out"),
    pytest.param("s e i z e r", "seizure", id="spelt out and misspelt"),
    pytest.param("s-e-i-z-u-r-e", "seizure", id="spelt out with hyphens"),
    pytest.param("s.u.i.c.i.d.e", "crisis", id="spelt out with full stops"),
    pytest.param("HE IS CONFUSED", "confusion", id="capitals"),
    pytest.param("hE iS cOnFuSeD", "confusion", id="mixed case"),
    pytest.param("the seizure's over", "seizure", id="possessive"),
    pytest.param("the fever’s back", "fever", id="possessive: curly apostrophe"),
    pytest.param("he cant breathe", "breathing", id="no apostrophe"),
    pytest.param("he can’t breathe", "breathing", id="curly apostrophe"),
    pytest.param("he can`t breathe", "breathing", id="backtick for an apostrophe"),
    pytest.param("🤒", "fever", id="emoji alone"),
    pytest.param("🤮🤮🤮", "vomiting_diarrhoea", id="emoji repeated"),
    pytest.param("mum😵help", "faint_low_pressure", id="emoji between letters"),
    pytest.param("🆘", "worsening", id="emoji: a call for help"),
    pytest.param("fеvеr", "fever", id="look-alikes: Cyrillic"),
    pytest.param("cοnfused", "confusion", id="look-alikes: Greek"),
    pytest.param("féver", "fever", id="accent"),
    pytest.param("f̶e̶v̶e̶r̶", "fever", id="struck through"),
    pytest.param("𝐟𝐞𝐯𝐞𝐫", "fever", id="mathematical letters"),
    pytest.param("#fever", "fever", id="hashtag"),
    pytest.param("**fever**", "fever", id="asterisks"),
    pytest.param("(fever)", "fever", id="brackets"),
    pytest.param("fever/chills", "chills", id="slash"),
    pytest.param("fever_again", "fever", id="underscore"),
    pytest.param("<b>fever</b>", "fever", id="markup"),
]

ORDINARY = [
    "What is CRS?",
    "How long does the treatment take?",
    "Where can we park at the hospital?",
    "Thank you very much, that was helpful",
    "Can my wife stay in the room with me overnight?",
    "What does the insurance pay for?",
    "When do the cells come back from the laboratory?",
    "Is the hotel near the ward?",
    "Which documents do we need for the visa?",
    "He ate well and watched the football",
    "May grandma visit us on Sunday?",
    "What is the difference between CAR-T and a bispecific antibody?",
    "How many days do we stay in China?",
    "Who is our navigator and how do I reach her?",
    "Good morning! We arrived yesterday, the flight was fine.",
    "Do I bring my own towels and slippers",
    "Can he eat fruit and drink green tea",
    "She likes the new doctor",
]


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


def symptoms(detector: RedFlagDetector, text: str) -> set[str]:
    return {flag.symptom for flag in detector.detect(text).red_flags if flag.detector == LEXICON}


@pytest.mark.parametrize(
    ("text", "symptom"), [(text, symptom) for symptom, texts in MUST_TRIGGER.items() for text in texts]
)
def test_a_plain_wording_is_found_with_its_symptom(detector: RedFlagDetector, text: str, symptom: str) -> None:
    assert symptom in symptoms(detector, text)


def test_every_group_has_wordings_of_at_least_three_kinds() -> None:
    assert len(MUST_TRIGGER) == 22
    assert min(len(texts) for texts in MUST_TRIGGER.values()) >= 3


@pytest.mark.parametrize(("text", "symptom"), RECOGNISED)
def test_a_word_is_recognised_however_it_is_written(detector: RedFlagDetector, text: str, symptom: str) -> None:
    assert symptom in symptoms(detector, text)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_message_does_not_trigger(detector: RedFlagDetector, text: str) -> None:
    detection = detector.detect(text)
    assert detection.red_flags == ()
    assert not detection.triggers
    assert detection.tier is None


@pytest.mark.parametrize("text", ["", " ", "\n", "?", "...", "7", "\u200b", "ok"])
def test_what_says_nothing_does_not_trigger(detector: RedFlagDetector, text: str) -> None:
    assert not detector.detect(text).triggers


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("Since noon he has a fever.", "fever"),
        ("Help: ＦＥＶＥＲ!", "ＦＥＶＥＲ"),
        ("my mum is c0nfused today", "c0nfused"),
        ("she said fe\u200bver again", "fe\u200bver"),
    ],
)
def test_a_mention_stands_where_it_was_typed(detector: RedFlagDetector, text: str, mention: str) -> None:
    flags = detector.detect(text).red_flags
    assert mention in {flag.text for flag in flags}
    assert all(text[flag.start : flag.end] == flag.text for flag in flags)


def test_every_symptom_of_a_message_is_named(detector: RedFlagDetector) -> None:
    found = symptoms(detector, "He has a fever and chills, he is confused and his nose is bleeding")
    assert {"fever", "chills", "confusion", "bleeding_rash"} <= found


def test_a_mention_is_found_anywhere_in_a_long_message(detector: RedFlagDetector) -> None:
    filler = "we had lunch and then we went to the park with my sister " * 40
    for text in (f"he has a seizure {filler}", f"{filler}he has a seizure {filler}", f"{filler}he has a seizure"):
        assert symptoms(detector, text) >= {"seizure"}


@pytest.mark.parametrize("words", range(85, 100))
def test_a_mention_is_found_where_the_windows_meet(detector: RedFlagDetector, words: int) -> None:
    assert "crisis" in symptoms(detector, f"{'tea ' * words}I want to die {'tea ' * 30}")


def test_crisis_is_told_apart(detector: RedFlagDetector) -> None:
    assert detector.detect("I want to die").crisis
    assert not detector.detect("He has a fever").crisis


def test_the_fingerprint_of_the_rules_stays_the_same(detector: RedFlagDetector) -> None:
    assert RedFlagDetector().ruleset == detector.ruleset == detector.detect("hello").ruleset
