"""bot.channel_settings: a channel is switched on by all of its settings, and a wrong one is named in one line."""

import os
from pathlib import Path

import pytest

from bot.channel_settings import NEEDED
from bot.channels.configured import check_channels, messengers_of
from bot.settings import SettingsError, load_settings, variable_of

KEY, OTHER_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
NOWHERE = Path("/nonexistent/.env")
RIGHT = {
    "whatsapp": {
        "whatsapp_app_secret": "a1b2",
        "whatsapp_verify_token": "our-word",
        "whatsapp_access_token": "EAAG",
        "whatsapp_phone_number_id": "106540352242922",
    },
    "telegram": {"telegram_token": "123:AAE-x_y", "telegram_secret_token": "our_word-1"},
    "twilio": {
        "twilio_account_sid": "AC00ff",
        "twilio_auth_token": "c3d4",
        "twilio_from": "+441632960000,whatsapp:+441632960001",
        "twilio_public_url": "https://chat.hospital.example",
    },
    "messenger": {
        "messenger_app_secret": "e5f6",
        "messenger_verify_token": "our-word",
        "messenger_page_token": "EAAH",
    },
    "slack": {"slack_signing_secret": "0a1b", "slack_bot_token": "xoxb-1-2"},
}
ONE_WORD = [name for names in NEEDED.values() for name in names]
ADDRESSES = [f"{channel}_api_url" for channel in NEEDED]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("BOT_"):
            monkeypatch.delenv(name)


def refusal(**values: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(env_file=NOWHERE, **values)
    return str(refused.value)


def test_the_table_of_this_test_is_that_of_the_code() -> None:
    assert {channel: tuple(values) for channel, values in RIGHT.items()} == NEEDED


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        *((name, RIGHT[channel][name], RIGHT[channel][name]) for channel in RIGHT for name in RIGHT[channel]),
        ("identity_key", "", ""),
        ("identity_key", "  ", ""),
        ("identity_key", KEY, KEY),
        ("identity_key", f" {OTHER_KEY} , {KEY} ", f"{OTHER_KEY},{KEY}"),
        ("slack_signing_secret", "  0a1b\n", "0a1b"),
        ("telegram_token", "", ""),
        ("twilio_from", "", ""),
        ("twilio_from", "+441632", "+441632"),
        ("twilio_public_url", "", ""),
        ("twilio_public_url", "https://a.example/", "https://a.example"),
        ("twilio_public_url", "https://a.example/bot/channels/twilio", "https://a.example/bot"),
        ("twilio_public_url", "https://a.example/channels/twilio/", "https://a.example"),
        ("slack_api_url", " https://slack.com/api/ ", "https://slack.com/api"),
        ("slack_api_url", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("telegram_secret_token", "A" * 256, "A" * 256),
    ],
)
def test_what_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: str) -> None:
    monkeypatch.setenv(variable_of(name), value)

    assert getattr(load_settings(env_file=NOWHERE), name) == read


