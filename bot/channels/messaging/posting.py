"""Calls to a vendor, and what their failures mean for the message."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bot.channels.base import NotSent
from bot.storage.base import now
from bot.tls import trusted_authorities

CONNECT_LIMIT_S = 5.0
# Long, because a vendor that is slow has the message all the same, and whoever gives up early sends it twice.
ANSWER_LIMIT_S = 20.0
AT_ONCE = 40  # connections to one vendor
# What a server says when the same request can succeed later; every other 4xx says that it cannot.
_LATER = (408, 425, 429)


class Vendor:
    """The connections to one vendor's interface."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None, auth: Any = None) -> None:
        """Prepare; nothing is connected yet.

        Args:
            base_url: where its addresses begin.
            headers: sent with every call.
            auth: as httpx takes it.
        """
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            auth=auth,
            verify=trusted_authorities(),
            follow_redirects=False,
            timeout=httpx.Timeout(ANSWER_LIMIT_S, connect=CONNECT_LIMIT_S, pool=ANSWER_LIMIT_S),
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        )

    async def post(self, path: str, **content: Any) -> httpx.Response:
        """Post to an address.

        Args:
            path: behind the base address.
            content: as httpx takes it: `json`, or `data` for a form.

        Raises:
            NotSent: there was no answer.
        """
        try:
            return await self._client.post(path, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(type(error).__name__, again=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotSent(type(error).__name__, again=True, perhaps_arrived=True) from error

    async def get(self, path: str, **content: Any) -> httpx.Response:
        """Get an address; as `post` does."""
        try:
            return await self._client.get(path, **content)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotSent(type(error).__name__, again=True) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def refusal(response: httpx.Response, code: object = "", *, again: bool | None = None) -> NotSent:
    """What an answer other than success means.

    Args:
        response: the answer.
        code: the vendor's own code for what went wrong, if it gives one.
        again: whether the vendor's code says that it can succeed later; None: the HTTP status tells.
    """
    status = response.status_code
    error = f"HTTP {status}" + (f", code {code}" if code not in ("", None) else "")
    later = status in _LATER or status >= 500 if again is None else again
    # A gateway that gives up has perhaps passed the message on.
    return NotSent(error[:200], again=later, after_s=retry_after_s(response), perhaps_arrived=status in (502, 504))


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds of a Retry-After header, whichever of its two forms it has (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The object that an answer holds; empty where it holds none."""
    try:
        found = response.json()
    except (ValueError, RecursionError):  # brackets within brackets, a thousand deep
        return {}
    return found if isinstance(found, dict) else {}
