"""bot.redflags.unreadable: what the detectors cannot read they say they cannot."""

import pytest

from bot.redflags.detector import RedFlagDetector

OTHER_SCRIPTS = [
    "我们明天去哪里吃饭",
    "Где можно оставить машину",
    "أين يمكننا أن نوقف السيارة",
    "हम कहाँ खाना खा सकते हैं",
    "আমরা কোথায় থাকব",
    "ہم گاڑی کہاں کھڑی کریں",
    "여기 주차할 수 있나요",
    "駐車場はどこですか",
    "เราจอดรถได้ที่ไหน",
    "நாங்கள் எங்கே தங்குவது",
    "איפה אפשר לחנות",
    "Πού μπορούμε να παρκάρουμε",
    "የት ማቆም እንችላለን",
]
TRANSLITERATED = [
    "hum kahan gaadi khadi kar sakte hain",
    "ami kothay thakbo bolen",
    "women mingtian qu nali chifan",
    "gde mozhno ostavit mashinu",
    "qing wen fandian zai nali",
    "wein mumkin nuwaqqif essayyara",
]
OTHER_LANGUAGES = [
    "donde podemos aparcar el coche mañana",
    "wo kann man hier parken bitte schön",
    "nerede park edebiliriz lütfen",
    "onde podemos estacionar o carro amanhã",
    "ninaweza kuegesha wapi gari",
    "kedu ebe anyi ga-aga",
]
UNKNOWN_WORDS = ["xqzt wvlpk brmfg", "blorf snig quandle frobnak", "asdfgh qwertz yxcvbn"]

SECOND_LANGUAGE = [
    "where we can park car please",
    "My husband he eat good today",
    "Doctor say we go home tomorrow, is true?",
    "how many day we must stay in hospital",
    "Kindly do the needful and revert",
    "Abeg how we go take reach the hotel",
    "I am wanting to know visiting time",
    "we r in teh hotl near hospitl",
    "cn i bring mi own foood",
    "wat time docs come tmrw",
]
NAMES = [
    "Siobhan and Krzysztof arrive tomorrow",
    "Thank you Dr Zhang Wei",
    "Mrs Oluwaseun Adebayo asks about the visa",
    "Is Papadopoulos our doctor?",
    "My name is Nguyen Thi Phuong",
    "Beijing Shanghai",
    "we are the family of Muhammad Abdulrahman",
]
MEDICAL = [
    "tocilizumab and dexamethasone, which first?",
    "teclistamab or talquetamab",
    "What is blinatumomab?",
    "ferritin and CRP results",
    "lymphodepletion with fludarabine and cyclophosphamide",
    "ciltacabtagene autoleucel",
    "ICANS",
    "Yescarta Kymriah Carvykti",
]
SHORT = ["", "?", "38", "👍", "hi", "ok", "thx", "yes pls", "no", "...", "\u200b"]


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


@pytest.mark.parametrize("text", [*OTHER_SCRIPTS, *TRANSLITERATED, *OTHER_LANGUAGES, *UNKNOWN_WORDS])
def test_what_the_detectors_cannot_read_is_unreadable(detector: RedFlagDetector, text: str) -> None:
    assert detector.detect(text).unreadable


@pytest.mark.parametrize("text", [*SECOND_LANGUAGE, *NAMES, *MEDICAL, *SHORT])
def test_what_they_can_read_is_not(detector: RedFlagDetector, text: str) -> None:
    assert not detector.detect(text).unreadable


@pytest.mark.parametrize("text", ["妈妈发烧了怎么办", "у него температура сорок", "tiene mucha fiebre y escalofríos"])
def test_an_unreadable_message_may_trigger_all_the_same(detector: RedFlagDetector, text: str) -> None:
    assert detector.detect(text).triggers


@pytest.mark.parametrize(
    "text", ["We say 你好 to the nurse every morning", "The visa office wrote: ПРИВЕТ to our family"]
)
def test_a_few_foreign_words_do_not_make_it_unreadable(detector: RedFlagDetector, text: str) -> None:
    assert not detector.detect(text).unreadable


def test_being_unreadable_is_no_hit(detector: RedFlagDetector) -> None:
    detection = detector.detect("blorf snig quandle frobnak")
    assert detection.unreadable
    assert not detection.triggers
    assert detection.tier is None
