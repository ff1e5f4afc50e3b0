"""bot.dialogue.turn, as messengers use it: forms of messages, the notice again, what was erased."""

import uuid
from datetime import timedelta

import pytest
from families import ADDRESS, RED_FLAG, Family, Restart, locked, names, query

from bot.conversations.code import conversation_code
from bot.conversations.erased import MessageErased
from bot.conversations.forms import EDITED, ERASE, KEPT, NOT_TEXT
from bot.conversations.records import Inbound
from bot.redflags.detector import RedFlag
from bot.storage.base import now

pytestmark = pytest.mark.usefixtures("forgiven_disk")

CRISIS = "I want to kill myself"


# forms


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        # a later version of a question is not answered again
        (EDITED, "What is CRS?", []),
        (EDITED, "", []),
        (EDITED, "long text " * 1000, []),
        (EDITED, RED_FLAG, ["emergency", "notice_messenger"]),
        (EDITED, CRISIS, ["crisis", "notice_messenger"]),
        # a picture, or whatever else is no text; its caption is looked at for red flags, and not answered
        (NOT_TEXT, "", ["notice_messenger", "not_text"]),
        (NOT_TEXT, "What is CRS?", ["notice_messenger", "not_text"]),
        (NOT_TEXT, "这是什么", ["notice_messenger", "not_text"]),
        (NOT_TEXT, RED_FLAG, ["emergency", "notice_messenger", "not_text"]),
        (NOT_TEXT, CRISIS, ["crisis", "notice_messenger", "not_text"]),
        (ERASE, "Delete my data", ["notice_messenger", "erase"]),
        (ERASE, "He is shivering, delete my data", ["emergency", "notice_messenger", "erase"]),
        (KEPT, "Keep it", ["notice_messenger", "kept"]),
        (KEPT, CRISIS, ["crisis", "notice_messenger", "kept"]),
    ],
)
async def test_each_form_gets_its_replies_the_red_flag_first(
    family: Family, asked: list[str], form: str, text: str, expected: list[str]
) -> None:
    message_id = uuid.uuid4().hex

    result = await family.send(text, message_id=message_id, form=form, **ADDRESS)

    assert names(family.delivered) == names(result.replies) == expected
    assert asked == [], "what it says is not asked for"
    assert family.stored("text, form, state, intent") == (text, form, "answered", None)
    assert await family.log() == [text, *expected]
    again = await family.send(text, message_id=message_id, form=form, **ADDRESS)
    assert (again.repeated, again.replies) == (True, result.replies)


@pytest.mark.parametrize(("form", "flagged"), [(EDITED, []), (NOT_TEXT, ["not_text"])])
async def test_a_red_flag_that_only_the_second_detector_sees_counts_in_each_form(
    family: Family, monkeypatch: pytest.MonkeyPatch, form: str, flagged: list[str]
) -> None:
    class Second:
        def find(self, text: str) -> list[RedFlag]:
            return [RedFlag("chills", "", 0, 0, "semantic")]

    monkeypatch.setattr(family.service.gate, "_semantic", Second())

    assert await family.hears("the caption", form=form, **ADDRESS) == ["emergency", "notice_messenger", *flagged]


async def test_what_is_no_text_is_told_whom_to_call(family: Family) -> None:
    result = await family.send("", form=NOT_TEXT, **ADDRESS)

    contact = family.service.texts.reply("emergency").text.split("\n\n")[1]
    assert contact in result.replies[-1].text


async def test_the_question_before_erasing_has_its_buttons_and_the_code(family: Family) -> None:
    reply = (await family.send("Delete my data", form=ERASE, **ADDRESS)).replies[-1]

    assert [button.token for button in reply.buttons] == ["erase", "keep"]
    assert conversation_code(family.conversation) in reply.text
    assert reply.kind == "privacy"


async def test_an_edited_question_changes_nothing_of_what_follows(family: Family) -> None:
    await family.hears("What is CRS?", **ADDRESS)
    assert await family.hears("What are the grades of CRS?", form=EDITED, **ADDRESS) == []
    assert await family.hears("How long does it last?", **ADDRESS) == ["crs_duration"]


@pytest.mark.parametrize(
    ("form", "expected"), [(EDITED, []), (NOT_TEXT, ["not_text"]), (ERASE, ["erase"]), (KEPT, ["kept"])]
)
async def test_what_a_crash_left_is_answered_in_its_form(restart: Restart, form: str, expected: list[str]) -> None:
    before = Family(await restart(), "family")
    await before.service.journal.accept(before.message("What is CRS?", form=form, **ADDRESS))
    after = Family(await restart(), "family")

    (left,) = await after.service.journal.unanswered(within_s=600)
    await after.service.turn.handle(left, after.deliver)

    assert (left.form, left.address) == (form, "encrypted")
    assert names(after.delivered) == (["notice_messenger", *expected] if expected else [])


async def test_a_locked_database_costs_no_form(restart: Restart) -> None:
    family = Family(await restart())
    with locked(family.service):
        assert await family.hears("", form=NOT_TEXT, **ADDRESS) == ["notice_messenger", "not_text"]
        assert await family.hears("What is CRS?", form=EDITED, **ADDRESS) == []

    await family.service.journal.read_back()

    assert family.stored("form, state") == (EDITED, "answered")
    assert await family.log() == ["", "notice_messenger", "not_text", "What is CRS?"]


# the notice


