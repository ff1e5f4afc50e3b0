"""bot.redflags.vitals: measured values in any wording, to the tenth, and numbers that measure nothing."""

import pytest

from bot.redflags.detector import VITALS, RedFlagDetector

FEVER, COLD, BREATHING, HEART, FAINT, URINE = (
    "fever",
    "low_temperature",
    "breathing",
    "heart",
    "faint_low_pressure",
    "urine",
)

RED = [
    # degrees Celsius
    ("temp 39.2", FEVER),
    ("temp 39,2", FEVER),
    ("temp 39·2", FEVER),
    ("temp 39 2", FEVER),
    ("Temp: 39.2", FEVER),
    ("temp=39.2", FEVER),
    ("T 38.5", FEVER),
    ("T: 38.5", FEVER),
    ("Tmax 39.1", FEVER),
    ("38.5 C", FEVER),
    ("38.5C", FEVER),
    ("38.5°C", FEVER),
    ("38.5 °C", FEVER),
    ("38.5℃", FEVER),
    ("38,5°", FEVER),
    ("38°5", FEVER),
    ("38 degrees", FEVER),
    ("38.5 deg", FEVER),
    ("39 celsius", FEVER),
    ("39 centigrade", FEVER),
    ("fever of 39", FEVER),
    ("he is 39.2", FEVER),
    ("39.2", FEVER),
    ("39.2!", FEVER),
    ("he hit 39.2 just now", FEVER),
    ("spiked 40", FEVER),
    ("the thermometer says 38.9", FEVER),
    ("thermometer: 38.9", FEVER),
    ("his temperature this morning was 38.7", FEVER),
    ("38.7 is his temperature", FEVER),
    ("Day 5, temp 38.4", FEVER),
    ("temp was 36.8 this morning and is 38.9 now", FEVER),
    ("temp 39.2 at 10:30", FEVER),
    ("temp 39.2 in room 12", FEVER),
    ("temp 39.2 for 2 days", FEVER),
    # degrees Fahrenheit
    ("temp 102.4", FEVER),
    ("temp 102,4", FEVER),
    ("temp is 101 F", FEVER),
    ("101F", FEVER),
    ("101.3°F", FEVER),
    ("101.3 ℉", FEVER),
    ("100.4 fahrenheit", FEVER),
    ("fever of 103", FEVER),
    ("he is 102.4", FEVER),
    # number words
    ("his temp is thirty nine", FEVER),
    ("temp thirty-nine", FEVER),
    ("temp thirty nine point two", FEVER),
    ("temp thirty eight point five", FEVER),
    ("thirty nine point two", FEVER),
    ("temp is one oh two", FEVER),
    ("temp one oh two point four", FEVER),
    ("temp one hundred and two", FEVER),
    ("temp is a hundred and two", FEVER),
    ("fever a hundred and one point five", FEVER),
    ("temperature forty", FEVER),
    ("TEMP THIRTY NINE POINT TWO", FEVER),
    # digits and characters of other scripts
    ("39度", FEVER),
    ("39.2度", FEVER),
    ("39度2", FEVER),
    ("体温39.2", FEVER),
    ("发烧 39", FEVER),
    ("三十九度", FEVER),
    ("体温三十九点二", FEVER),
    ("३९ डिग्री", FEVER),
    ("बुखार ३९", FEVER),
    ("٣٩ درجة", FEVER),
    ("حرارة ٣٩", FEVER),
    ("٣٩٫٢ درجة", FEVER),
    ("temp ۳۹", FEVER),
    ("জ্বর ৩৯", FEVER),
    ("temp ３９．２", FEVER),
    ("39 градусов", FEVER),
    ("температура 39", FEVER),
    ("39 grados", FEVER),
    ("fiebre 39", FEVER),
    # too cold
    ("temp 35.2", COLD),
    ("temperature 34.9", COLD),
    ("35 degrees", COLD),
    ("temp thirty five", COLD),
    ("temp 95.5 F", COLD),
    ("体温35", COLD),
    # oxygen
    ("sats 88", BREATHING),
    ("sats are 88%", BREATHING),
    ("O2 sat 90", BREATHING),
    ("SpO2 91", BREATHING),
    ("spo2: 85 %", BREATHING),
    ("sp02 85", BREATHING),
    ("oxygen is 88", BREATHING),
    ("oxygen eighty eight", BREATHING),
    ("88 sats", BREATHING),
    ("oximeter shows 89", BREATHING),
    ("血氧88", BREATHING),
    ("血氧八十八", BREATHING),
    # pulse
    ("pulse 140", HEART),
    ("HR 135", HEART),
    ("hr: 150", HEART),
    ("heart rate 142", HEART),
    ("heart rate is 36", HEART),
    ("140 bpm", HEART),
    ("140bpm", HEART),
    ("pulse one hundred and forty", HEART),
    ("pulse one forty", HEART),
    ("心率 140", HEART),
    ("脉搏150", HEART),
    # breathing
    ("RR 30", BREATHING),
    ("resp rate 28", BREATHING),
    ("respiratory rate is 32", BREATHING),
    ("32 breaths a minute", BREATHING),
    ("respirations thirty two", BREATHING),
    ("呼吸 32", BREATHING),
    # blood pressure
    ("bp 85/50", FAINT),
    ("BP 85 / 50", FAINT),
    ("bp 85 over 50", FAINT),
    ("85/50", FAINT),
    ("eighty five over fifty", FAINT),
    ("blood pressure 78/40 mmHg", FAINT),
    ("bp 80", FAINT),
    ("systolic 82", FAINT),
    ("blood pressure is eighty", FAINT),
    ("血压85/50", FAINT),
    # no urine for hours
    ("no pee for 20 hours", URINE),
    ("has not peed in 24h", URINE),
    ("no urine 18 hrs", URINE),
]

