"""Who may see a page, and which requests are their own."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from bot.staff.audit import Actor
from bot.staff.models import ROLES

PREFIX = "/console"
COOKIE = "crs_console"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
READING = ("GET", "HEAD")
SECOND_FACTOR, NEW_PASSWORD = "second factor", "new password"  # what a session may wait for
_PART = "[A-Za-z0-9_~-][A-Za-z0-9_.~-]*"
_LOCAL_PATH = re.compile(rf"{PREFIX}/(?:{_PART}/)*(?:{_PART})?")


@dataclass(frozen=True)
class Visit:
    """A signed-in member of staff at one request.

    Args:
        user_id: of the account.
        name: of the account.
        display_name: as colleagues see it.
        role: navigator, approver or admin.
        csrf: what every form must carry.
        session_id: of the browser's session.
        due: what must be done before anything else; None for nothing.
    """

    user_id: int
    name: str
    display_name: str
    role: str
    csrf: str
    session_id: int
    due: str | None = None

    @property
    def actor(self) -> Actor:
        """As the audit names them."""
        return Actor(self.name, self.role)

    def may(self, role: str) -> bool:
        """Whether they may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def csrf_of(token: str) -> str:
    """What the forms of a session carry: made from its token, which the pages themselves do not have."""
    return hashlib.sha256(b"csrf " + token.encode("utf-8", "replace")).hexdigest()


def is_csrf_right(visit: Visit, given: str) -> bool:
    """Whether a form comes from a page of this session."""
    return hmac.compare_digest(visit.csrf.encode(), given.encode("utf-8", "replace"))


def is_from_here(request: Request) -> bool:
    """Whether a page of this site sent the request, as far as the browser says.

    Only hosts are compared: behind a proxy that ends TLS the scheme may differ.
    """
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
    except ValueError:
        return False


def local_path(given: str) -> str:
    """Where to go after signing in: a path of the console; its first page where anything else is given."""
    return given if _LOCAL_PATH.fullmatch(given) else f"{PREFIX}/"


def needs_secure_cookie(request: Request, console_url: str) -> bool:
    """Whether the cookie may travel over TLS only: everywhere but on this machine itself.

    Args:
        request: that signs in.
        console_url: BOT_CONSOLE_URL. A proxy on this machine that does not say for whom it asks looks like a browser
            on this machine; the address that navigators open tells them apart.
    """
    if request.url.scheme == "https" or console_url.startswith("https:") or request.client is None:
        return True
    try:
        return not ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return True
