"""What calls over TLS trust."""

import ssl
from functools import lru_cache

import httpx


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """The authorities that httpx trusts, read once: each reading takes 1.2 MB, and each client would have its own."""
    return httpx.create_ssl_context()
