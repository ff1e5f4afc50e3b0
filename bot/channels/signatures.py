"""Signatures of webhooks, compared in constant time."""

import hmac
from base64 import b64encode
from hashlib import sha1, sha256

from bot.channels.base import NotSigned, Webhook


def is_same(given: str, right: str) -> bool:
    """Whether a word is the right one, in a time that does not tell how much of it is."""
    # Encoded, because compare_digest takes no text beyond ASCII and a header may hold any.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def check_same(given: str, right: str) -> None:
    """Let a word pass that is the right one.

    Raises:
        NotSigned: it is another, or none.
    """
    if not is_same(given, right):
        raise NotSigned


def hex_hmac_sha256(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(secret.encode(), message, sha256).hexdigest()


def base64_hmac_sha1(secret: str, message: bytes) -> str:
    """HMAC-SHA1 in base64."""
    return b64encode(hmac.new(secret.encode(), message, sha1).digest()).decode()


def check_meta_signature(webhook: Webhook, app_secret: str) -> None:
    """Let a webhook of Meta pass: X-Hub-Signature-256 over the raw body.

    Source: Meta, "Graph API webhooks: getting started", validating payloads.

    Raises:
        NotSigned: the signature is missing or wrong.
    """
    check_same(webhook.headers.get("x-hub-signature-256", ""), f"sha256={hex_hmac_sha256(app_secret, webhook.body)}")
