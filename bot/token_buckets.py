"""Token buckets: how often something may be done by each of many, in process, bounded in memory."""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable

from pydantic import Field

from bot.data_file import Entry

REMEMBERED_MAXIMUM = 20_000  # sessions, and as many addresses; of more, the one heard of longest ago begins anew

Clock = Callable[[], float]


class Limit(Entry):
    """A bucket: what it holds, and how fast it fills."""

    burst: int = Field(ge=1)  # how many may come at once
    every_s: float = Field(gt=0)  # seconds until one more may come


class TokenBuckets:
    """A bucket for each key, all of one size. For one thread."""

    def __init__(self, limit: Limit, clock: Clock) -> None:
        """Begin with every bucket full.

        Args:
            limit: the size of the buckets.
            clock: seconds that only grow.
        """
        self._limit = limit
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when the bucket of a key is full again

    def wait_s(self, key: str) -> float:
        """Seconds until the bucket of a key has something to take; 0 where it has."""
        now = self._clock()
        missing_s = self._full_at.get(key, now) - now
        # Rounded: what adding fractions of a second leaves over must not cost a whole one.
        return max(round(missing_s - (self._limit.burst - 1) * self._limit.every_s, 6), 0.0)

    def take(self, key: str) -> None:
        """Take one out of the bucket of a key."""
        now = self._clock()
        self._full_at[key] = max(self._full_at.get(key, now), now) + self._limit.every_s
        self._full_at.move_to_end(key)
        while len(self._full_at) > REMEMBERED_MAXIMUM:
            self._full_at.popitem(last=False)


def take(*buckets: tuple[TokenBuckets, str | None]) -> int:
    """Take one out of each, or nothing out of any; a key that is None has no limit."""
    counted = [(bucket, key) for bucket, key in buckets if key is not None]
    wait_s = max((bucket.wait_s(key) for bucket, key in counted), default=0.0)
    if wait_s > 0:
        return math.ceil(wait_s)
    for bucket, key in counted:
        bucket.take(key)
    return 0


def address_of(host: str | None) -> str | None:
    """What counts as one address: of IPv6 the /64, which is what one household is given.

    None for this machine itself: that is a proxy that does not say for whom it asks, and families must not be limited
    all together.
    """
    if host is None:
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
