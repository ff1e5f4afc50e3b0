"""The pages of the console that are measured, with what a generated log has for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.conversations.inbox import PAGE, position_of
from bot.conversations.inbox_filter import ALL, ANY, ME, NEWEST, NOBODY, OLDEST, STATES, URGENT_FIRST, InboxFilter
from bot.conversations.models import LATER, TO_REVIEW, Conversation, ConversationWord, Message
from bot.conversations.review_models import ConversationTag
from bot.staff.models import User

BOUND_MS = 200
PERIODS = (7, 30, 90)  # days of the numbers
HTMX = {"hx-request": "true"}
# Texts of families have the first two everywhere, the Chinese one here and there, and the last one nowhere.
COMMON, SECOND, CHINESE, NOWHERE = "crs", "nurse", "发烧", "zzyzx"


@dataclass(frozen=True)
class Page:
    """A page and how it is asked for.

    Attributes:
        name: what the table of results calls it.
        path: below /console.
        form: what is posted; None for a page that is got.
        bound_ms: what its median is to stay below; None where nothing is asked.
    """

    name: str
    path: str = "/"
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    bound_ms: int | None = BOUND_MS


async def ask(http: httpx.AsyncClient, page: Page) -> httpx.Response:
    """Ask for a page.

    Raises:
        httpx.HTTPStatusError: it is not there.
    """
    method = "GET" if page.form is None else "POST"
    response = await http.request(method, f"/console{page.path}", data=page.form, headers=page.headers)
    return response.raise_for_status()


def pages_of(session: Session) -> list[Page]:
    """Every page that is measured, of a database with a generated log."""
    return [
        *_inbox(session),
        *_searches(session),
        *_conversations(session),
        Page("alert bar", "/alerts", headers=HTMX),
        *(Page(f"numbers, {days} days", _numbers(session, days), bound_ms=None) for days in PERIODS),
        Page("improve", "/improve", bound_ms=None),
        Page("answers", "/answers", bound_ms=None),
    ]


def _inbox(session: Session) -> Iterator[Page]:
    topics = _topics(session)
    last = session.execute(select(func.max(Conversation.last_message_at))).scalar_one().date()
    tag = session.scalars(select(ConversationTag.tag_id).limit(1)).one()
    assigned = select(User.name).join(Conversation, Conversation.assignee_id == User.id)
    filters = {
        "inbox": InboxFilter(),
        "all": InboxFilter(review=ALL),
        "later": InboxFilter(review=LATER),
        "tier T1": InboxFilter(tier="T1"),
        "any tier, all": InboxFilter(tier=ANY, review=ALL),
        **{state.replace("_", " "): InboxFilter(**{state: True}) for state in STATES},
        "channel": InboxFilter(channel="telegram"),
        "common topic": InboxFilter(topic=topics[0]),
        "common topic, all": InboxFilter(topic=topics[0], review=ALL),
        "rare topic": InboxFilter(topic=topics[-1]),
        "tag": InboxFilter(tag=tag),
        "assignee": InboxFilter(assignee=session.scalars(assigned.limit(1)).one()),
        "mine: none": InboxFilter(assignee=ME),
        "nobody's": InboxFilter(assignee=NOBODY),
        "dates, a week": InboxFilter(since=last - timedelta(days=40), until=last - timedelta(days=34), review=ALL),
        "oldest first": InboxFilter(sort=OLDEST),
        "most urgent first": InboxFilter(sort=URGENT_FIRST),
        "most urgent first, all": InboxFilter(sort=URGENT_FIRST, review=ALL),
        "everything at once": InboxFilter(tier=ANY, unsure=True, topic=topics[0], tag=tag, since=last, sort=OLDEST),
    }
    for name, chosen in filters.items():
        yield Page(name, f"/?{chosen.query()}")
    yield Page("page 2", _behind(session, InboxFilter(), PAGE))
    for sort in (NEWEST, URGENT_FIRST):
        yield Page(f"a deep page, {sort}, all", _behind(session, InboxFilter(review=ALL, sort=sort), None))


def _behind(session: Session, chosen: InboxFilter, rows: int | None) -> str:
    """The path of the page behind so many rows of a filter, or behind half of all."""
    query = select(Conversation).order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
    if chosen.review == TO_REVIEW:
        query = query.where(Conversation.review == TO_REVIEW)
    count = session.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    skipped = count // 2 if rows is None else min(rows, count) - 1
    conversation = session.scalars(query.offset(skipped).limit(1)).one()
    return f"/?{chosen.query()}&after={position_of(conversation, chosen.sort)}"


def _searches(session: Session) -> Iterator[Page]:
    numbers = select(ConversationWord.word).where(ConversationWord.word >= "4000").order_by(ConversationWord.word)
    rare = session.scalars(numbers.limit(1)).one()
    words = {
        "a common word": COMMON,
        "two words": f"{COMMON} {SECOND}",
        "one letter": COMMON[0],
        "a rare word": rare,
        "a common and a rare word": f"{COMMON} {rare}",
        "a Chinese word": CHINESE,
        "nothing found": f"{COMMON} {NOWHERE}",
    }
    for name, typed in words.items():
        yield Page(f"search: {name}, all", "/search", {"words": typed, "query": InboxFilter(review=ALL).query()})
    filters = {
        "to review": InboxFilter(),
        "T1": InboxFilter(tier="T1"),
        "later, unanswered": InboxFilter(review=LATER, unanswered=True),
        "a rare topic": InboxFilter(topic=_topics(session)[-1]),
        "mine: none": InboxFilter(assignee=ME),
    }
    for name, chosen in filters.items():
        yield Page(f"search: two words in {name}", "/search", {"words": f"{COMMON} {SECOND}", "query": chosen.query()})


def _conversations(session: Session) -> Iterator[Page]:
    counted = select(Message.conversation_id, func.count().label("number")).group_by(Message.conversation_id)
    longest = session.execute(counted.order_by(func.count().desc()).limit(1)).one()
    newest = select(Conversation).where(Conversation.review == TO_REVIEW).order_by(Conversation.last_message_at.desc())
    first_page = session.scalars(newest.limit(PAGE)).all()
    ordinary = first_page[len(first_page) // 2]
    yield Page("conversation, an ordinary one", f"/conversations/{ordinary.key}")
    long = f"/conversations/{session.get(Conversation, longest.conversation_id).key}"
    yield Page("conversation, the longest", long)
    for name, chosen in (("to review", InboxFilter(sort=URGENT_FIRST)), ("all", InboxFilter(ALL, sort=URGENT_FIRST))):
        yield Page(f"the same, from the most urgent first, {name}", f"{long}?{chosen.query()}")


def _numbers(session: Session, days: int) -> str:
    last = session.execute(select(func.max(Conversation.last_message_at))).scalar_one().date()
    return f"/numbers?from={last - timedelta(days=days - 1)}&to={last}"


def _topics(session: Session) -> list[str]:
    """Those of the answers, the most common one first."""
    query = select(Message.topic).where(Message.topic.is_not(None)).group_by(Message.topic)
    return list(session.scalars(query.order_by(func.count().desc(), Message.topic)))
