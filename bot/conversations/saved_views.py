"""Filters of the inbox that navigators keep under a name. Everything here blocks, in the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from bot.conversations.inbox_filter import InboxFilter
from bot.conversations.review_models import SavedView
from bot.conversations.reviewing import ReviewRefused

NAME_LENGTH: int = SavedView.name.type.length
VIEWS_MAXIMUM = 50  # of one account


def views_for(session: Session, user_id: int) -> Sequence[SavedView]:
    """The views of an account, and those that others share, by name."""
    query = select(SavedView).options(joinedload(SavedView.owner))
    query = query.where(or_(SavedView.owner_id == user_id, SavedView.shared))
    return session.scalars(query.order_by(SavedView.name, SavedView.id)).all()  # type: ignore[no-any-return]


def save_view(session: Session, name: str, chosen: InboxFilter, *, owner: int, shared: bool) -> SavedView:
    """Keep a filter under a name, in place of what the same account kept under it before.

    Raises:
        ReviewRefused: the name cannot be one, or there are too many.
    """
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise ReviewRefused(f"the name of a view has 1 to {NAME_LENGTH} printable characters")
    own = session.scalars(select(SavedView).where(SavedView.owner_id == owner)).all()
    view = next((each for each in own if each.name == name), None)
    if view is None:
        if len(own) >= VIEWS_MAXIMUM:
            raise ReviewRefused(f"you have {VIEWS_MAXIMUM} views already: delete one first")
        view = SavedView(owner_id=owner, name=name)
        session.add(view)
    view.query, view.shared = chosen.query(), shared
    session.flush()
    return view


def delete_view(session: Session, view_id: int, *, owner: int) -> None:
    """Delete a view.

    Raises:
        ReviewRefused: there is none of this account.
    """
    view = session.get(SavedView, view_id)
    if view is None or view.owner_id != owner:
        raise ReviewRefused("only whoever saved a view can delete it")
    session.delete(view)
    session.flush()
