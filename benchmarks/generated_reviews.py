"""What navigators and families add to a generated log: reviews, notes, tags, corrections, feedback."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.conversations.models import LATER, REVIEWED, TO_REVIEW, Conversation, Message
from bot.conversations.review_models import (
    DROPPED,
    EXPORTED,
    QUEUED,
    REGRESSION,
    TOPIC,
    TRAINING,
    ConversationTag,
    Note,
    Review,
    Tag,
)
from bot.staff.models import ADMIN, APPROVER, NAVIGATOR, User

USERS = {
    **{"anna": NAVIGATOR, "bao": NAVIGATOR, "carmen": NAVIGATOR, "divya": NAVIGATOR},
    **{"erik": APPROVER, "farida": ADMIN},
}
TAGS = ("call back", "translation", "insurance", "doctor asked", "travel", "follow up", "praise", "complaint")
_NOTES = (
    *("Called the {relative}, will call again tomorrow.", "Ward {n} knows about it.", "Needs an interpreter."),
    *("Asked about the visa; sent to the coordinator.", "Spoke with the nurse of room {n}, all calm."),
    *("The family worries about money.", "Answer was fine, wording could be simpler.", "Phoned at {n} minutes past."),
)
_COMMENTS = ("", "", "", "too long", "thank you, that helped", "not what I asked", "I still do not understand grade 2")
_RELATIVES = ("mother", "father", "wife", "husband", "son", "daughter")
SETTLED_AFTER = timedelta(days=2)  # by then most of a conversation's review is done


@dataclass
class Done:
    """What navigators did with one conversation."""

    state: str = TO_REVIEW
    assignee_id: int | None = None
    rows: dict[Any, list[dict[str, Any]]] = field(default_factory=lambda: {Review: [], Note: [], ConversationTag: []})


class Navigators:
    """Decides what staff did, the same for the same random numbers."""

    def __init__(self, numbers: random.Random, topics: list[str], until: datetime) -> None:
        """Prepare.

        Args:
            numbers: what chance decides.
            topics: that a message may be corrected to.
            until: the end of the log; nothing is done after it.
        """
        self._numbers, self._topics, self._until = numbers, topics, until
        self._users: list[int] = []
        self._tags: list[int] = []

    def sign_up(self, session: Session) -> None:
        """Add the accounts, which no password opens, and the tags, as far as they are missing."""
        for model, rows in (
            (User, [{"name": name, "display_name": name.title(), "role": role} for name, role in USERS.items()]),
            (Tag, [{"name": name} for name in TAGS]),
        ):
            known = set(session.scalars(select(model.name)))
            session.add_all(model(**row) for row in rows if row["name"] not in known)
        session.flush()
        self._users = list(session.scalars(select(User.id).where(User.name.in_(USERS)).order_by(User.id)))
        self._tags = list(session.scalars(select(Tag.id).where(Tag.name.in_(TAGS)).order_by(Tag.id)))

    def feedback_on(self, reply: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
        """What the family says about a reply."""
        helpful = self._happens(0.75)
        conversation.unhelpful = conversation.unhelpful or not helpful
        at = self._soon_after(reply["received_at"], minutes=2)
        return {
            **{"message_id": reply["id"], "helpful": helpful, "comment": self._numbers.choice(_COMMENTS)},
            "given_at": at,
        }

    def acknowledged(self, raised_at: datetime, *, urgent: bool) -> dict[str, Any]:
        """Who acknowledged an alert, and when; nobody yet for some of the newest."""
        at = raised_at + timedelta(minutes=self._numbers.expovariate(1 / (15 if urgent else 240)))
        if at > self._until or self._happens(0.005):
            return {"acknowledged_at": None, "acknowledged_by_id": None}
        return {"acknowledged_at": at, "acknowledged_by_id": self._numbers.choice(self._users)}

    def correction(self, message: Message) -> dict[str, Any] | None:
        """What a navigator says that a message is really about, for a few messages."""
        at = message.received_at + timedelta(days=1)
        if at > self._until or message.intent is None or not self._happens(0.02):
            return None
        return {
            **{"message_id": message.id, "kind": TOPIC, "was": message.intent},
            **{"value": self._numbers.choice(self._topics), "by_id": self._numbers.choice(self._users), "at": at},
        }

    def queued(self, message: Message, correction: dict[str, Any]) -> list[dict[str, Any]]:
        """A corrected message as an example, for half of them."""
        if self._happens(0.5):
            return []
        (state,) = self._numbers.choices((QUEUED, EXPORTED, DROPPED), (5, 4, 1))
        return [
            {
                **{"message_id": message.id, "purpose": self._numbers.choice((TRAINING, REGRESSION)), "state": state},
                **{"text": message.text, "topic": correction["value"], "by_id": correction["by_id"]},
                "at": correction["at"],
            }
        ]

    def review(self, conversation: Conversation) -> Done:
        """How far the review of a conversation has come, with notes and tags."""
        done, by = Done(), self._numbers.choice(self._users)
        at = self._soon_after(conversation.last_message_at, minutes=600)
        settled = conversation.last_message_at < self._until - SETTLED_AFTER
        if self._happens(0.9 if settled else 0.2):
            done.state = LATER if self._happens(0.03) else REVIEWED
            done.rows[Review].append({"state": done.state, "by_id": by, "at": at})
        if self._happens(0.15):
            done.assignee_id = by
        if self._happens(0.08):
            words = self._numbers.choice(_NOTES).format(
                relative=self._numbers.choice(_RELATIVES), n=self._numbers.randrange(60)
            )
            done.rows[Note].append({"author_id": by, "text": words, "written_at": at})
        if self._happens(0.15):
            for tag in self._numbers.sample(self._tags, self._numbers.choice((1, 1, 2))):
                done.rows[ConversationTag].append({"tag_id": tag, "added_by_id": by, "added_at": at})
        return done

    def _soon_after(self, moment: datetime, *, minutes: float) -> datetime:
        return min(self._until, moment + timedelta(minutes=self._numbers.expovariate(1 / minutes)))

    def _happens(self, share: float) -> bool:
        return self._numbers.random() < share
