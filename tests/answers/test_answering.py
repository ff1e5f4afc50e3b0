"""bot.answers.answering: which answer or fixed text each question gets, and what the conversation remembers."""

from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.answering import Answering, Context, is_answer_name
from bot.answers.content import AnswerContent, answer_name, read_answers_file
from bot.answers.follow_ups import FollowUps
from bot.answers.published import PublishedAnswers
from bot.answers.questions import Question
from bot.answers.setup import ANSWERS_FILE, load_answers_file, make_answering, prepare_storage
from bot.answers.workflow import find_revision, retire_revision
from bot.fixed_texts import FixedTexts
from bot.replies import ANSWER, Reply
from bot.settings import CONTACT_SETTINGS, load_settings

CONTENTS: dict[str, AnswerContent] = {content.name: content for content in read_answers_file(ANSWERS_FILE)}
RETIRED = "cancerfax_contact"  # not published in these tests
NOTHING = Context()


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Answering:
    """The project's answers and texts, one of the answers retired."""
    folder = tmp_path_factory.mktemp("answering")
    contacts = dict.fromkeys(CONTACT_SETTINGS, "")
    settings = load_settings(database_url=f"sqlite:///{folder}/bot.sqlite3", var_dir=folder, **contacts)
    sessions = prepare_storage(settings)
    load_answers_file(sessions)
    with sessions() as session:
        retire_revision(session, find_revision(session, RETIRED), by="clinician")
        session.commit()
    return make_answering(settings)


def ask(
    intent: str,
    text: str = "?",
    *,
    asks: bool = True,
    variant: str = "",
    candidates: Sequence[str] = (),
    close: bool = False,
) -> Question:
    return Question(text, intent, 0.9, asks, variant, tuple(candidates), close)


def shown(replies: Sequence[Reply]) -> list[str]:
    """An answer by its name, a fixed text as `kind: its name`."""
    return [
        answer_name(reply.topic, reply.variant) if reply.topic else f"{reply.kind}: {reply.text_id}"
        for reply in replies
    ]


def tokens(reply: Reply) -> list[str]:
    return [button.token for button in reply.buttons]


@pytest.mark.parametrize("name", sorted(set(CONTENTS) - {RETIRED}))
def test_a_topic_gets_its_approved_answer_and_nothing_else(answering: Answering, name: str) -> None:
    topic, _, variant = name.partition("/")
    content = CONTENTS[name]

    (reply,), context = answering.reply([ask(topic, variant=variant)], NOTHING)

    assert (reply.kind, reply.text, reply.revision) == (ANSWER, content.text, 1)
    assert (reply.topic, reply.variant, reply.text_id) == (topic, variant, "")
    assert reply.sources == tuple(f"{source.document}: {source.section}" for source in content.sources)
    offered = [name for name in content.related if name != RETIRED]
    assert [(button.title, button.token) for button in reply.buttons] == [(CONTENTS[n].title, n) for n in offered]
    assert context == Context(topic=topic, variant=variant, offered=tuple(offered))