@pytest.mark.parametrize(
    ("value", "keys"), [("", ()), (KEY, (KEY,)), (f"{OTHER_KEY},{KEY}", (OTHER_KEY, KEY))], ids=["none", "one", "two"]
)
def test_the_keys_in_their_order(value: str, keys: tuple[str, ...]) -> None:
    assert load_settings(env_file=NOWHERE, identity_key=value).identity_keys == keys


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("identity_key", KEY[1:], "has 31 characters; 32 or more"),
        ("identity_key", f"{KEY},short", "key 2 has 5 characters; 32 or more"),
        ("identity_key", f"{KEY},", "key 2 has 0 characters; 32 or more"),
        ("identity_key", f",{KEY}", "key 1 has 0 characters; 32 or more"),
        ("telegram_token", "AAE-x_y", "must be the bot's token as @BotFather gives it"),
        ("telegram_token", "123:", "must be the bot's token as @BotFather gives it"),
        ("telegram_token", "123:AA/../E", "must be the bot's token as @BotFather gives it"),
        ("telegram_secret_token", "our word", "must be one word without spaces"),
        ("telegram_secret_token", "word!", "may have letters, digits, '_' and '-' only, 256 at most"),
        ("telegram_secret_token", "A" * 257, "may have letters, digits, '_' and '-' only, 256 at most"),
        ("whatsapp_phone_number_id", "+441632960000", "must be Meta's id of the number: digits alone"),
        ("whatsapp_phone_number_id", "12a", "must be Meta's id of the number: digits alone"),
        ("whatsapp_phone_number_id", "1/../2", "must be Meta's id of the number: digits alone"),
        ("twilio_from", "01632960000", "has '01632960000', which is no number"),
        ("twilio_from", "+441632960000,sms:+441632960001", "has 'sms:+441632960001', which is no number"),
        ("twilio_from", "+441632960000,", "has '', which is no number"),
        ("twilio_from", "+44163", "has '+44163', which is no number"),
        ("twilio_from", "+441632960000, +441632960001", "must be one word without spaces"),
        ("twilio_account_sid", "SK00ff", "must be the account's SID: it begins with AC"),
        ("twilio_account_sid", "AC/x", "must be the account's SID: it begins with AC"),
        ("slack_bot_token", "xoxp-1-2", "must be the bot's token: it begins with xoxb-"),
        ("twilio_public_url", "chat.hospital.example", "must be an address such as https://"),
        ("twilio_public_url", "http://chat.hospital.example", "must begin with https://"),
        *((name, value, "must be one word without spaces") for name in ONE_WORD for value in ("a b", "a\u200bb", "né")),
        *((name, "http://vendor.example", "must begin with https://") for name in ADDRESSES),
        *((name, "vendor.example", "must be an address such as https://") for name in ADDRESSES),
        *((name, "", "must be an address such as https://") for name in ADDRESSES),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_by_its_variable(name: str, value: str, fault: str) -> None:
    line = refusal(**{name: value})

    assert line.startswith(f"{variable_of(name)} {fault}")
    assert "\n" not in line


@pytest.mark.parametrize("name", [name for name in ONE_WORD if name.endswith(("secret", "token"))] + ["identity_key"])
def test_a_refused_secret_is_not_repeated(name: str) -> None:
    """What is printed at the start is read by others."""
    assert "s3cr3t" not in refusal(**{name: "s3cr3t word né"})


@pytest.mark.parametrize("channel", NEEDED)
async def test_a_channel_is_on_with_all_its_settings(channel: str) -> None:
    settings = load_settings(env_file=NOWHERE, identity_key=KEY, **RIGHT[channel])

    (messenger,) = messengers_of(settings)

    assert messenger.name == channel
    await messenger.close()


async def test_all_channels_or_none() -> None:
    assert messengers_of(load_settings(env_file=NOWHERE)) == []
    everything = {name: value for values in RIGHT.values() for name, value in values.items()}
    messengers = messengers_of(load_settings(env_file=NOWHERE, identity_key=KEY, **everything))

    assert [messenger.name for messenger in messengers] == list(NEEDED)
    for messenger in messengers:
        await messenger.close()


@pytest.mark.parametrize(
    ("channel", "missing"), [(channel, name) for channel, names in NEEDED.items() for name in names]
)
def test_a_channel_with_a_setting_missing_is_refused_by_its_variable(channel: str, missing: str) -> None:
    given = {name: value for name, value in RIGHT[channel].items() if name != missing}

    with pytest.raises(SettingsError) as refused:
        check_channels(load_settings(env_file=NOWHERE, identity_key=KEY, **given))

    line = str(refused.value)
    assert line.startswith(f"{variable_of(missing)} is missing: {variable_of(next(iter(given)))} is set")
    assert "\n" not in line
    assert not any(value in line for value in given.values())


@pytest.mark.parametrize("channel", NEEDED)
def test_no_channel_goes_without_the_key_for_families_ids(channel: str) -> None:
    with pytest.raises(SettingsError, match=r"^BOT_IDENTITY_KEY is missing: messaging channels need it"):
        check_channels(load_settings(env_file=NOWHERE, **RIGHT[channel]))


def test_the_key_alone_switches_nothing_on() -> None:
    assert messengers_of(load_settings(env_file=NOWHERE, identity_key=KEY)) == []
