"""What WhatsApp and Messenger share, as both are Meta's: the challenge, the frame of webhooks, the error codes."""

import httpx

from bot.channels.base import Answer, Json, NotReadable, NotSent, NotSigned, Webhook
from bot.channels.messaging.posting import Vendor, json_of, refusal
from bot.channels.signatures import check_same
from bot.channels.vendor_json import child, children, json_object, number, word

# Source: Meta, "Cloud API: error codes", "Messenger Platform: common error codes", "Graph API: handle errors".
# Trouble at Meta, and its limits.
_PASSES = frozenset(
    {1, 2, 4, 9, 17, 32, 341, 613, 1200, 80006, 80007}
    | {130429, 131000, 131016, 131048, 131056, 131057, 133004}  # WhatsApp alone
)
# Meta does not accept the token.
_TOKEN = frozenset({0, 102, 190})
# The app, the account or the number lacks something: an operator can mend it, and nothing is lost meanwhile.
_PERMISSION = frozenset({3, 10, *range(200, 300), 131005})
_ACCOUNT = frozenset({33, 368, 131031, 131042, 131045, 133010})
# The person: not reachable, has blocked us, or wrote more than a day ago.
_PERSON = frozenset({230, 551, 131026, 131047})
# The same, where Messenger's code itself says no more than a missing permission or a wrong parameter:
# outside the window (2018278, 2018065), not available (1545041, 2018108), no such person (2018001).
_PERSON_SUBCODES = frozenset({2018278, 2018065, 1545041, 2018108, 2018001})
_NO_SUCH_OBJECT = (100, 33)  # the id in the address, which is a setting, is not known or not the token's
_REFUSED = (401, 403)


def challenge(webhook: Webhook, verify_token: str) -> Answer | None:
    """What a GET of Meta is answered with; None for what is no GET.

    Source: Meta, "Graph API webhooks: getting started", verification requests.

    Raises:
        NotSigned: it asks for something else, or does not know the word.
    """
    if webhook.method != "GET":
        return None
    if webhook.query.get("hub.mode") != "subscribe":
        raise NotSigned
    check_same(webhook.query.get("hub.verify_token", ""), verify_token)
    return Answer(webhook.query.get("hub.challenge", ""))


def entries(webhook: Webhook, about: str) -> list[Json]:
    """The entries of a webhook.

    Args:
        webhook: verified.
        about: its `object`, which is another for each of Meta's products.

    Raises:
        NotReadable: it is about something else, or has no entries.
    """
    found = json_object(webhook.body)
    if found.get("object") != about:
        raise NotReadable(f"'object' is not '{about}'")
    if not isinstance(found.get("entry"), list):
        raise NotReadable("'entry' is no list")
    return children(found, "entry")


def refused(response: httpx.Response) -> NotSent:
    """What an answer other than success means for the message."""
    code, subcode = _codes(response)
    shown = f"{code}/{subcode}" if subcode else code
    return refusal(response, shown, again=_again(response.status_code, code, subcode))


async def send(vendor: Vendor, path: str, payload: Json) -> Json:
    """Post a message.

    Returns:
        what Meta answers; empty where that cannot be read.

    Raises:
        NotSent: Meta did not take it.
    """
    response = await vendor.post(path, json=payload)
    if not response.is_success:
        raise refused(response)
    return json_of(response)


async def ask(vendor: Vendor, path: str, fields: str, *, address: str, credential: str, unknown: str) -> Json | str:
    """Ask Meta about what is ours there.

    Args:
        vendor: with the token.
        path: of the object asked about.
        fields: of it, with commas.
        address: the setting that has Meta's address.
        credential: the setting that has the token.
        unknown: what to mend where Meta knows no such object.

    Returns:
        the object, or one line that says what is wrong and the remedy.
    """
    try:
        response = await vendor.get(path, params={"fields": fields})
    except NotSent as failure:
        return f"Meta cannot be reached ({failure.error}): look at the network and at {address}"
    if response.is_success:
        found = json_of(response)
        return found if word(found.get("id")) else f"what answers is not Meta: look at {address}"
    return f"{_remedy(response, address, credential, unknown)} ({refused(response).error})"


def _remedy(response: httpx.Response, address: str, credential: str, unknown: str) -> str:
    code, subcode = _codes(response)
    if code in _TOKEN or response.status_code == 401:
        return f"Meta does not accept the token: make a new one and set {credential}"
    if (code, subcode) == _NO_SUCH_OBJECT:
        return unknown
    if code in _PERMISSION:
        return f"the token of {credential} lacks a permission: give it in Meta's app dashboard"
    if code in _PASSES or response.status_code >= 500:
        return "Meta is out of order or at its limit: try again later"
    return f"Meta refuses: look at {address} and at Meta's list of error codes"


def _codes(response: httpx.Response) -> tuple[int | None, int | None]:
    error = child(json_of(response), "error")
    return number(error.get("code")), number(error.get("error_subcode"))


def _again(status: int, code: int | None, subcode: int | None) -> bool | None:
    """Whether a message can succeed later; None where only the status can tell."""
    if code in _PERSON or subcode in _PERSON_SUBCODES:
        return False
    mendable = code in _TOKEN | _PERMISSION | _ACCOUNT or (code, subcode) == _NO_SUCH_OBJECT or status in _REFUSED
    return True if mendable or code in _PASSES else None
