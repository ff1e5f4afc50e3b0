"""Session tokens: which conversation a browser may write in and read."""

import secrets

from itsdangerous import BadSignature, URLSafeTimedSerializer

from bot.conversations.erased import OF_WEBSITE

SESSION_LIFETIME_S = 30 * 24 * 60 * 60


class SessionTokens:
    """Signs and reads the widget's session tokens. A token is bound to one conversation, which the server names."""

    def __init__(self, *secret_keys: str) -> None:
        """Sign with the first key and read what any of them signed.

        Args:
            secret_keys: the deployment's, newest first; where there is none, one is made, and sessions end with the
                process.
        """
        oldest_first = list(reversed(secret_keys)) or [secrets.token_hex(32)]  # itsdangerous signs with the last
        self._serializer = URLSafeTimedSerializer(oldest_first, salt="widget-session")

    def issue(self) -> str:
        """A token for a new conversation."""
        return self._serializer.dumps(f"{OF_WEBSITE}{secrets.token_hex(16)}")

    def conversation(self, token: str) -> str | None:
        """The conversation of a token; None for a forged or expired one."""
        try:
            value = self._serializer.loads(token, max_age=SESSION_LIFETIME_S)
        except BadSignature:
            return None
        return value if isinstance(value, str) else None
