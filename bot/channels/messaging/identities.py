"""Who a family is to a messenger, and by which opaque names this service knows it instead."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

REMEMBERED = 2_000  # conversations whose encrypted id is kept
DIGITS = 32  # hexadecimal digits of a name: 128 bits, which nobody meets twice


class UnknownKey(Exception):
    """An address was encrypted with a key that the settings no longer have."""

    remedy = "put the key that it was encrypted with back into BOT_IDENTITY_KEY, behind the others"


class Identities:
    """Names and encrypts what vendors know families and messages by.

    Names are made with a key, because a phone number can be found from its plain digest by trying all numbers.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Use the deployment's keys.

        Args:
            keys: the first encrypts, all decrypt, the last names.
        """
        self._encryption = MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, "addresses"))) for key in keys])
        self._naming = _derived(keys[-1], "names")
        self._addresses = lru_cache(REMEMBERED)(lambda conversation, sender: self.encrypted(sender))

    def conversation(self, channel: str, sender: str, is_erased: Callable[[str], bool]) -> str:
        """The key of a family's conversation.

        Known without asking the database, so that a message can be kept while that is away. After each erasure the
        family gets another, so that nothing links what it writes then to what was erased.

        Args:
            channel: the messenger's name.
            sender: the family's id there.
            is_erased: whether a conversation of a key was erased.
        """
        number = 0
        while is_erased(key := f"{channel[:2]}-{self._name('conversation', channel, sender, str(number))}"):
            number += 1
        return key

    def message(self, channel: str, message_id: str) -> str:
        """The name of a vendor's message: WhatsApp's own ids hold the phone number."""
        return self._name("message", channel, message_id)

    def address(self, conversation: str, sender: str) -> str:
        """A family's encrypted id for the log, the same for a while in one conversation: each message there bears it.

        In another it is another, so that nobody sees whose conversations belong together.
        """
        return self._addresses(conversation, sender)

    def encrypted(self, sender: str) -> str:
        """A family's id, encrypted anew."""
        return self._encryption.encrypt(sender.encode()).decode()

    def decrypted(self, address: str) -> str:
        """The inverse of `encrypted`.

        Raises:
            UnknownKey: it was encrypted with another key.
        """
        try:
            return self._encryption.decrypt(address.encode()).decode()
        except InvalidToken as error:
            raise UnknownKey from error

    def _name(self, *parts: str) -> str:
        whole = b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)
        return hmac.new(self._naming, whole, hashlib.sha256).hexdigest()[:DIGITS]


def _derived(key: str, purpose: str) -> bytes:
    """A key of its own for each purpose (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(key.encode())
