"""The console, assembled from its pages."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from bot.channels.base import Messenger
from bot.channels.configured import messengers_of
from bot.console.access import PREFIX
from bot.console.account import Account
from bot.console.addresses import Addresses
from bot.console.alert_bar import AlertBar
from bot.console.answers import AnswersPages
from bot.console.audit_view import AuditView
from bot.console.check_pages import CheckPages
from bot.console.conversation import ConversationPage
from bot.console.conversation_changes import ConversationChanges
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.hashing import Hashing
from bot.console.improve import Improve
from bot.console.inbox import Inbox
from bot.console.inbox_rules import load_inbox_rules
from bot.console.numbers import NumbersPage
from bot.console.people import People
from bot.console.queue_pages import QueuePages
from bot.console.second_factor import SecondFactor
from bot.console.sign_in import SignIn
from bot.console.titles import Titles
from bot.conversations.masking import Masking
from bot.service import Service
from bot.settings import Settings
from bot.staff.passwords import Passwords
from bot.staff.rules import StaffRules, load_rules
from bot.staff.sign_in import SignIn as SigningIn
from bot.staff.totp import SecretBox
from bot.storage.base import now
from bot.token_buckets import Clock, TokenBuckets

STATIC = Path(__file__).parent / "static"


class _Files(StaticFiles):
    """Files that a browser keeps, and asks about each time."""

    def file_response(self, *arguments: Any, **values: Any) -> Response:
        response = super().file_response(*arguments, **values)
        response.headers["cache-control"] = "no-cache"
        return response


class Console:
    """Every page of the console."""

    def __init__(
        self,
        service: Service,
        sessions: "sessionmaker[Session]",
        settings: Settings,
        *,
        rules: StaffRules | None = None,
        passwords: Passwords | None = None,
        messengers: Sequence[Messenger] | None = None,
        clock: Callable[[], datetime] = now,
        ticks: Clock = time.monotonic,
    ) -> None:
        """Put it together.

        Args:
            service: whose conversations it shows.
            sessions: of the database.
            settings: the service's settings.
            rules: how staff sign in; by default those of data/console.yml.
            passwords: by default hashed as they should be.
            messengers: say what may be shown of their ids; by default those that the settings switch on.
            clock: the present moment, in UTC.
            ticks: seconds that only grow, for the limit of an address.

        Raises:
            DataFileError: the file of rules is wrong.
            SettingsError: one of a channel's settings is missing.
        """
        rules = rules or load_rules()
        hashing = Hashing(passwords or Passwords(rules.passwords))
        box = SecretBox(*settings.secret_keys)
        signing_in = SigningIn(rules, box)
        self.desk = Desk(service, sessions, settings, rules, clock)
        titles, mask = Titles(service.answers), Masking().mask
        configured = messengers_of(settings) if messengers is None else messengers
        addresses = Addresses(settings.identity_keys, configured)
        self._features = (
            SignIn(self.desk, hashing, signing_in, TokenBuckets(rules.sign_ins_of_address, ticks)),
            Account(self.desk, hashing, signing_in),
            SecondFactor(self.desk, hashing, signing_in, box),
            People(self.desk, hashing),
            AuditView(self.desk),
            Inbox(self.desk, titles),
            AlertBar(self.desk, load_inbox_rules()),
            ConversationPage(self.desk, titles, mask, addresses),
            ConversationChanges(self.desk, titles),
            NumbersPage(self.desk),
            AnswersPages(self.desk),
            Improve(self.desk, mask),
            QueuePages(self.desk),
            CheckPages(self.desk),
        )

    def routes(self) -> list[BaseRoute]:
        """All of it, below /console."""
        pages = [route for feature in self._features for route in feature.routes()]
        static = Mount("/static", _Files(directory=STATIC))
        return [Mount(PREFIX, Router([static, *pages], redirect_slashes=False, default=self._nothing_there))]

    async def _nothing_there(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response: Response = self.desk.refusal(request, Refused(404, "There is no such page."))
        await response(scope, receive, send)