# The last value that is none, and the first that is one.
BOUNDARIES = [
    ("temp {}", "37.4", "37.5", FEVER),
    ("temp {}", "36.0", "35.9", COLD),
    ("temp {} F", "99.4", "99.5", FEVER),
    ("temp {} F", "96.8", "96.7", COLD),
    ("he is {}", "37.4", "37.5", FEVER),
    ("he is {}", "35.5", "35.4", COLD),
    ("he is {}", "99.4", "99.5", FEVER),
    ("sats {}", "92.5", "92.4", BREATHING),
    ("sats {}", "93", "92", BREATHING),
    ("pulse {}", "129", "130", HEART),
    ("pulse {}", "129.9", "130.0", HEART),
    ("pulse {}", "40", "39", HEART),
    ("resp rate {}", "24", "25", BREATHING),
    ("resp rate {}", "24.9", "25.0", BREATHING),
    ("bp {}/60", "101", "89", FAINT),
    ("bp {}/60", "90", "89", FAINT),
    ("bp {}", "90", "89", FAINT),
    ("no pee for {} hours", "17", "18", URINE),
]

AMBER = ["pulse 91", "pulse 129", "resp rate 21", "resp rate 24", "sats 93", "sats 94", "bp 90/60", "bp 100/60"]
NO_AMBER = ["pulse 90", "resp rate 20", "sats 95", "bp 101/60", "temp 37.4"]

NOT_VITALS = [
    "temp 36.8 pulse 88 sats 97 bp 120/80",
    "temp 36.6",
    "temp 98.6 F",
    "36.8 °C",
    "his temperature is thirty six point eight",
    "sats 98%",
    "pulse 72, resp rate 16",
    "bp 120 over 80",
    "bp 135/85",
    "peed 2 hours ago",
    "he is 39 years old",
    "my wife is 38",
    "38 y old woman",
    "aged 39",
    "she turned 40 yesterday",
    "day 39",
    "day +39",
    "39 days",
    "we stay 38 days",
    "in 40 hours",
    "on 39.5 hours of no sleep",
    "it is 3.12.2027",
    "28/02",
    "on 12/05/2027",
    "2027-05-31",
    "38 yuan",
    "it costs $39.5",
    "it costs 39.50 dollars",
    "¥39.9",
    "we paid 38.5",
    "€38,50",
    "room 39",
    "room number 38",
    "bed 38",
    "floor 40",
    "ward 39",
    "bus 102",
    "gate 38",
    "CD19",
    "cd38",
    "CD 38",
    "IL-6",
    "IL 6",
    "grade 3",
    "grade 3 or 4",
    "we read of CAR-T: 39 patients",
    "call me on 0207 946 0039",
    "phone 39 40 38 39",
    "+86 10 5555 0139",
    "my number is 13839403839",
    "at 10:30",
    "at 9.40",
    "the appointment is at 8.45",
    "at 14:39",
    "flight CA38",
    "flight MU 539",
    "seat 38F",
    "train G39",
    "weighs 39.5 kg",
    "39.5 kg",
    "40 mg",
    "39.8 km away",
    "38 people",
    "38 minutes",
    "38 percent",
    "two or three",
    "one two three four",
    "12 over 10",
    "half past nine",
    "version 38.1",
    "page 39",
    "order 3939393939",
]


