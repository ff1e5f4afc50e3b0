"""bot.channels.masking: an id is recognised by its ends, and no more than a third of it is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.masking import masked_id


@pytest.mark.parametrize(
    ("vendor_id", "masked"),
    [
        ("+44770090012345", "+44•••••45"),
        ("+8613900000001", "+8•••••01"),
        ("987654321", "9•••••21"),
        ("12345", "•••••5"),
        ("12", "•••••"),
        ("", "•••••"),
    ],
)
def test_the_ends_are_seen(vendor_id: str, masked: str) -> None:
    assert masked_id(vendor_id) == masked


@given(st.text("0123456789abcXYZ", max_size=60))
def test_no_more_than_a_third_is_seen(vendor_id: str) -> None:
    shown = masked_id(vendor_id).replace("•", "")

    assert len(shown) <= min(5, len(vendor_id) / 3)