@pytest.mark.parametrize(
    ("question", "context", "expected"),
    [
        pytest.param(ask("crs_grading", variant="grade_9"), NOTHING, "crs_grading", id="unknown variant"),
        pytest.param(ask("crs_duration", variant="grade_2"), NOTHING, "crs_duration", id="variant of no meaning here"),
        pytest.param(ask(RETIRED), NOTHING, "fallback: no_answer", id="nothing published"),
        pytest.param(ask("crs_unheard_of"), NOTHING, "fallback: no_answer", id="topic without an answer"),
        pytest.param(ask("follow_up_duration"), Context("crs_symptoms"), "crs_duration", id="follow-up in context"),
        pytest.param(ask("follow_up_duration"), NOTHING, "clarify: clarify_follow_up", id="follow-up out of context"),
        pytest.param(
            ask("follow_up_duration"), Context("cancerfax_services"), "clarify: clarify_follow_up", id="astray"
        ),
        pytest.param(ask("follow_up_cost"), Context("crs_symptoms"), "cost_and_stay", id="follow-up for any topic"),
        pytest.param(
            ask("follow_up_grade", variant="grade_3"), Context("crs_grading"), "crs_grading/grade_3", id="grade named"
        ),
        pytest.param(
            ask("follow_up_grade"), Context("crs_grading"), "clarify: clarify_follow_up", id="grade not named"
        ),
        pytest.param(
            ask("follow_up_more"), Context("cancerfax_services"), "fallback: no_answer", id="follow-up to a retired one"
        ),
        pytest.param(ask("affirm"), Context(offered=("crs_duration",)), "crs_duration", id="yes to one offer"),
        pytest.param(
            ask("affirm"), Context(offered=("crs_grading/grade_1",)), "crs_grading/grade_1", id="yes to a variant"
        ),
        pytest.param(
            ask("affirm"),
            Context(offered=("crs_duration", "late_crs_at_home")),
            "clarify: clarify_close",
            id="yes to two",
        ),
        pytest.param(ask("affirm"), NOTHING, "clarify: clarify_follow_up", id="yes to nothing"),
        pytest.param(ask("affirm"), Context("crs_duration"), "clarify: clarify_follow_up", id="yes to an answer"),
        pytest.param(ask("affirm"), Context(offered=(RETIRED,)), "fallback: no_answer", id="yes to a retired one"),
        pytest.param(ask("deny"), Context(offered=("crs_duration",)), "clarify: clarify_else", id="no to one offer"),
        pytest.param(ask("deny"), NOTHING, "clarify: clarify_else", id="no to nothing"),
        pytest.param(ask("background"), NOTHING, "clarify: clarify_background", id="background"),
        pytest.param(ask("talk_to_human"), NOTHING, "handover: handover", id="a person"),
        pytest.param(ask("unreadable"), NOTHING, "fallback: unreadable", id="unreadable"),
        pytest.param(ask("small_talk", "hello"), NOTHING, "small_talk: small_talk", id="hello"),
        pytest.param(ask("small_talk", "thanks a lot"), NOTHING, "small_talk: small_talk_thanks", id="thanks"),
        pytest.param(ask("out_of_scope"), NOTHING, "fallback: out_of_scope", id="out of scope"),
        pytest.param(ask("nlu_fallback"), NOTHING, "clarify: clarify_low", id="unsure"),
        pytest.param(ask("nlu_fallback", close=True), NOTHING, "clarify: clarify_close", id="two close ones"),
    ],
)
def test_what_a_question_gets(answering: Answering, question: Question, context: Context, expected: str) -> None:
    replies, after = answering.reply([question], context)

    assert shown(replies) == [expected]
    topic, _, variant = expected.partition("/")
    if replies[0].kind == ANSWER:
        assert (after.topic, after.variant) == (topic, variant)
        assert replies[0].text == CONTENTS[expected].text
    else:
        assert (after.topic, after.variant) == (context.topic, context.variant)


@pytest.mark.parametrize(
    ("question", "context", "buttons"),
    [
        pytest.param(
            ask("nlu_fallback", candidates=["crs_duration", RETIRED, "crs_length", "late_crs_at_home"]),
            NOTHING,
            ["crs_duration", "late_crs_at_home", "person"],
            id="unsure",
        ),
        pytest.param(ask("nlu_fallback"), NOTHING, ["person"], id="unsure without a guess"),
        pytest.param(
            ask("nlu_fallback", candidates=["crs_duration", "late_crs_at_home"], close=True),
            NOTHING,
            ["crs_duration", "late_crs_at_home", "else"],
            id="two close ones",
        ),
        pytest.param(
            ask("out_of_scope", candidates=["cost_and_stay", RETIRED]), NOTHING, ["cost_and_stay"], id="out of scope"
        ),
        pytest.param(
            ask("affirm"),
            Context(offered=("crs_duration", "crs_grading/grade_2", RETIRED)),
            ["crs_duration", "crs_grading/grade_2", "else"],
            id="yes to several",
        ),
        pytest.param(ask("affirm"), NOTHING, [], id="yes to nothing"),
        pytest.param(ask("follow_up_cost"), NOTHING, ["cost_and_stay"], id="follow-up out of context"),
        pytest.param(ask("follow_up_duration"), NOTHING, ["crs_duration"], id="follow-up that means one topic most"),
        pytest.param(ask("follow_up_effect"), NOTHING, [], id="follow-up that could mean anything"),
        pytest.param(ask(RETIRED), NOTHING, ["person"], id="nothing published"),
        pytest.param(ask("talk_to_human"), NOTHING, [], id="a person"),
    ],
)
def test_what_a_reply_offers(answering: Answering, question: Question, context: Context, buttons: list[str]) -> None:
    (reply,), after = answering.reply([question], context)

    assert tokens(reply) == buttons
    assert after.offered == tuple(token for token in buttons if token not in ("else", "person"))
    assert [b.title for b in reply.buttons if b.token in CONTENTS] == [CONTENTS[name].title for name in after.offered]


def test_a_text_without_an_answer_carries_no_topic(answering: Answering) -> None:
    (reply,), _ = answering.reply([ask(RETIRED)], NOTHING)

    assert (reply.topic, reply.variant, reply.sources) == (None, "", ())


