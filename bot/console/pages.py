"""Templates, and what all of them know: paths, moments, topics, who is signed in."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.routing import Route

from bot.answers.published import PublishedAnswers
from bot.console.access import PREFIX, Visit
from bot.console.wording import full, relative
from bot.staff.models import ADMIN, NAVIGATOR

TEMPLATES = Path(__file__).parent / "templates"
# Label, name of the route, least role. What has no route yet is not shown.
NAVIGATION = (
    ("Inbox", "inbox", NAVIGATOR),
    ("Improve", "improve", NAVIGATOR),
    ("Answers", "answers", NAVIGATOR),
    ("Numbers", "numbers", NAVIGATOR),
    ("People", "people", ADMIN),
    ("Audit", "audit", ADMIN),
)


class Pages:
    """Renders templates; everything that is put into them is escaped."""

    def __init__(self, clock: Callable[[], datetime], answers: PublishedAnswers) -> None:
        self._routes: dict[str, Route] = {}
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {"full": full, "ago": lambda moment: relative(moment, clock())}
        self.environment.globals |= {
            "path_for": self.path_for,
            "static": f"{PREFIX}/static",
            "title_of_topic": lambda topic: _title_of_topic(answers, topic),
        }

    def know(self, route: Route) -> None:
        """Let templates link to a route."""
        self._routes[route.name] = route

    def path_for(self, name: str, **values: Any) -> str:
        """The path of a page, by the name of its route.

        Raises:
            KeyError: there is no such route.
        """
        return f"{PREFIX}{self._routes[name].url_path_for(name, **values)}"

    def render(self, template: str, request: Request, visit: Visit | None, **values: Any) -> str:
        """A template with its values; the layout also gets the menu of whoever is signed in."""
        menu = [
            (label, self.path_for(name))
            for label, name, role in NAVIGATION
            if visit is not None and visit.due is None and visit.may(role) and name in self._routes
        ]
        path = request.url.path
        return self.environment.get_template(template).render(visit=visit, menu=menu, path=path, **values)


def _title_of_topic(answers: PublishedAnswers, topic: str) -> str:
    """The title that families see; of a topic without an answer its name, made readable."""
    answer = answers.get(topic)
    return answer.content.title if answer is not None else topic.replace("_", " ")
