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
        SettingsError: see `check_channels`.
    """
    check_channels(settings)
    return [_CHANNELS[name](settings) for name in NEEDED if not settings.missing_of(name)]


def check_channels(settings: Settings) -> None:
    """Refuse a channel of which only some settings are there, and channels without the key for families' ids.

    Raises:
        SettingsError: a setting is missing; names it.
    """
    configured = False
    for name, needed in NEEDED.items():
        missing = settings.missing_of(name)
        if missing and len(missing) < len(needed):
            present = next(field for field in needed if field not in missing)
            raise SettingsError(
                f"{variable_of(missing[0])} is missing: {variable_of(present)} is set, and the channel needs both. "
                "docs/channels.md says where to find it"
            )
        configured = configured or not missing
    if configured and not settings.identity_keys:
        raise SettingsError(
            "BOT_IDENTITY_KEY is missing: messaging channels need it to encrypt phone numbers and the like. Set it to "
            "32 random characters or more, for instance from: openssl rand -hex 32"
        )
