"""What the tests of channels share."""

from collections.abc import Iterator

import pytest
from vendor import VendorServer


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    """A server of this test's own that plays the vendors."""
    server = VendorServer()
    yield server
    server.close()
