"""The password again, from somebody who is signed in: an open browser alone must not change an account."""

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.hashing import Hashing
from bot.staff.sign_in import SignIn, stored_password

NOT_YOURS = "That is not your password. After several wrong tries your name is locked for some minutes."


class OwnPassword:
    """Asks for the password of whoever is signed in."""

    def __init__(self, desk: Desk, hashing: Hashing, signing_in: SignIn) -> None:
        self._desk = desk
        self._hashing = hashing
        self._signing_in = signing_in

    async def is_right(self, visit: Visit, password: str) -> bool:
        """Whether it is the password; a wrong one counts as at the door."""
        user_id, stored = await self._desk.read(lambda session: stored_password(session, visit.name))
        attempt = await self._hashing.compare(user_id, stored, password)
        moment = self._desk.clock()
        return await self._desk.write(
            lambda session: self._signing_in.is_own_password(session, attempt, visit.actor, moment)
        )
