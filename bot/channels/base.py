"""What a messenger is to this service: how its webhooks are read, and how replies are sent through it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.conversations.forms import TEXT

Json = dict[str, Any]  # an object of a vendor


@dataclass(frozen=True)
class Webhook:
    """A request of a vendor, as it came.

    Attributes:
        headers: by their names in lower case.
        query: the parameters of its address.
        body: its bytes, which the signature is over.
        query_string: what stands behind the `?` of its address, as it came; some vendors sign it too.
    """

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    query_string: str = ""


@dataclass(frozen=True)
class Answer:
    """What a vendor's request is answered with at once."""

    body: str = ""
    media_type: str = "text/plain"


@dataclass(frozen=True)
class Received:
    """A message of a family, as the vendor tells it.

    Attributes:
        sender: what `Messenger.send` needs to reply; all that the vendor knows the family by.
        message_id: the same when the message is delivered again, and another for each version of an edited one.
        at: when it was written, in UTC.
        text: what was typed, the title of a pressed option, or the caption of a picture.
        form: one of `bot.conversations.forms`.
        option: the token of the option that was pressed; empty where text was typed.
        receipt: what `Messenger.acknowledge` needs; empty where the vendor wants nothing.
    """

    sender: str
    message_id: str
    at: datetime
    text: str
    form: str = TEXT
    option: str = ""
    receipt: str = ""


@dataclass(frozen=True)
class Report:
    """What the vendor says has become of a message that was sent.

    Attributes:
        sent_id: what `Messenger.send` returned for it.
        state: `delivered`, `read` or `undelivered`, as in `bot.conversations.models`.
        error: the vendor's code, where it was not delivered.
    """

    sent_id: str
    state: str
    error: str = ""


@dataclass(frozen=True)
class Contents:
    """What a webhook holds: messages in the order of the vendor's timestamps, and reports."""

    messages: tuple[Received, ...] = ()
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True)
class Option:
    """One choice under a message, cut to what the channel shows.

    Attributes:
        title: cut well, and unlike every other title of the message.
        description: the whole title where the channel shows more than the cut one; else empty.
        token: what comes back when it is pressed.
    """

    title: str
    description: str
    token: str


@dataclass(frozen=True)
class Part:
    """One message to send: a text in the channel's marks, with options where the channel shows them.

    Attributes:
        shown_as: `buttons` or `list`; empty without options.
        label: what opens a list.
    """

    text: str
    options: tuple[Option, ...] = ()
    shown_as: str = ""
    label: str = ""


class NotSigned(Exception):
    """A webhook that the vendor did not sign. Nothing is done for it, and the answer says no more than that."""


class NotReadable(Exception):
    """A signed webhook that does not have the vendor's shape; the message says what is missing, never what it holds."""


class NotSent(Exception):
    """A message did not go out, for now or for good.

    Attributes:
        error: one short line without a word of the message: the vendor's code, or the kind of the failure.
        again: whether it can succeed later.
        after_s: seconds after which the vendor wants to be asked again; None where it does not say.
        perhaps_arrived: whether the vendor may have taken it all the same.
    """

    def __init__(self, error: str, *, again: bool, after_s: float | None = None, perhaps_arrived: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.again = again
        self.after_s = after_s
        self.perhaps_arrived = perhaps_arrived


@dataclass(frozen=True)
class Check:
    """What `bot doctor` finds out about a channel at its vendor.

    Attributes:
        works: whether the vendor accepts the settings.
        found: one line: who we are there, or what is wrong and the remedy.
    """

    works: bool
    found: str
    advice: tuple[str, ...] = field(default=())  # what works, but should be looked at


class Messenger(ABC):
    """A vendor's channel. One object serves the whole process."""

    name: str  # as in the address of its webhook, in the log and in data/channels.yml

    @abstractmethod
    def verify(self, webhook: Webhook) -> None:
        """Let a webhook pass that the vendor signed, over the raw bytes and in constant time.

        Raises:
            NotSigned: it is not signed, or wrongly, or long ago.
        """

    @abstractmethod
    def challenge(self, webhook: Webhook) -> Answer | None:
        """The answer by which the vendor sees that the address is ours; None where the webhook asks for none.

        Called for a GET before anything else, and for a POST that is verified.

        Raises:
            NotSigned: the vendor's word does not fit.
        """

    @abstractmethod
    def read(self, webhook: Webhook) -> Contents:
        """What a verified webhook holds. Events that mean nothing to us are left out.

        Raises:
            NotReadable: it does not have the vendor's shape.
        """

    @abstractmethod
    async def send(self, sender: str, part: Part) -> str:
        """Send one message.

        Returns:
            what the vendor calls it; empty where the vendor does not say.

        Raises:
            NotSent: the vendor did not take it.
        """

    @abstractmethod
    async def check(self) -> Check:
        """Ask the vendor whether the settings are right. Never raises for what the vendor or the network does."""

    async def acknowledge(self, receipt: str) -> None:
        """Tell the vendor that a pressed option has arrived, where it wants to know; a failure does no harm."""
        return

    @property
    def answer(self) -> Answer:
        """What a webhook is answered with once its messages are on disk."""
        return Answer()

    def marks(self, sender: str) -> str:
        """The key of data/channels.yml whose limits and marks hold for a family."""
        return self.name

    @abstractmethod
    def masked(self, sender: str) -> str:
        """What navigators see of the vendor's id: enough to recognise a family that tells it, not enough to write."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""