@pytest.mark.parametrize(("values", "expected"), [({}, "notice"), (ADDRESS, "notice_messenger")])
async def test_messengers_have_a_notice_of_their_own(family: Family, values: dict[str, str], expected: str) -> None:
    assert await family.hears("What is CRS?", **values) == [expected, "what_is_crs"]
    assert family.delivered[0].text == family.service.texts.reply(expected).text


@pytest.mark.parametrize("forgotten", [False, True], ids=["as it runs", "after a restart"])
@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (timedelta(minutes=1), ["what_is_crs"]),
        (timedelta(days=6, hours=23, minutes=59), ["what_is_crs"]),
        (timedelta(days=7), ["notice_messenger", "what_is_crs"]),
        (timedelta(days=80), ["notice_messenger", "what_is_crs"]),
    ],
)
async def test_the_notice_comes_again_after_a_week_of_silence(
    family: Family, monkeypatch: pytest.MonkeyPatch, silence: timedelta, expected: list[str], forgotten: bool
) -> None:
    moment = now()
    await family.hears("What is CRS?", received_at=moment - silence, **ADDRESS)
    if forgotten:
        family.service.turn._noticed.clear()

    assert await family.hears("What is CRS?", received_at=moment, **ADDRESS) == expected
    assert await family.hears("How long does it last?", received_at=moment, **ADDRESS) == ["crs_duration"]


async def test_whoever_writes_every_day_is_told_once(family: Family) -> None:
    moment = now()
    heard = [
        await family.hears("What is CRS?", received_at=moment - timedelta(days=days), **ADDRESS)
        for days in range(16, -1, -2)
    ]

    assert heard == [["notice_messenger", "what_is_crs"]] + [["what_is_crs"]] * 8


async def test_the_notice_follows_a_red_flag_after_a_week_of_silence(family: Family) -> None:
    moment = now()
    await family.hears("What is CRS?", received_at=moment - timedelta(days=9), **ADDRESS)

    assert await family.hears("He is shivering", received_at=moment, **ADDRESS) == ["emergency", "notice_messenger"]


@pytest.mark.parametrize(("days", "expected"), [(1, []), (9, ["notice_messenger"])])
async def test_while_the_log_cannot_be_asked_memory_knows_of_the_notice(
    restart: Restart, days: int, expected: list[str]
) -> None:
    family, moment = Family(await restart()), now()
    await family.hears("What is CRS?", received_at=moment - timedelta(days=days), **ADDRESS)

    with locked(family.service):
        assert await family.hears("What is CRS?", received_at=moment, **ADDRESS) == [*expected, "what_is_crs"]


# what is stored of what is on its way


async def test_the_fixed_reply_is_under_way_and_the_rest_waits_for_a_moment(family: Family) -> None:
    before = now()
    await family.send(RED_FLAG, **ADDRESS)

    statement = (
        "SELECT coalesce(message.topic, text_id), delivery.state, next_attempt_at FROM delivery JOIN message "
        "ON message.id = message_id JOIN conversation ON conversation.id = conversation_id WHERE conversation.key = ? "
        "ORDER BY position"
    )
    rows = query(family.service, statement, family.conversation)
    assert [row[:2] for row in rows] == [
        ("emergency", "sending"),
        ("notice_messenger", "pending"),
        ("crs_duration", "pending"),
    ]
    moment = before.replace(tzinfo=None).isoformat(sep=" ")
    assert all(own_until > moment for _, _, own_until in rows), "nobody else sends them meanwhile"
    assert rows[0][2] > rows[1][2] == rows[2][2]


async def test_what_the_website_fetches_waits_for_the_page(family: Family) -> None:
    await family.send(RED_FLAG)

    statement = (
        "SELECT DISTINCT delivery.state, next_attempt_at FROM delivery JOIN message ON message.id = message_id "
        "JOIN conversation ON conversation.id = conversation_id WHERE conversation.key = ?"
    )
    assert query(family.service, statement, family.conversation) == [("pending", None)]


# what was erased


async def test_an_erased_message_that_comes_again_is_not_answered(family: Family, asked: list[str]) -> None:
    await family.send("What is CRS?", message_id=family.conversation, **ADDRESS)
    await family.service.turn.erase(family.conversation)
    family.delivered.clear()
    asked.clear()
    again = Family(family.service)

    with pytest.raises(MessageErased):
        await again.send("What is CRS?", message_id=family.conversation, **ADDRESS)

    assert (again.delivered, await again.log(), await family.log()) == ([], [], [])


async def test_nor_does_it_disturb_the_familys_next_conversation(family: Family) -> None:
    await family.send("What are the grades of CRS?", message_id=family.conversation, **ADDRESS)
    await family.service.turn.erase(family.conversation)
    later = Family(family.service)
    assert await later.hears("What is CRS?", **ADDRESS) == ["notice_messenger", "what_is_crs"]

    with pytest.raises(MessageErased):
        await later.send("What are the grades of CRS?", message_id=family.conversation, **ADDRESS)

    assert await later.hears("How long does it last?", **ADDRESS) == ["crs_duration"]
    assert await later.log() == [
        *("What is CRS?", "notice_messenger", "what_is_crs"),
        *("How long does it last?", "crs_duration"),
    ]


def test_a_message_of_a_messenger_travels_as_plain_values() -> None:
    inbound = Inbound("slack", "sl-0", "m1", "née 🆘", form=NOT_TEXT, **ADDRESS)

    assert Inbound.from_dict(inbound.as_dict()) == inbound
    older = {name: value for name, value in inbound.as_dict().items() if name not in ("form", "address")}
    assert (Inbound.from_dict(older).form, Inbound.from_dict(older).address) == ("text", "")
