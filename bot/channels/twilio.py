"""WhatsApp and SMS through Twilio.

Sources: Twilio, "Webhooks security" (signatures), "Messaging webhooks" (parameters of a message), "Outbound message
status in status callbacks", "Message resource", "Error and warning dictionary".
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlsplit

from bot.channels.base import (
    Answer,
    Check,
    Contents,
    Messenger,
    NotReadable,
    NotSent,
    NotSigned,
    Part,
    Received,
    Report,
    Webhook,
)
from bot.channels.masking import masked_id
from bot.channels.messaging.posting import Vendor, json_of, refusal
from bot.channels.signatures import base64_hmac_sha1, check_same, is_same
from bot.conversations.forms import NOT_TEXT, TEXT
from bot.settings import Settings
from bot.storable import storable
from bot.storage.base import now

_WHATSAPP = "whatsapp:"  # before a number of WhatsApp; one of SMS has nothing before it
_PATH = "/channels/twilio"
_BETWEEN = ">"  # a family's number, and the one of ours that it wrote to: the reply leaves from there
_NUMBER = re.compile(rf"[^\s{_BETWEEN}]{{1,64}}")
_SID = re.compile(r"[0-9A-Za-z]{1,64}")
_ERROR_CODE = re.compile(r"[0-9]{1,10}")

_STATES = {"delivered": "delivered", "read": "read", "undelivered": "undelivered", "failed": "undelivered"}
_INCOMING = ("", "receiving", "received")
_TYPES_OF_WORDS = ("", "text", "button", "interactive")  # of WhatsApp's; SMS has none

# What is wrong with the family's number, or with writing to it: no number, no mobile phone, has sent STOP; no such
# address, the 24 hours are over, no WhatsApp there.
_FOR_GOOD = (21211, 21610, 21614, 63003, 63016, 63024)
# What passes: too many requests, a full queue, maintenance, too much per second, hour or day.
_PASSES = (20429, 21611, 21730, 63017, 63018, 63038)
# What an operator can mend: the account, its token, the address of status callbacks, the country, the numbers.
_MENDABLE = (20003, 20005, 21212, 21408, 21601, 21606, 21609, 21659, 21660, 21661, 63002, 63007)
_NOT_LET_IN = (401, 403, 404)


class Twilio(Messenger):
    """Twilio's messages. A sender is `whatsapp:+8613…>whatsapp:+44…`: the family's number, and ours."""

    name = "twilio"

    def __init__(self, settings: Settings) -> None:
        self._account = settings.twilio_account_sid
        self._token = settings.twilio_auth_token
        self._numbers = frozenset(settings.twilio_from.split(","))
        self._address = settings.twilio_public_url + _PATH
        self._vendor = Vendor(
            f"{settings.twilio_api_url}/2010-04-01/Accounts", auth=(settings.twilio_account_sid, self._token)
        )

    def verify(self, webhook: Webhook) -> None:
        """X-Twilio-Signature over the public address and either the form or, in the address, a digest of the body."""
        given = webhook.headers.get("x-twilio-signature", "")
        parameters = _signed_parameters(webhook)
        query = f"?{webhook.query_string}" if webhook.query_string else ""
        right = [
            base64_hmac_sha1(self._token, (address + query).encode("utf-8", "surrogatepass") + parameters)
            for address in _with_and_without_port(self._address)
        ]
        if not any(is_same(given, signature) for signature in right):
            raise NotSigned

    def challenge(self, webhook: Webhook) -> Answer | None:
        """Twilio asks for none."""
        return None

    def read(self, webhook: Webhook) -> Contents:
        """One message, or one report on a message of ours."""
        form = {name: storable(value) for name, value in _pairs(webhook.body.decode("utf-8", "replace"))}
        if "MessageSid" not in form:
            raise NotReadable("MessageSid is missing")
        if form.get("AccountSid") != self._account or not _SID.fullmatch(form["MessageSid"]):
            return Contents()
        status = (form.get("MessageStatus") or form.get("SmsStatus", "")).lower()
        if status in _STATES:
            error = form.get("ErrorCode", "")
            error = error if _ERROR_CODE.fullmatch(error) else ""
            return Contents(reports=(Report(form["MessageSid"], _STATES[status], error),))
        to_us = form.get("To") in self._numbers and _NUMBER.fullmatch(form.get("From", ""))
        if status not in _INCOMING or not to_us or form.get("MessageType") == "reaction":
            return Contents()
        return Contents(messages=(_message(form),))

    async def send(self, sender: str, part: Part) -> str:
        """Send one message from the number that the family wrote to. Options are numbered in the text before."""
        theirs, _, ours = sender.partition(_BETWEEN)
        message = {"From": ours, "To": theirs, "Body": part.text, "StatusCallback": self._address}
        response = await self._vendor.post(f"{self._account}/Messages.json", data=message)
        answer = json_of(response)
        if not response.is_success:
            code = answer.get("code")
            raise refusal(response, code if type(code) is int else "", again=_again(response.status_code, code))
        sid = answer.get("sid")
        return storable(sid) if isinstance(sid, str) else ""

    async def check(self) -> Check:
        """Ask for the account."""
        try:
            response = await self._vendor.get(f"{self._account}.json")
        except NotSent as error:
            return Check(False, f"Twilio cannot be reached at BOT_TWILIO_API_URL: {error}")
        if response.status_code in _NOT_LET_IN:
            return Check(False, "Twilio refuses BOT_TWILIO_ACCOUNT_SID with BOT_TWILIO_AUTH_TOKEN")
        if not response.is_success:
            return Check(False, f"Twilio answers HTTP {response.status_code}; try again later")
        account = json_of(response)
        name, status = (storable(str(account.get(key, "")))[:80] for key in ("friendly_name", "status"))
        if status != "active":
            return Check(False, f"the account of BOT_TWILIO_ACCOUNT_SID is not active but {status or 'unknown'}")
        advice = () if self._address.startswith("https:") else ("BOT_TWILIO_PUBLIC_URL should begin with https:",)
        return Check(True, f"account {name}, {len(self._numbers)} number(s)", advice)

    @property
    def answer(self) -> Answer:
        """TwiML without a verb: Twilio sends nothing of its own."""
        return Answer("<Response/>", "text/xml")

    def marks(self, sender: str) -> str:
        """WhatsApp's rules or those of SMS."""
        return "twilio_whatsapp" if sender.startswith(_WHATSAPP) else "twilio_sms"

    def masked(self, sender: str) -> str:
        """The ends of the family's number."""
        return masked_id(sender.partition(_BETWEEN)[0].removeprefix(_WHATSAPP))

    async def close(self) -> None:
        """Close the connections."""
        await self._vendor.close()


