"""A filter of the inbox in words."""

from collections.abc import Mapping

from bot.console import labels
from bot.console.titles import Titles
from bot.conversations.inbox_filter import ALL, ANY, ME, NEWEST, NOBODY, STATES, InboxFilter


def words_of_filter(
    chosen: InboxFilter, titles: Titles, tags: Mapping[int, str], people: Mapping[str, str]
) -> list[str]:
    """What a filter asks for, part by part.

    Args:
        chosen: the filter.
        titles: of topics.
        tags: their names by their row ids.
        people: their names as colleagues see them, by the names of their accounts.
    """
    found = [{**labels.REVIEW, ALL: "All"}[chosen.review]]
    if chosen.tier:
        found.append({**labels.TIERS, ANY: "Any red flag"}[chosen.tier])
    found += [labels.STATES[state] for state in STATES if getattr(chosen, state)]
    if chosen.topic:
        found.append(titles.of_intent(chosen.topic))
    if chosen.channel:
        found.append(labels.CHANNELS.get(chosen.channel, chosen.channel))
    if chosen.tag:
        found.append(f"Tag {tags[chosen.tag]}")
    if chosen.assignee:
        found.append({ME: "Mine", NOBODY: "Nobody's"}.get(chosen.assignee) or people[chosen.assignee])
    if chosen.since:
        found.append(f"From {chosen.since}")
    if chosen.until:
        found.append(f"To {chosen.until}")
    if chosen.sort != NEWEST:
        found.append(labels.SORTS[chosen.sort])
    return found
