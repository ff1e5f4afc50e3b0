"""The messengers that the settings switch on."""

from collections.abc import Callable

from bot.channel_settings import NEEDED
from bot.channels.base import Messenger
from bot.channels.messenger import FacebookMessenger
from bot.channels.slack import Slack
from bot.channels.telegram import Telegram
from bot.channels.twilio import Twilio
from bot.channels.whatsapp import WhatsApp
from bot.settings import Settings, SettingsError, variable_of

_CHANNELS: dict[str, Callable[[Settings], Messenger]] = {
    "whatsapp": WhatsApp,
    "telegram": Telegram,
    "twilio": Twilio,
    "messenger": FacebookMessenger,
    "slack": Slack,
}


def messengers_of(settings: Settings) -> list[Messenger]:
    """The messengers whose settings are there.

    Raises:
        SettingsError: see `check_channel`.
    """
    found = [messenger_of(settings, name) for name in NEEDED]
    return [messenger for messenger in found if messenger is not None]


def messenger_of(settings: Settings, name: str) -> Messenger | None:
    """One messenger, by the name that its webhook has; None where none of its settings is there.

    Raises:
        SettingsError: see `check_channel`.
    """
    check_channel(settings, name)
    return None if settings.missing_of(name) else _CHANNELS[name](settings)


def check_channels(settings: Settings) -> None:
    """Check every channel.

    Raises:
        SettingsError: see `check_channel`.
    """
    for name in NEEDED:
        check_channel(settings, name)


def check_channel(settings: Settings, name: str) -> None:
    """Refuse a channel of which only some settings are there, or that has no key for families' ids.

    Raises:
        SettingsError: a setting is missing; names it.
    """
    missing = settings.missing_of(name)
    if len(missing) == len(NEEDED[name]):
        return
    if missing:
        present = next(field for field in NEEDED[name] if field not in missing)
        raise SettingsError(
            f"{variable_of(missing[0])} is missing: {variable_of(present)} is set, and the channel needs both. "
            "docs/channels.md says where to find it"
        )
    if not settings.identity_keys:
        raise SettingsError(
            "BOT_IDENTITY_KEY is missing: messaging channels need it to encrypt phone numbers and the like. Set it to "
            "32 random characters or more, for instance from: openssl rand -hex 32"
        )