@pytest.fixture(scope="module")
def detector() -> RedFlagDetector:
    return RedFlagDetector()


def vitals(detector: RedFlagDetector, text: str) -> set[str]:
    return {flag.symptom for flag in detector.detect(text).red_flags if flag.detector == VITALS}


@pytest.mark.parametrize(("text", "symptom"), RED)
def test_a_value_is_read(detector: RedFlagDetector, text: str, symptom: str) -> None:
    assert vitals(detector, text) == {symptom}


@pytest.mark.parametrize(("text", "last_without", "first_with", "symptom"), BOUNDARIES)
def test_a_bound_is_where_it_stands(
    detector: RedFlagDetector, text: str, last_without: str, first_with: str, symptom: str
) -> None:
    assert vitals(detector, text.format(last_without)) == set()
    assert vitals(detector, text.format(first_with)) == {symptom}


@pytest.mark.parametrize("text", AMBER)
def test_one_amber_value_alone_is_none(detector: RedFlagDetector, text: str) -> None:
    assert vitals(detector, text) == set()


@pytest.mark.parametrize(
    ("one", "other"), [(one, other) for one in AMBER for other in AMBER if one.split()[0] < other.split()[0]]
)
def test_two_amber_values_of_different_kinds_are_one(detector: RedFlagDetector, one: str, other: str) -> None:
    assert len(vitals(detector, f"{one} and {other}")) in (1, 2)
    assert vitals(detector, f"{one}, {other}") == vitals(detector, f"{other}, {one}") != set()


@pytest.mark.parametrize("text", ["pulse 95 then pulse 110", "sats 93, sats 94", "bp 95/60 and later bp 99/60"])
def test_two_amber_values_of_one_kind_are_none(detector: RedFlagDetector, text: str) -> None:
    assert vitals(detector, text) == set()


@pytest.mark.parametrize(
    ("text", "symptoms"),
    [
        ("88 sats", {BREATHING}),
        ("88 sats 97", {BREATHING}),
        ("pulse 88 sats", {BREATHING}),
        ("pulse 88 sats 97", set()),
        ("T 36.6, P 84, SpO2 98, RR 18", set()),
        ("resp rate 22, pulse 90", set()),
    ],
)
def test_a_number_between_two_names_is_of_the_first(detector: RedFlagDetector, text: str, symptoms: set[str]) -> None:
    assert vitals(detector, text) == symptoms


@pytest.mark.parametrize(
    ("text", "symptoms"),
    [
        ("pulse 110-130", {HEART}),
        ("hr 90-140", {HEART}),
        ("sats 90-95", {BREATHING}),
        ("temp 36-39", {FEVER}),
        ("38-5", {FEVER}),
        ("pulse 70-80", set()),
        ("sats 95-98", set()),
    ],
)
def test_both_ends_of_a_range_are_read(detector: RedFlagDetector, text: str, symptoms: set[str]) -> None:
    assert vitals(detector, text) == symptoms


@pytest.mark.parametrize("normal", NO_AMBER)
def test_an_amber_value_beside_a_normal_one_is_none(detector: RedFlagDetector, normal: str) -> None:
    amber = "resp rate 22" if not normal.startswith("resp") else "pulse 100"
    assert vitals(detector, f"{amber}, {normal}") == set()


@pytest.mark.parametrize("text", NOT_VITALS)
def test_other_numbers_are_no_vitals(detector: RedFlagDetector, text: str) -> None:
    assert vitals(detector, text) == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("his temp is 39.2 now", "temp is 39.2"),
        ("at noon 38,5°C", "38,5°"),
        ("bp was 85 over 50 lying down", "85 over 50"),
        ("temp thirty nine point two again", "temp thirty nine point two"),
        ("体温３９．２了", "温３９．２"),
    ],
)
def test_a_value_stands_where_it_was_typed(detector: RedFlagDetector, text: str, value: str) -> None:
    assert value in {flag.text for flag in detector.detect(text).red_flags if flag.detector == VITALS}


def test_every_value_of_a_message_is_named(detector: RedFlagDetector) -> None:
    found = vitals(detector, "temp 39.4, pulse 142, sats 88, rr 32, bp 82/40")
    assert found == {FEVER, HEART, BREATHING, FAINT}


@pytest.mark.parametrize("text", ["temp 120", "temp 3", "pulse 900", "sats 12", "bp 400/300", "temp 39000"])
def test_a_value_that_cannot_be_true_is_none(detector: RedFlagDetector, text: str) -> None:
    assert vitals(detector, text) == set()
