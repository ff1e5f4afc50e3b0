"""Calls as a JSON message to a web address."""

import asyncio
from datetime import datetime

import httpx

from bot.alerts.call import Call
from bot.alerts.way import TIME_LIMIT_S, NotSent
from bot.tls import trusted_authorities


class Webhook:
    """Posts calls to one address, which is a secret: who knows it can post there too."""

    name = "webhook"

    def __init__(self, url: str, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._url = url
        self._time_limit_s = time_limit_s
        self._client = httpx.AsyncClient(verify=trusted_authorities(), follow_redirects=False, timeout=time_limit_s)

    async def send(self, call: Call, moment: datetime) -> None:
        """Post a call; see `Way.send`."""
        try:
            status = await asyncio.wait_for(self._status(call, moment), self._time_limit_s)
        except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError, OSError) as error:
            raise NotSent(type(error).__name__) from error
        if not 200 <= status < 300:  # a redirect as well: the address is wrong, and where it leads nobody has checked
            raise NotSent(f"HTTP {status}")

    async def _status(self, call: Call, moment: datetime) -> int:
        # What the receiver answers is not read: it may be long, and means nothing here.
        async with self._client.stream("POST", self._url, json=call.as_json(moment)) as response:
            return response.status_code

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
