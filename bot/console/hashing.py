"""Passwords on the event loop: hashed in threads, few at a time."""

import asyncio

from starlette.concurrency import run_in_threadpool

from bot.staff.passwords import Passwords
from bot.staff.sign_in import Attempt, compare

HASHED_AT_ONCE = 2  # each takes 64 MiB


class Hashing:
    """Compares and hashes passwords without holding the event loop up."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._places = asyncio.Semaphore(HASHED_AT_ONCE)

    async def compare(self, user_id: int | None, stored: str | None, password: str) -> Attempt:
        """Compare a password with what is stored; see `compare`."""
        async with self._places:
            return await run_in_threadpool(compare, self._passwords, user_id, stored, password)

    async def hash_new(self, password: str, name: str) -> str:
        """What is stored for a new password.

        Raises:
            PasswordRefused: it is too easily guessed.
        """
        self._passwords.check_new(password, name)
        async with self._places:
            return await run_in_threadpool(self._passwords.hash, password)
