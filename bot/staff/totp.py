"""The second factor: time-based one-time codes, their secrets kept encrypted."""

import base64
import hmac
import json
from datetime import datetime

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import UserError

STEP_S = 30  # how long one code is shown
STEPS_AROUND = (-1, 0, 1)  # clocks differ, and people type slowly
SET_UP_WITHIN_S = 600  # from the picture to the code that confirms it
ISSUER = "CRS family chat"


class SecondFactorError(UserError):
    """The second factor cannot be set up or read; the message says what to do."""


class SecretBox:
    """Encrypts with the first key of BOT_SECRET_KEY and reads what any of them encrypted."""

    def __init__(self, *secret_keys: str) -> None:
        self._fernet = MultiFernet([_fernet(key) for key in secret_keys]) if secret_keys else None

    def seal(self, secret: str) -> str:
        """Encrypt.

        Raises:
            SecondFactorError: there is no key, so that nobody could read it after the next start.
        """
        if self._fernet is None:
            raise SecondFactorError("BOT_SECRET_KEY is missing: without it no second factor can be set up")
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str, *, within_s: int | None = None) -> str:
        """Decrypt.

        Args:
            sealed: what `seal` gave.
            within_s: how old it may be, in seconds.

        Raises:
            SecondFactorError: no key fits, or it is too old.
        """
        try:
            if self._fernet is None:
                raise InvalidToken
            return self._fernet.decrypt(sealed.encode("utf-8", "replace"), within_s).decode()
        except InvalidToken:
            raise SecondFactorError(
                "the second factor cannot be read: it is too old, or BOT_SECRET_KEY has changed"
            ) from None


def new_secret() -> str:
    """A secret for an authenticator app."""
    return pyotp.random_base32()


def address(secret: str, name: str) -> str:
    """What the picture says that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str, moment: datetime, after: int | None) -> int | None:
    """The step that a code belongs to.

    Args:
        secret: of the account.
        code: as it was typed, spaces or not.
        moment: now.
        after: the step of the code that was used last: only later ones are good.

    Returns:
        None where the code is wrong, or was used already.
    """
    typed = "".join(code.split()).encode("utf-8", "replace")
    present = int(moment.timestamp()) // STEP_S
    good = None
    for step in (present + offset for offset in STEPS_AROUND):
        right = hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP_S).encode(), typed)
        if right and (after is None or step > after):
            good = step
    return good


class PendingSecrets:
    """A secret that is not confirmed yet, as the page carries it: encrypted, for one account, for some minutes."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, user_id: int, secret: str) -> str:
        """What the page carries."""
        return self._box.seal(json.dumps([user_id, secret]))

    def open(self, user_id: int, sealed: str) -> str:
        """The secret again.

        Raises:
            SecondFactorError: it is too old, or another account's.
        """
        owner, secret = json.loads(self._box.open(sealed, within_s=SET_UP_WITHIN_S))
        if owner != user_id:
            raise SecondFactorError("the second factor was begun for another account: begin again")
        return str(secret)


def _fernet(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"staff second factor").derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
