"""Checks of the messaging channels: their settings, and what their vendors say to them."""

import asyncio

from bot.channel_settings import NEEDED
from bot.channels.base import Check, Messenger
from bot.channels.configured import messenger_of
from bot.doctor.findings import FAULT, OK, WARNING, Finding, failed
from bot.errors import UserError
from bot.settings import Settings

LIMIT_S = 10.0  # how long a vendor may take; they are all asked at once
UNKNOWN_ADDRESS = "https://YOUR-ADDRESS"


def messengers(settings: Settings, *, offline: bool) -> list[Finding]:
    """What there is to say about every channel.

    Args:
        settings: of the service.
        offline: no vendor is asked.
    """
    return asyncio.run(_all(settings, offline=offline))


async def _all(settings: Settings, *, offline: bool) -> list[Finding]:
    found = await asyncio.gather(*(_channel(settings, name, offline=offline) for name in NEEDED))
    return [finding for findings in found for finding in findings]


async def _channel(settings: Settings, name: str, *, offline: bool) -> list[Finding]:
    address = f"Its webhook is {webhook_address(settings, name)}"
    try:
        messenger = messenger_of(settings, name)
        if messenger is None:
            return [Finding(OK, name, "not configured")]
        if offline:
            return [Finding(OK, name, "its settings are complete; the vendor was not asked", address)]
        return _told(name, await _asked(messenger), address)
    except UserError as error:
        return [Finding(FAULT, name, str(error))]
    except Exception as error:  # a fault in one channel says nothing about the others
        return [failed(name, error)]


async def _asked(messenger: Messenger) -> Check:
    try:
        return await asyncio.wait_for(messenger.check(), LIMIT_S)
    except asyncio.TimeoutError:
        return Check(False, f"the vendor does not answer within {LIMIT_S:g} s: look at the network, or ask again later")
    finally:
        await messenger.close()


def _told(name: str, check: Check, address: str) -> list[Finding]:
    first = Finding(OK if check.works else FAULT, name, check.found, address)
    return [first, *(Finding(WARNING, name, advice) for advice in check.advice)]


def webhook_address(settings: Settings, name: str) -> str:
    """What is entered at the vendor; with a placeholder where no setting says how the service is reached.

    Args:
        settings: of the service.
        name: of the channel.
    """
    # The one that a vendor is told comes before the console's, which may be one of the hospital's own network.
    known = (settings.twilio_public_url, settings.console_url.rstrip("/").removesuffix("/console"))
    base = next((address for address in known if address.startswith("https://")), UNKNOWN_ADDRESS)
    return f"{base}/channels/{name}"