@pytest.mark.parametrize(
    ("questions", "expected", "after"),
    [
        pytest.param([], [], Context("crs_symptoms", "", ()), id="none"),
        pytest.param(
            [ask("crs_duration"), ask("cost_and_stay")],
            ["crs_duration", "cost_and_stay"],
            Context("cost_and_stay", "", CONTENTS["cost_and_stay"].related),
            id="two topics in their order",
        ),
        pytest.param(
            [ask("crs_duration", "a"), ask("cost_and_stay"), ask("crs_duration", "b")],
            ["crs_duration", "cost_and_stay"],
            Context("crs_duration", "", CONTENTS["cost_and_stay"].related),
            id="a repeated one once",
        ),
        pytest.param(
            [ask("out_of_scope"), ask("out_of_scope")],
            ["fallback: out_of_scope"],
            Context("crs_symptoms", "", ()),
            id="a repeated text once",
        ),
        pytest.param(
            [ask("crs_grading", variant="grade_1"), ask("crs_grading", variant="grade_2")],
            ["crs_grading/grade_1", "crs_grading/grade_2"],
            Context("crs_grading", "grade_2", CONTENTS["crs_grading/grade_2"].related),
            id="two variants",
        ),
        pytest.param(
            [ask("what_is_crs"), ask("follow_up_duration")],
            ["what_is_crs", "crs_duration"],
            Context("crs_duration", "", CONTENTS["crs_duration"].related),
            id="a follow-up to the question before it",
        ),
        pytest.param(
            [ask("crs_grading", variant="grade_2"), ask("small_talk", "thanks")],
            ["crs_grading/grade_2", "small_talk: small_talk_thanks"],
            Context("crs_grading", "grade_2", ()),
            id="thanks after a question",
        ),
    ],
)
def test_several_questions_of_one_message(
    answering: Answering, questions: list[Question], expected: list[str], after: Context
) -> None:
    published = Context(after.topic, after.variant, tuple(name for name in after.offered if name != RETIRED))

    replies, context = answering.reply(questions, Context("crs_symptoms", offered=("late_crs_at_home",)))

    assert shown(replies) == expected
    assert context == published


def test_a_conversation_remembers_from_turn_to_turn(answering: Answering) -> None:
    said, context = [], NOTHING
    for question in (
        ask("crs_grading"),
        ask("follow_up_grade", variant="grade_2"),
        ask("follow_up_duration"),
        ask("nlu_fallback", candidates=["late_crs_at_home"]),
        ask("affirm"),
        ask("affirm"),
    ):
        replies, context = answering.reply([question], context)
        said.extend(shown(replies))

    assert said == [
        "crs_grading",
        "crs_grading/grade_2",
        "crs_duration",
        "clarify: clarify_low",
        "late_crs_at_home",
        "clarify: clarify_close",
    ]


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        ([ask("crs_duration")], ["crs_duration"]),
        ([ask("crs_duration", asks=False)], []),
        ([ask("talk_to_human", asks=False)], ["handover: handover"]),
        ([ask("nlu_fallback", candidates=["crs_duration"])], []),
        ([ask("follow_up_duration")], []),
        ([ask("affirm")], []),
        ([ask("deny")], []),
        ([ask("small_talk", "thanks")], []),
        ([ask("background")], []),
        ([ask("out_of_scope")], []),
        ([ask("unreadable")], []),
        ([ask("red_flag")], []),
        (
            [ask("small_talk"), ask("cost_and_stay"), ask("nlu_fallback"), ask("talk_to_human")],
            ["cost_and_stay", "handover: handover"],
        ),
        ([], []),
    ],
)
def test_beside_a_red_flag_only_clear_questions_are_answered(
    answering: Answering, questions: list[Question], expected: list[str]
) -> None:
    before = Context("crs_symptoms", offered=("crs_duration",))

    replies, after = answering.reply_beside_red_flag(questions, before)

    assert shown(replies) == expected
    topic = next((name for name in expected if name in CONTENTS), "crs_symptoms")
    assert after.topic == topic
    if not expected:
        assert after == Context("crs_symptoms")  # a "yes" later on answers nothing that stood before the red flag


def test_without_any_answer_in_the_database_every_topic_says_so(sessions: "sessionmaker[Session]") -> None:
    unasked = Answering(PublishedAnswers(sessions), FixedTexts(load_settings()), FollowUps())

    replies, context = unasked.reply([ask("crs_duration")], NOTHING)

    assert shown(replies) == ["fallback: no_answer"]
    assert context == NOTHING


@pytest.mark.parametrize(
    ("token", "leads"), [("crs_duration", True), ("crs_grading/grade_1", True), ("else", False), ("person", False)]
)
def test_which_buttons_lead_to_an_answer(token: str, leads: bool) -> None:
    assert is_answer_name(token) is leads


def test_a_question_travels_as_plain_values() -> None:
    question = ask("nlu_fallback", "Hm?", variant="grade_1", candidates=["crs_duration", "crs_symptoms"], close=True)

    assert Question.from_dict(question.as_dict()) == question
