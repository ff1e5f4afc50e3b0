"""Slack: direct messages to the app, through the Events API, and buttons in them."""

import re
from collections.abc import Callable
from datetime import datetime

import httpx

from bot.channels.base import Answer, Check, Contents, Messenger, NotSent, NotSigned, Part, Webhook
from bot.channels.masking import masked_id
from bot.channels.messaging.posting import Vendor, json_of, refusal
from bot.channels.signatures import check_same, hex_hmac_sha256
from bot.channels.slack_payloads import contents_of, message_to, payload_of
from bot.settings import Settings
from bot.storable import storable
from bot.storage.base import now

SIGNED_WITHIN_S = 300.0
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_CODE = re.compile(r"[a-z0-9_]{1,60}")  # anything else is no code, and may be words of the message
_TOKEN_CODES = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})
# What an operator or an administrator of the workspace can mend, and what passes by itself.
_LATER = _TOKEN_CODES | {
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "access_denied",
    "accesslimited",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "org_login_required",
    "restricted_action",
    "team_access_not_granted",
    "two_factor_setup_required",
    "messages_tab_disabled",
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
}
# Slack says of these that a part of the work may have been done.
_PERHAPS_DONE = frozenset({"internal_error", "fatal_error"})
_SCOPES = {"chat:write": "sends", "im:history": "receives direct messages"}


class Slack(Messenger):
    """Slack.

    Sources: Slack, "Verifying requests from Slack"; "Events API"; chat.postMessage and auth.test with their errors.
    """

    name = "slack"

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = now) -> None:
        """Prepare; nothing is connected yet.

        Args:
            settings: `slack_…` of them.
            clock: the present moment, in UTC.
        """
        self._secret = settings.slack_signing_secret
        self._clock = clock
        self._vendor = Vendor(settings.slack_api_url, headers={"Authorization": f"Bearer {settings.slack_bot_token}"})

    def verify(self, webhook: Webhook) -> None:
        """See `Messenger.verify`. Five minutes bound how long a webhook that was overheard can be sent again."""
        timestamp = webhook.headers.get("x-slack-request-timestamp", "")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise NotSigned
        signed = f"v0:{timestamp}:".encode() + webhook.body
        check_same(webhook.headers.get("x-slack-signature", ""), f"v0={hex_hmac_sha256(self._secret, signed)}")
        if abs(self._clock().timestamp() - int(timestamp)) > SIGNED_WITHIN_S:
            raise NotSigned

    def challenge(self, webhook: Webhook) -> Answer | None:
        """See `Messenger.challenge`: Slack posts a word when the address is entered, signed like every event."""
        if webhook.method != "POST":
            return None
        payload = payload_of(webhook)
        word = payload.get("challenge")
        return Answer(word) if payload.get("type") == "url_verification" and isinstance(word, str) else None

    def read(self, webhook: Webhook) -> Contents:
        """See `Messenger.read`."""
        return contents_of(payload_of(webhook))

    async def send(self, sender: str, part: Part) -> str:
        """See `Messenger.send`; a sender is the direct channel with a family."""
        response = await self._vendor.post("chat.postMessage", json=message_to(sender, part))
        found = json_of(response)
        # Slack answers 200 to what it refuses, too.
        if not response.is_success or found.get("ok") is False:
            raise _refusal(response)
        timestamp = found.get("ts")
        return storable(timestamp) if isinstance(timestamp, str) else ""

    async def check(self) -> Check:
        """See `Messenger.check`."""
        try:
            response = await self._vendor.post("auth.test")
        except NotSent as error:
            return Check(False, f"Slack does not answer ({error.error}): check BOT_SLACK_API_URL and the network")
        found, code = json_of(response), _code_of(response)
        why = code or f"HTTP {response.status_code}"
        if code in _TOKEN_CODES or response.status_code in (401, 403):
            return Check(False, f"Slack refuses BOT_SLACK_BOT_TOKEN ({why}): copy the bot's token from the app's page")
        if found.get("ok") is not True:
            return Check(False, f"Slack does not say who we are ({why}): check BOT_SLACK_API_URL, or ask again later")
        user, team = (" ".join(storable(str(found.get(key, "?"))[:80]).split()) for key in ("user", "team"))
        return Check(True, f"is {user} in the workspace {team}", _missing_scopes(response))

    def masked(self, sender: str) -> str:
        """See `Messenger.masked`."""
        return masked_id(sender)

    async def close(self) -> None:
        """Close the connections."""
        await self._vendor.close()


def _code_of(response: httpx.Response) -> str:
    code = json_of(response).get("error")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _refusal(response: httpx.Response) -> NotSent:
    code = _code_of(response)
    later = code in _LATER or code in _PERHAPS_DONE or response.status_code in (401, 403)
    error = refusal(response, code, again=True if later else None)
    error.perhaps_arrived = error.perhaps_arrived or code in _PERHAPS_DONE
    return error


def _missing_scopes(response: httpx.Response) -> tuple[str, ...]:
    given = {scope.strip() for scope in response.headers.get("x-oauth-scopes", "").split(",")} - {""}
    return tuple(
        f"the scope {scope} is missing, which {use}: add it on the app's page and install the app again"
        for scope, use in _SCOPES.items()
        if given and scope not in given
    )
