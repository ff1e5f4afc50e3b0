"""How soon navigators acknowledge alerts. Everything here blocks."""

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation
from bot.conversations.period import Period
from bot.conversations.review_models import PERSON, RED_FLAG, UNDELIVERED_EMERGENCY, Alert
from bot.storage.durations import SecondsBetween

HALF, NINE_IN_TEN = 0.5, 0.9


@dataclass(frozen=True)
class Acknowledging:
    """How soon one sort of alert was acknowledged.

    Attributes:
        sort: T1 or T2 for red flags, otherwise the kind of the alert.
        alerts: how many were raised.
        acknowledged: how many of them somebody has acknowledged; only these have a time.
        median: what half of them did not exceed, in whole seconds; None where nobody has acknowledged any.
        ninetieth: what nine in ten did not exceed.
    """

    sort: str
    alerts: int
    acknowledged: int
    median: timedelta | None
    ninetieth: timedelta | None


def acknowledging(
    session: Session, period: Period, channel: str | None, corrected: dict[int, str | None]
) -> list[Acknowledging]:
    """Count the alerts that were raised in a period, the most urgent sort first.

    Args:
        session: of the database.
        period: which days.
        channel: count only what came over this one.
        corrected: the tier of messages that navigators have corrected; what is no red flag is left out.
    """
    seconds = SecondsBetween(Alert.raised_at, Alert.acknowledged_at).label("seconds")
    query = select(Alert.message_id, Alert.kind, Alert.tier, seconds)
    query = query.where(Alert.raised_at >= period.begins, Alert.raised_at < period.ends)
    if channel is not None:
        query = query.join(Alert.conversation).where(Conversation.channel == channel)
    times: dict[str, list[float | None]] = defaultdict(list)
    for row in session.execute(query):
        sort = corrected.get(row.message_id, row.tier) if row.kind == RED_FLAG else row.kind
        if sort is not None:
            times[sort].append(row.seconds)
    sorts = ("T1", UNDELIVERED_EMERGENCY, PERSON, "T2")
    return [_of_sort(sort, times[sort]) for sort in sorts if times[sort]]


def _of_sort(sort: str, times: list[float | None]) -> Acknowledging:
    known = sorted(time for time in times if time is not None)
    if not known:
        return Acknowledging(sort, len(times), 0, None, None)
    half, ninetieth = (known[math.ceil(share * len(known)) - 1] for share in (HALF, NINE_IN_TEN))
    return Acknowledging(
        sort, len(times), len(known), timedelta(seconds=round(half)), timedelta(seconds=round(ninetieth))
    )
