"""bot.channels.messaging.identities: families are known by names that say nothing about them."""

import re
from itertools import product

import pytest

from bot.channels.messaging.identities import Identities, UnknownKey

KEY, NEW_KEY, OTHER_KEY = "k" * 32, "n" * 32, "o" * 32
NUMBER = "+441632960123"
CHANNELS = ("whatsapp", "twilio", "telegram", "messenger", "slack")
SENDERS = (NUMBER, "441632960123", "whatsapp:+441632960123", "+441632960124", "123456789", "U1:D1", "née 🆘", "\ud800")


@pytest.fixture
def identities() -> Identities:
    return Identities([KEY])


def never(_key: str) -> bool:
    return False


def test_every_family_of_every_channel_has_a_name_of_its_own(identities: Identities) -> None:
    names = [identities.conversation(channel, sender, never) for channel, sender in product(CHANNELS, SENDERS)]

    assert len(set(names)) == len(CHANNELS) * len(SENDERS)
    assert all(len(name) <= 64 for name in names), "what the log has room for"


def test_so_has_every_message(identities: Identities) -> None:
    ids = ("wamid.HBgMNDQxNjMyOTYwMTIz", "1", "2", "née 🆘")
    names = [identities.message(channel, message_id) for channel, message_id in product(CHANNELS, ids)]

    assert len(set(names)) == len(CHANNELS) * len(ids)
    assert all(len(name) <= 200 for name in names)


def test_no_family_is_named_like_a_message(identities: Identities) -> None:
    conversation = identities.conversation("slack", "1", never).partition("-")[2]

    assert conversation != identities.message("slack", "1")
    assert conversation != identities.message("slack", "1\0" + "0")


@pytest.mark.parametrize(
    ("one", "other"),
    [(("slack", "a"), ("slack", "a\0")), (("a", "b"), ("ab", ""))],
)
def test_parts_of_a_name_do_not_run_together(
    identities: Identities, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert identities.conversation(*one, never) != identities.conversation(*other, never)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_name_says_the_channel_and_nothing_of_the_number(identities: Identities, channel: str) -> None:
    name = identities.conversation(channel, NUMBER, never)

    prefix, _, rest = name.partition("-")
    assert prefix == channel[:2]
    assert re.fullmatch(r"[0-9a-f]{32}", rest)
    for hidden in (NUMBER, NUMBER[1:], NUMBER[-6:]):
        assert hidden not in name
        assert hidden.encode().hex() not in name
    assert not name.startswith("web-"), "what the website's are forgotten by"


def test_names_are_the_same_after_a_restart() -> None:
    one, again = Identities([KEY]), Identities([KEY])

    assert one.conversation("slack", "U1", never) == again.conversation("slack", "U1", never)
    assert one.message("slack", "1") == again.message("slack", "1")


def test_names_need_the_key() -> None:
    one, other = Identities([KEY]), Identities([OTHER_KEY])

    assert one.conversation("slack", "U1", never) != other.conversation("slack", "U1", never)
    assert one.message("slack", "1") != other.message("slack", "1")


def test_after_each_erasure_a_family_has_another_name(identities: Identities) -> None:
    erased: set[str] = set()
    names = []
    for _ in range(4):
        names.append(identities.conversation("slack", "U1", erased.__contains__))
        erased.add(names[-1])

    assert len(set(names)) == 4
    assert Identities([KEY]).conversation("slack", "U1", set(names[:2]).__contains__) == names[2]
    assert identities.conversation("slack", "U2", erased.__contains__) not in names


@pytest.mark.parametrize("sender", SENDERS[:-1])
def test_an_address_is_read_again_and_shows_nothing(identities: Identities, sender: str) -> None:
    address = identities.encrypted(sender)

    assert identities.decrypted(address) == sender
    assert sender not in address
    assert identities.encrypted(sender) != address, "equal families are not seen to be equal"


def test_an_address_is_the_same_in_one_conversation_alone(identities: Identities) -> None:
    address = identities.address("wh-1", NUMBER)

    assert identities.decrypted(address) == NUMBER
    assert identities.address("wh-1", NUMBER) == address
    assert identities.address("wh-2", NUMBER) != address


def test_a_new_key_in_front_reads_what_was_encrypted_and_names_as_before() -> None:
    before, after = Identities([KEY]), Identities([NEW_KEY, KEY])

    assert after.decrypted(before.encrypted(NUMBER)) == NUMBER
    assert after.conversation("whatsapp", NUMBER, never) == before.conversation("whatsapp", NUMBER, never)
    assert after.message("whatsapp", "1") == before.message("whatsapp", "1")
    with pytest.raises(UnknownKey):
        before.decrypted(after.encrypted(NUMBER))  # the new key encrypts


@pytest.mark.parametrize("address", ["", "no address", "gAAAAA", NUMBER, "née", None])
def test_what_was_encrypted_with_another_key_or_damaged(identities: Identities, address: str | None) -> None:
    if address is None:
        address = Identities([OTHER_KEY]).encrypted(NUMBER)

    with pytest.raises(UnknownKey) as raised:
        identities.decrypted(address)

    assert NUMBER not in str(raised.value)


def test_a_changed_address_is_not_read(identities: Identities) -> None:
    address = identities.encrypted(NUMBER)
    changed = address[:40] + ("A" if address[40] != "A" else "B") + address[41:]

    with pytest.raises(UnknownKey):
        identities.decrypted(changed)
