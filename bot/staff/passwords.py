"""Passwords: argon2id, and what a password must be."""

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from bot.errors import UserError
from bot.staff.rules import PasswordRules

TIME_COST, MEMORY_COST_KIB, PARALLELISM = 3, 64 * 1024, 4


class PasswordRefused(UserError):
    """A new password is not good enough; the message says why, and never what it was."""


def argon2id() -> PasswordHasher:
    """The hash that passwords are stored as."""
    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_COST_KIB, parallelism=PARALLELISM)


class Passwords:
    """Hashes and verifies passwords. Each hash takes about a tenth of a second and 64 MiB: call it in a thread."""

    def __init__(self, rules: PasswordRules, hasher: PasswordHasher | None = None) -> None:
        """Prepare.

        Args:
            rules: what a new password must be.
            hasher: how it is hashed; by default as it should be.
        """
        self._rules = rules
        self._hasher = hasher or argon2id()
        # Verified where there is no password to verify, so that both take the same time.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    def check_new(self, password: str, name: str) -> None:
        """Refuse a new password that is easily guessed.

        Args:
            password: as it was typed.
            name: whose it is to be.

        Raises:
            PasswordRefused: it is too short, too long, or has something in it that others try first.
        """
        rules, folded = self._rules, password.casefold()
        if not rules.minimum <= len(password) <= rules.maximum:
            raise PasswordRefused(f"the password must have {rules.minimum} to {rules.maximum} characters")
        if len(set(folded)) < rules.minimum // 2:
            raise PasswordRefused("the password repeats too few different characters")
        if name.casefold() in folded:
            raise PasswordRefused("the password must not contain the name")
        if any(word.casefold() in folded for word in rules.refused):
            raise PasswordRefused("the password has something in it that everybody tries first")

    def hash(self, password: str) -> str:
        """What is stored for a password."""
        return self._hasher.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one that was stored; without one it takes as long, and is wrong."""
        try:
            return self._hasher.verify(stored or self._nobodys, _normal(password)) and stored is not None
        except (VerifyMismatchError, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether a stored hash was made with other parameters than those in use."""
        return self._hasher.check_needs_rehash(stored)


def _normal(password: str) -> str:
    """The same bytes for what looks the same on any keyboard; a password longer than any is cut before the work."""
    return unicodedata.normalize("NFC", password[:2048]).encode("utf-8", "replace").decode()