def _pairs(form: str, encoding: str = "utf-8") -> list[tuple[str, str]]:
    return parse_qsl(form, keep_blank_values=True, encoding=encoding)


def _signed_parameters(webhook: Webhook) -> bytes:
    """What the signature is over behind the address: names and values, sorted, each value of a name once.

    A body that is no form has its digest in the address instead.

    Raises:
        NotSigned: the digest is of another body.
    """
    digest = parse_qs(webhook.query_string).get("bodySHA256")
    if digest:
        check_same(digest[0], sha256(webhook.body).hexdigest())
        return b""
    # Latin-1 keeps bytes as they are, whatever they are.
    pairs = _pairs(webhook.body.decode("latin-1"), "latin-1")
    return "".join(name + value for name, value in sorted(set(pairs))).encode("latin-1")


def _with_and_without_port(address: str) -> tuple[str, str]:
    """An address, and the same with its scheme's port, or without a port: Twilio signs either."""
    parts = urlsplit(address)
    if parts.port is not None:
        return address, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
    port = 443 if parts.scheme == "https" else 80
    return address, parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _message(form: Mapping[str, str]) -> Received:
    option = form.get("ButtonPayload") or form.get("ListId", "")
    text = form.get("Body", "")
    if option:
        text = form.get("ButtonText") or form.get("ListTitle") or text
    return Received(
        sender=f"{form['From']}{_BETWEEN}{form['To']}",
        message_id=form["MessageSid"],
        at=now(),  # Twilio does not say when it was written
        text=text,
        form=TEXT if option or _is_of_words(form) else NOT_TEXT,
        option=option,
    )


def _is_of_words(form: Mapping[str, str]) -> bool:
    has_media = form.get("NumMedia", "").strip("0") != ""
    has_place = "Latitude" in form and "Longitude" in form
    known = not form["From"].startswith(_WHATSAPP) or form.get("MessageType", "") in _TYPES_OF_WORDS
    return known and not has_media and not has_place and form.get("Body", "").strip() != ""


def _again(status: int, code: object) -> bool | None:
    if code in _FOR_GOOD:
        return False
    return True if code in _PASSES or code in _MENDABLE or status in _NOT_LET_IN else None
