"""The page of messages from which the service can learn, in groups that one decision settles."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.answers.published import PublishedAnswers
from bot.answers.questions import OUT_OF_SCOPE, SMALL_TALK, TALK_TO_HUMAN
from bot.console.access import Visit
from bot.console.desk import Desk, is_htmx
from bot.console.forms import Form, Refused
from bot.conversations import improvement
from bot.conversations.code import conversation_code
from bot.conversations.improvement import CORRECTED, TEXT_MAXIMUM, Candidate, Choice
from bot.conversations.review_models import QUEUED, REGRESSION, TRAINING
from bot.embeddings import shared_encoder
from bot.improvement.likeness import Likeness
from bot.improvement.rules import ImprovementRules, load_improvement_rules
from bot.staff import audit

OTHER_LABELS = {SMALL_TALK: "Small talk", TALK_TO_HUMAN: "Wants a person", OUT_OF_SCOPE: "Out of scope"}
DROP = "drop"
DONE = {TRAINING: "queued as examples", REGRESSION: "queued as tests", DROP: "dropped"}
SUBJECT = "messages to learn from"

Mask = Callable[[str], str]


@dataclass(frozen=True)
class Group:
    """Messages of about the same meaning.

    Args:
        topic: what they are most likely about; None where nothing says so.
        rows: those shown, each with its text as it would be queued.
        more: how many others there are.
    """

    topic: str | None
    rows: list[tuple[Candidate, str]]
    more: int


class Improve:
    """Messages that were unanswered, unsure or corrected, and what becomes of them."""

    def __init__(self, desk: Desk, mask: Mask) -> None:
        """Prepare.

        Args:
            desk: the console's common ground.
            mask: takes contact data and personal numbers out of a text.

        Raises:
            DataFileError: the file of rules is wrong.
        """
        self._desk = desk
        self._mask = mask
        self._rules: ImprovementRules = load_improvement_rules()
        self._likeness = Likeness(lambda texts: shared_encoder().encode(texts), self._rules.likeness)

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [
            self._desk.route("GET", "/improve", self._show, name="improve"),
            self._desk.route("POST", "/improve/decide", self._decide, name="improve_decide"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        labels = labels_of(self._desk.service.answers)

        def read(session: Session) -> tuple[list[Candidate], int]:
            since = self._desk.clock() - self._rules.period
            found = improvement.candidates(session, since=since, at_most=self._rules.messages, labels=labels)
            return found, improvement.counts(session)[QUEUED]

        candidates, queued = await self._desk.read(read)
        texts = {each.message_id: each.text for each in candidates}
        grouped = await to_thread.run_sync(self._likeness.groups, texts)
        by_id = {each.message_id: each for each in candidates}
        shown = [self._group([by_id[each] for each in ids]) for ids in grouped[: self._rules.groups_on_a_page]]
        seen = sorted({conversation_code(each.conversation) for group in shown for each, _ in group.rows})
        await self._desk.write(
            lambda session: audit.record(session, visit.actor, "improve.viewed", SUBJECT, {"conversations": seen})
        )
        return self._desk.page(
            request,
            visit,
            "improve.html",
            groups=shown,
            later=len(grouped) - len(shown),
            messages=len(candidates),
            queued=queued,
            labels=labels,
            days=self._rules.days,
            text_maximum=TEXT_MAXIMUM,
        )

    def _group(self, candidates: Sequence[Candidate]) -> Group:
        shown = candidates[: self._rules.messages_in_a_group]
        rows = [(each, improvement.one_line(self._mask(each.text))) for each in shown]
        return Group(suggested(candidates), rows, len(candidates) - len(shown))

    async def _decide(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        action, labels = form.get("action", ""), labels_of(self._desk.service.answers)
        topic = form.get("topic", "") if form.get("topic", "") in labels else ""
        choices = choices_of(form, topic)
        if action not in DONE:
            raise Refused(422, "The form is not complete: load the page again.")
        if not choices:
            raise Refused(422, "No message is chosen.")

        def decide(session: Session) -> int:
            if action == DROP:
                return len(improvement.drop(session, choices, by_id=visit.user_id))
            done = improvement.decide(session, choices, purpose=action, by_id=visit.user_id, labels=labels)
            return len(done)

        detail = {"messages": len(choices), "topic": topic or None}
        done = await self._desk.change(visit, f"improve.{action}", SUBJECT, decide, detail)
        if not is_htmx(request):
            return self._desk.go(request, self._desk.path_for("improve"))
        said = f"{done} {'message' if done == 1 else 'messages'} {DONE[action]}"
        return self._desk.page(
            request,
            visit,
            "improve_done.html",
            said=said,
            others=len(choices) - done,
            topic="" if action == DROP else labels[topic],
        )


def labels_of(answers: PublishedAnswers) -> dict[str, str]:
    """The intents that a message can be an example of, each with its title, in the order of the titles."""
    found = {topic: answers.get(topic) for topic in answers.topics()}
    titles = {topic: answer.content.title if answer else topic for topic, answer in found.items()}
    return {**dict(sorted(titles.items(), key=lambda item: item[1].lower())), **OTHER_LABELS}


def suggested(candidates: Sequence[Candidate]) -> str | None:
    """The topic that most of a group are about; what navigators corrected counts before what was guessed."""
    for reasons in ([CORRECTED], None):
        topics = Counter(each.topic for each in candidates if each.topic and (not reasons or each.reason in reasons))
        if topics:
            return topics.most_common(1)[0][0]
    return None


def choices_of(form: Form, topic: str) -> list[Choice]:
    """The messages that are chosen in a form, with their texts and the one topic.

    Raises:
        Refused: a message's id is none.
    """
    ids = form.getlist("message")
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in ids):
        raise Refused(422, "The form is not complete: load the page again.")
    return [Choice(int(each), form.get(f"text-{each}", ""), topic) for each in ids]
