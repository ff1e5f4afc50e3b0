"""bot.conversations.inbox and what belongs to it: filters, pages, rows and counts, on a real database."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from log_entries import add_conversation, add_message, add_reply, add_user, at
from sqlalchemy.orm import Session

from bot.answers.setup import prepare_storage
from bot.conversations import inbox, reviewing
from bot.conversations.inbox import Counts, count, neighbours, page_of
from bot.conversations.inbox_filter import FilterError, InboxFilter, Place, Position, read_filter, read_query
from bot.conversations.inbox_rows import rows_of
from bot.conversations.review_models import RED_FLAG, TOPIC, Alert, ConversationTag, Correction, Tag
from bot.conversations.search import add_words
from bot.settings import Settings


@pytest.fixture
def session(database_settings: Settings) -> Iterator[Session]:
    with prepare_storage(database_settings)() as session:
        yield session


def shown(session: Session, query: str, me: int = 0, place: Place | None = None) -> list[str]:
    page = page_of(session, read_query(query), place or Place(), me)
    return [conversation.key for conversation in page.conversations]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("colour=red", "has a part that the inbox does not know"),
        ("tier=T3", "'tier' is one of: T1, T2, any"),
        ("unanswered=no", "'unanswered' is one of: yes"),
        ("review=done", "'review' is one of: to review, later, reviewed, all"),
        ("sort=random", "'sort' is one of: newest, oldest, urgent"),
        ("topic=What+is+CRS", "'topic' has a form that no topic has"),
        ("channel=%27--", "'channel' has a form that no channel has"),
        ("tag=0", "'tag' has a form that no tag has"),
        ("tag=billing", "'tag' has a form that no tag has"),
        ("assignee=Nina+N", "'assignee' has a form that no assignee has"),
        ("from=yesterday", "'from' is a day such as 2027-01-31"),
        ("to=2027-02-30", "'to' is a day such as 2027-01-31"),
        ("from=2027-01-02&to=2027-01-01", "'from' is later than 'to'"),
        ("since=2027-01-01", "has a part that the inbox does not know"),
        ("tier=T1&tier=T2", "'tier' stands twice in the address"),
        ("after=1", "'after' names no place in the inbox"),
        ("before=0-999999999999999999-1", "'before' names no place in the inbox"),
        ("after=0-1-1&before=0-2-2", "a page is 'after' or 'before', not both"),
    ],
)
def test_a_wrong_address_is_one_clear_line(query: str, fault: str) -> None:
    with pytest.raises(FilterError) as caught:
        read_query(query)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_holds_the_whole_filter() -> None:
    chosen = InboxFilter(
        review="all",
        tier="any",
        unanswered=True,
        unsure=True,
        unhelpful=True,
        wants_person=True,
        undelivered=True,
        topic="crs_duration",
        channel="widget",
        tag=7,
        assignee="me",
        since=date(2027, 1, 1),
        until=date(2027, 1, 31),
        sort="oldest",
    )

    assert read_query(chosen.query()) == chosen
    assert "from=2027-01-01&to=2027-01-31" in chosen.query()


def test_a_form_that_says_nothing_is_no_filter() -> None:
    assert read_filter([("tier", ""), ("from", ""), ("after", "")]) == (InboxFilter(), Place())
    assert InboxFilter().query() == ""


def test_a_position_survives_the_address() -> None:
    position = Position(2, at(1.5) + timedelta(microseconds=1), 12)

    assert read_filter([("after", str(position))])[1].after == position


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["urgent", "general", "quiet"]),
        ("review=later", ["later"]),
        ("review=reviewed", ["reviewed"]),
        ("review=all", ["urgent", "general", "quiet", "later", "reviewed"]),
        ("tier=T1", ["urgent"]),
        ("tier=T2", ["general"]),
        ("tier=any", ["urgent", "general"]),
        ("unanswered=yes", ["general"]),
        ("unsure=yes", ["quiet"]),
        ("unhelpful=yes", ["quiet"]),
        ("wants_person=yes", ["quiet"]),
        ("undelivered=yes", ["urgent"]),
        ("undelivered=yes&review=all", ["urgent", "reviewed"]),
        ("wants_person=yes&unsure=yes", ["quiet"]),
        ("wants_person=yes&unanswered=yes", []),
        ("channel=telegram", ["general"]),
        ("topic=crs_duration", ["urgent"]),
        ("topic=caregiver_role", ["quiet"]),
        ("topic=what_is_crs", []),
        ("topic=what_is_crs&review=all", ["later"]),
        ("tag=1", ["general"]),
        ("tag=99", []),
        ("assignee=me", ["urgent"]),
        ("assignee=nobody", ["general", "quiet"]),
        ("assignee=nora&review=all", ["reviewed"]),
        ("assignee=stranger", []),
        ("from=2027-01-01&to=2027-01-01&review=all", ["urgent", "general", "quiet", "later"]),
        ("to=2026-12-31&review=all", ["reviewed"]),
        ("sort=oldest", ["quiet", "general", "urgent"]),
    ],
)
def test_filters(session: Session, query: str, keys: list[str]) -> None:
    nina, nora = add_user(session, "nina"), add_user(session, "nora")
    urgent = add_conversation(session, "urgent", 50, tier="T1", undelivered=True, assignee_id=nina.id)
    add_reply(session, add_message(session, urgent), topic="crs_duration")
    general = add_conversation(session, "general", 40, tier="T2", unanswered=True, channel="telegram")
    session.add(Tag(id=1, name="billing"))
    session.flush()
    session.add(ConversationTag(conversation_id=general.id, tag_id=1, added_by_id=nina.id))
    quiet = add_conversation(session, "quiet", 30, unsure=True, unhelpful=True, wants_person=True)
    message = add_message(session, quiet)
    session.add(Correction(message_id=message.id, kind=TOPIC, value="caregiver_role", by_id=nina.id))
    later = add_conversation(session, "later", 20, review="later")
    add_reply(session, add_message(session, later), topic="what_is_crs")
    past = {"review": "reviewed", "undelivered": True}
    add_conversation(session, "reviewed", -12 * 60 - 1, assignee_id=nora.id, **past)
    session.flush()

    assert shown(session, query, nina.id) == keys


def test_the_most_urgent_first_and_of_them_the_newest(session: Session) -> None:
    values = (None, "T2", "T1", None, "T2", "T1")
    for minutes, tier in enumerate(values):
        add_conversation(session, f"{tier}@{minutes}", minutes, tier=tier)
    add_conversation(session, "person@2.5", 2.5, wants_person=True)

    assert shown(session, "sort=urgent") == ["T1@5", "T1@2", "T2@4", "person@2.5", "T2@1", "None@3", "None@0"]


@pytest.mark.parametrize("sort", ["newest", "oldest", "urgent"])
def test_pages_neither_repeat_nor_skip_while_messages_arrive(session: Session, sort: str) -> None:
    for number in range(23):
        minutes = number // 3  # several at the same moment
        add_conversation(session, f"c{number}", minutes, tier=(None, "T2", "T1")[number % 3])
    chosen = read_query(f"sort={sort}")
    whole = shown(session, f"sort={sort}")

    seen, page, visited = [], page_of(session, chosen, Place(), 0, size=5), []
    while True:
        visited.append([each.key for each in page.conversations])
        seen += visited[-1]
        if page.next is None:
            break
        minutes = 1000 if sort == "newest" else -1000
        add_conversation(session, f"new{len(visited)}", minutes, tier="T1")
        add_conversation(session, f"newer{len(visited)}", minutes)
        page = page_of(session, chosen, Place(after=page.next), 0, size=5)
    backwards = []
    while page.previous is not None:
        page = page_of(session, chosen, Place(before=page.previous), 0, size=5)
        backwards = [each.key for each in page.conversations] + backwards

    assert [key for key in seen if not key.startswith("new")] == whole
    assert len(set(seen)) == len(seen)
    assert [key for key in backwards if not key.startswith("new")] == [key for key in whole if key not in visited[-1]]


def test_neighbours_stand_around_a_conversation_that_fits_no_more(session: Session) -> None:
    for minutes, key in enumerate(("last", "middle", "first")):
        add_conversation(session, key, minutes)
    chosen = InboxFilter()
    (middle,) = [each for each in page_of(session, chosen, Place(), 0).conversations if each.key == "middle"]
    middle.review = "reviewed"
    session.flush()

    found = neighbours(session, chosen, middle, 0)

    assert (found.previous, found.next) == ("first", "last")


def test_a_filter_and_words_narrow_together(session: Session) -> None:
    nina = add_user(session)
    for key, text, tier in (("one", "He has a fever", "T1"), ("other", "Fever again", None), ("third", "Chills", "T1")):
        conversation = add_conversation(session, key, tier=tier)
        add_words(session, conversation.id, text)
    reviewing.add_note(session, conversation, "Fever as well", by=nina.id)

    def found(query: str, words: str) -> set[str]:
        page = page_of(session, read_query(query), Place(), 0, words=words)
        return {each.key for each in page.conversations}

    assert found("", "fev") == {"one", "other", "third"}
    assert found("tier=T1", "fever") == {"one", "third"}
    assert found("tier=T1", "fever has") == {"one"}
    assert found("", "?!") == set()


def test_rows(session: Session) -> None:
    nina = add_user(session)
    conversation = add_conversation(session, "family", assignee_id=nina.id)
    first = add_message(session, conversation, "Hello")
    add_reply(session, first, topic="what_is_crs")
    last = add_message(session, conversation, "é" * 150, form="edited")
    add_reply(session, last, topic="crs_duration")
    add_reply(session, last, topic="what_is_crs", position=1)
    session.add_all([Tag(id=1, name="urgent"), Tag(id=2, name="billing")])
    session.add(Correction(message_id=first.id, kind=TOPIC, value="caregiver_role", by_id=nina.id))
    for tag in (1, 2):
        session.add(ConversationTag(conversation_id=conversation.id, tag_id=tag, added_by_id=nina.id))
    for minutes, acknowledged in ((1, None), (2, None), (3, at(4))):
        message = add_message(session, add_conversation(session, f"x{minutes}"))
        session.add(
            Alert(
                conversation_id=conversation.id,
                message_id=message.id,
                kind=RED_FLAG,
                raised_at=at(minutes),
                acknowledged_at=acknowledged,
                goes_out=False,
            )
        )
    empty = add_conversation(session, "empty")

    row, other = rows_of(session, [conversation, empty])

    assert (row.excerpt, row.cut, row.form) == ("é" * 140, True, "edited")
    assert row.topics == ("caregiver_role", "what_is_crs", "crs_duration")
    assert row.tags == ("billing", "urgent")
    assert (row.assignee, row.called_at) == ("Nina", at(2))
    assert (other.excerpt, other.cut, other.form, other.topics, other.tags) == ("", False, None, (), ())
    assert (other.assignee, other.called_at) == (None, None)


def test_counts_are_of_what_waits(session: Session) -> None:
    nina = add_user(session)
    add_conversation(session, "a", tier="T1", unanswered=True, assignee_id=nina.id)
    add_conversation(session, "b", tier="T2", unsure=True, wants_person=True)
    add_conversation(session, "c", unhelpful=True, undelivered=True)
    add_conversation(session, "d", review="later", tier="T1")
    add_conversation(session, "e", review="reviewed", tier="T1", unanswered=True, undelivered=True)

    assert count(session, nina.id) == Counts(
        to_review=3,
        later=1,
        urgent=1,
        not_urgent=1,
        unanswered=1,
        unsure=1,
        unhelpful=1,
        wants_person=1,
        undelivered=1,
        mine=1,
        of_nobody=2,
    )


def test_an_empty_inbox_is_counted_too(session: Session) -> None:
    assert count(session, 1) == Counts(*[0] * 11)


@pytest.mark.parametrize("sort", ["newest", "oldest", "urgent"])
@pytest.mark.parametrize("query", ["", "topic=what_is_crs", "tag=1", "tier=T1&assignee=me", "review=all&topic=a"])
def test_no_filter_reads_every_message(settings: Settings, query: str, sort: str) -> None:
    with prepare_storage(settings)() as session:
        statement = inbox.matching(read_query(f"{query}&sort={sort}"), 1).compile(session.get_bind())
        values = tuple(str(statement.params[name]) for name in statement.positiontup)

        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()

        steps = [row[3] for row in plan]
        assert not [step for step in steps if step.startswith("SCAN message")], steps
