"""Which alerts call now, as the database has it. Everything here blocks: it is called from a thread.

An alert runs while somebody is still to be called for it: it goes out, nobody has acknowledged it, and it has a next
attempt. Alerts of one conversation run together, on the schedule of the most urgent of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from bot.alerts.call import PAGE, Call
from bot.alerts.rules import AlertRules
from bot.conversations.models import Conversation
from bot.conversations.review_models import PERSON, RED_FLAG, UNDELIVERED_EMERGENCY, Alert
from bot.storage.transactions import in_transaction

logger = structlog.get_logger(__name__)

# A call that is under way belongs to its process so long: longer than sending may take. Then it is sent again, because
# the process was killed.
UNDER_WAY = timedelta(seconds=60)
_RANK = {UNDELIVERED_EMERGENCY: 0, RED_FLAG: 1, PERSON: 2}


@dataclass(frozen=True)
class ClaimedCall:
    """A call that this process is to make, and no other."""

    call: Call
    conversation_id: int
    attempts: int  # this one included, since the last that came through
    until: datetime


@dataclass(frozen=True)
class NotThrough:
    """Alerts that wait although they should have called."""

    alerts: int
    since: datetime


class AlertQueue:
    """The alerts that go out."""

    def __init__(self, sessions: "sessionmaker[Session]", rules: AlertRules, console: str) -> None:
        """Use a database.

        Args:
            sessions: of the migrated database.
            rules: when alerts call.
            console: its address, for links.
        """
        self._sessions = sessions
        self._rules = rules
        self._console = console

    def claim(self, moment: datetime, *, at_most: int) -> list[ClaimedCall]:
        """Take calls that are due, the most urgent and oldest first, so that no other process makes them.

        Raises:
            SQLAlchemyError: the database does not take it now. What was claimed before that is called a minute later.
        """
        with self._sessions() as session:
            least = func.min(case(*((Alert.kind == kind, rank) for kind, rank in _RANK.items())))
            due = select(Alert.conversation_id).where(*_running(), Alert.next_attempt_at <= moment)
            due = due.group_by(Alert.conversation_id).order_by(least, func.min(Alert.next_attempt_at)).limit(at_most)
            conversations = session.scalars(due).all()
        claimed = (self._claim_of(conversation, moment) for conversation in conversations)
        return [each for each in claimed if each is not None]

    def came_through(self, claimed: ClaimedCall, moment: datetime, fault: str | None) -> None:
        """Write down that navigators were called, and when they are called again.

        Args:
            claimed: the call.
            moment: when it was made.
            fault: what went wrong all the same, on one of several ways.
        """
        again = self._rules.schedule(claimed.call.kind).next_call(claimed.call.raised_at, moment)
        self._end(claimed, attempts=0, last_sent_at=moment, next_attempt_at=again, error=fault)

    def failed(self, claimed: ClaimedCall, moment: datetime, fault: str) -> None:
        """Write down why nobody was called, and when that is tried again."""
        again = moment + self._rules.retry.wait(claimed.attempts)
        self._end(claimed, next_attempt_at=again, error=fault)

    def not_through(self) -> NotThrough | None:
        """The alerts whose last call failed, or failed on one of its ways, until somebody acknowledges them."""
        since = func.min(func.coalesce(Alert.last_sent_at, Alert.raised_at), type_=Alert.raised_at.type)
        query = select(func.count().label("alerts"), since.label("since"))
        query = query.where(Alert.goes_out, Alert.acknowledged_at.is_(None), Alert.error.is_not(None))
        with self._sessions() as session:
            row = session.execute(query).one()
        return NotThrough(row.alerts, row.since) if row.alerts else None

    def _claim_of(self, conversation: int, moment: datetime) -> ClaimedCall | None:
        """Take the call of one conversation; None where it is another's, or not needed."""
        with self._sessions() as session:
            query = select(Alert.id, Alert.kind, Alert.tier, Alert.raised_at, Alert.attempts, Alert.next_attempt_at)
            query = query.add_columns(Conversation.key, Conversation.code, Conversation.channel)
            query = query.join(Alert.conversation).where(Alert.conversation_id == conversation, *_running())
            # In one order, so that no two processes wait for each other.
            running = self._without_old(session, session.execute(query.order_by(Alert.id)).all(), moment)
            due = [row for row in running if row.next_attempt_at <= moment]
            if not due:
                return None
            lead = min(running, key=lambda row: (_RANK[row.kind], row.raised_at))
            waiting = [row for row in running if row not in due and _RANK[row.kind] <= min(_RANK[d.kind] for d in due)]
            if waiting:  # navigators are being called to this conversation already, for something as urgent
                joined = min(row.next_attempt_at for row in waiting)
                _move(session, due, next_attempt_at=joined)
                return None
            if lead.channel in self._rules.silent_channels:
                _move(session, running, next_attempt_at=None)
                return None
            until = moment + UNDER_WAY
            if not _move(session, running, next_attempt_at=until, attempts=lead.attempts + 1):
                return None
            return ClaimedCall(self._call(lead), conversation, lead.attempts + 1, until)

    def _without_old(self, session: Session, running: Sequence[Any], moment: datetime) -> list[Any]:
        """Give up what is too old to call anybody; what was raised later in the same conversation goes on calling."""
        old = [row for row in running if self._rules.schedule(row.kind).is_over(row.raised_at, moment)]
        if old and _move(session, old, next_attempt_at=None):
            logger.warning("alerts.given_up", alerts=len(old))
        return [row for row in running if row not in old]

    def _call(self, lead: Any) -> Call:
        return Call(
            what=self._rules.what(lead.kind),
            kind=lead.kind,
            tier=lead.tier,
            code=lead.code,
            link=f"{self._console}/{PAGE}/{lead.key}",
            raised_at=lead.raised_at,
            request=self._rules.words.request,
        )

    def _end(self, claimed: ClaimedCall, **values: Any) -> None:
        """Write down what became of a call, for all the alerts that it was for or that joined it meanwhile."""
        statement = update(Alert).where(*_running(), Alert.conversation_id == claimed.conversation_id)
        statement = statement.where(Alert.next_attempt_at == claimed.until).values(**values)
        statement = statement.execution_options(synchronize_session=False)
        in_transaction(self._sessions, lambda session: session.execute(statement))


def _running() -> tuple[Any, ...]:
    return Alert.goes_out, Alert.acknowledged_at.is_(None), Alert.next_attempt_at.is_not(None)


def _move(session: Session, alerts: Sequence[Any], **values: Any) -> bool:
    """Change alerts and commit, all or none: none where one is no longer as it was read, because another was faster."""
    for alert in alerts:
        statement = update(Alert).where(Alert.id == alert.id, Alert.next_attempt_at == alert.next_attempt_at)
        statement = statement.where(Alert.acknowledged_at.is_(None)).values(**values)
        if session.execute(statement.execution_options(synchronize_session=False)).rowcount == 0:
            session.rollback()
            return False
    session.commit()
    return True
