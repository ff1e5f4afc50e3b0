"""Messages for the benchmark: no two are alike, so that nothing that was worked out once helps with the next."""

# Every sentence and question holds the running number: parts of a message are understood, and remembered, on their own.
_TEMPLATES = (
    "What exactly is CRS? asking for room {n}",
    "When does CRS usually begin after the CAR-T cells went in, for bed {n}",
    "how long will CRS last for the man in bed {n}",
    "hello from family {n}",
    "What does grade 2 mean on the chart of bed {n}?",
    "is it a good sign that CRS came, family {n} here",
    "My wife in room {n} has a fever of 39 and is shivering",
    "Why was tocilizumab given in room {n}?",
    "does tocilizumab stop the CAR-T cells of patient {n} from working",
    "And how is that treated for number {n}?",
    "Do steroids harm the therapy of patient {n}?",
    "Does everybody get CRS, also our neighbour from bed {n}?",
    "thank you so much, that helps family {n}",
    "Which symptoms should family {n} watch out for at home",
    "my father in bed {n} is confused and can not find his words",
    "What is ICANS and how does it differ from CRS, please, for file {n}?",
    "who is more likely to get it badly, asks family {n}",
    "can we visit room {n} while he has CRS",
    "How long must patient {n} stay near the hospital?",
    "what about children like the girl in bed {n}",
    "Does insurance pay for treatment number {n}?",
    "When may patient {n} drive a car again?",
    "which blood tests do they take from bed {n} every morning",
    "Is CRS from a bispecific antibody milder than after CAR-T, as with patient {n}?",
    "The nurse in room {n} spoke of grade 3. What happens then in room {n}?",
    "I am so scared for bed {n}, nobody tells us anything",
    "What can family {n} do to help while we wait?",
    "can i speak with a real person about case {n}",
    "What is the weather like in town {n}?",
    "he was fine yesterday in bed {n} and today he sleeps all day, is that CRS in bed {n}?",
    "Will CRS come back after day {n}?",
    "and how soon after that, for patient {n}",
    "Can CRS kill somebody? family {n} wants to know the truth",
    "what is IL-6 and why do they measure it in room {n}",
    "Should we call somebody at night if bed {n} feels hot?",
    "what are cytokines, explain it to family {n} like to a child",
    "Does he need intensive care in room {n}? And how long do people stay there, like number {n}?",
    "is CRS an allergy, asks number {n}",
    "What should family {n} pack and who may stay overnight in room {n}?",
    "bye for now from room {n}",
    "How do the doctors of bed {n} find out that it is CRS and no infection?",
)
_STEP = 7  # no factor of the number of templates: neighbours in a conversation differ

FIRST_QUESTION = "What is CRS?"


def message(number: int) -> str:
    """The message with a running number."""
    return _TEMPLATES[number * _STEP % len(_TEMPLATES)].format(n=number)
