"""Where alerts go, as the settings write it. What is wrong is told without the password, and without the address."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
_HINT = "in a password write # as %23, / as %2F and @ as %40"
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class MailServer:
    """A mail server, who it is to say the mail is from, and who gets it."""

    host: str
    port: int
    encrypted: bool  # from the first byte; otherwise as soon as the server offers it
    sender: str
    receivers: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that nothing can be overheard on the way."""
        return is_loopback(self.host)


def mail_server(url: str) -> MailServer:
    """Read smtp://user:password@host:587?from=a@b&to=c@d,e@f, or smtps://… for a server that is encrypted throughout.

    Raises:
        ValueError: it is no such URL; says why.
    """
    try:
        parts, port = _split(url)
    except ValueError as error:
        raise ValueError(f"{error}; {_HINT}") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("must be such as smtp://user:password@host:587?from=bot@a.example&to=ward@a.example")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"has something behind the host that is no ?from=…&to=…; {_HINT}")
    query = parse_qs(parts.query, keep_blank_values=True)
    if set(query) != {"from", "to"} or any(len(values) != 1 for values in query.values()):
        raise ValueError("must end with ?from=ADDRESS&to=ADDRESS, each once, and nothing else; write + as %2B")
    sender, receivers = query["from"][0], tuple(each.strip() for each in query["to"][0].split(","))
    if not all(_MAIL_ADDRESS.fullmatch(address) for address in (sender, *receivers)):
        raise ValueError("has something in from or to that is no mail address")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("must have both a user and a password, or neither")
    return MailServer(
        parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smtps", sender, receivers, user, password
    )


def check_web_address(url: str) -> None:
    """Refuse what is no https address; plain http is for this machine alone.

    Raises:
        ValueError: it is none; says why.
    """
    parts, _ = _split(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or re.search(r"[\s\"'<>]", url):
        raise ValueError("must be an address such as https://hospital.example/path")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https://, because http:// can be read on the way")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:  # its words would quote the address
        raise ValueError("has a host or a port that cannot be read") from None
