"""The settings of messaging channels. A channel is switched on by its settings: all of them, or none."""

import re

from pydantic import BaseSettings, Field, validator
from pydantic.fields import ModelField

from bot.alert_addresses import check_web_address

IDENTITY_KEY_MINIMUM = 32  # characters
# What each channel cannot be without, by the name that its webhook has.
NEEDED = {
    "whatsapp": (
        "whatsapp_app_secret",
        "whatsapp_verify_token",
        "whatsapp_access_token",
        "whatsapp_phone_number_id",
    ),
    "telegram": ("telegram_token", "telegram_secret_token"),
    "twilio": ("twilio_account_sid", "twilio_auth_token", "twilio_from", "twilio_public_url"),
    "messenger": ("messenger_app_secret", "messenger_verify_token", "messenger_page_token"),
    "slack": ("slack_signing_secret", "slack_bot_token"),
}
# What a setting must look like to be what the vendor calls it, and what is said of one that does not.
FORMS = {
    "whatsapp_phone_number_id": (
        "[0-9]+",
        "must be Meta's id of the number: digits alone, not the phone number itself",
    ),
    "telegram_token": (
        "[0-9]+:[A-Za-z0-9_-]+",
        "must be the bot's token as @BotFather gives it: digits, a colon, letters",
    ),
    "telegram_secret_token": (
        "[A-Za-z0-9_-]{1,256}",
        "may have letters, digits, '_' and '-' only, 256 at most",
    ),
    "twilio_account_sid": ("AC[0-9a-zA-Z]+", "must be the account's SID: it begins with AC"),
    "slack_bot_token": ("xoxb-.*", "must be the bot's token: it begins with xoxb-"),
}


class ChannelSettings(BaseSettings):
    """What each vendor gives, and where it is called."""

    identity_key: str = Field(
        "",
        env="BOT_IDENTITY_KEY",
        description="encrypts what messengers know families by (phone numbers and the like), "
        f"{IDENTITY_KEY_MINIMUM} characters or more; several with commas: the first encrypts, all decrypt, the last "
        "names conversations, so put a new key in front; required with any messaging channel",
    )
    whatsapp_app_secret: str = Field("", env="BOT_WHATSAPP_APP_SECRET", description="signs WhatsApp's webhooks")
    whatsapp_verify_token: str = Field(
        "", env="BOT_WHATSAPP_VERIFY_TOKEN", description="a word of your own, told to Meta with the webhook's address"
    )
    whatsapp_access_token: str = Field(
        "", env="BOT_WHATSAPP_ACCESS_TOKEN", description="sends on WhatsApp: a system user's permanent token"
    )
    whatsapp_phone_number_id: str = Field(
        "", env="BOT_WHATSAPP_PHONE_NUMBER_ID", description="Meta's id of the number that families write to"
    )
    whatsapp_api_url: str = Field(
        "https://graph.facebook.com/v21.0", env="BOT_WHATSAPP_API_URL", description="where WhatsApp is called"
    )
    telegram_token: str = Field("", env="BOT_TELEGRAM_TOKEN", description="the bot's token from @BotFather")
    telegram_secret_token: str = Field(
        "",
        env="BOT_TELEGRAM_SECRET_TOKEN",
        description="a word of your own, told to Telegram with the webhook's address: letters, digits, _ and -",
    )
    telegram_api_url: str = Field(
        "https://api.telegram.org", env="BOT_TELEGRAM_API_URL", description="where Telegram is called"
    )
    twilio_account_sid: str = Field("", env="BOT_TWILIO_ACCOUNT_SID", description="Twilio's id of the account, AC…")
    twilio_auth_token: str = Field(
        "", env="BOT_TWILIO_AUTH_TOKEN", description="signs Twilio's webhooks, and sends through Twilio"
    )
    twilio_from: str = Field(
        "",
        env="BOT_TWILIO_FROM",
        description="the numbers that families write to, with commas: +441632960000 for SMS, whatsapp:+441632960000",
    )
    twilio_api_url: str = Field(
        "https://api.twilio.com", env="BOT_TWILIO_API_URL", description="where Twilio is called"
    )
    twilio_public_url: str = Field(
        "",
        env="BOT_TWILIO_PUBLIC_URL",
        description="where Twilio reaches this service, because its signature is over the address: "
        "https://chat.hospital.example",
    )
    messenger_app_secret: str = Field("", env="BOT_MESSENGER_APP_SECRET", description="signs Messenger's webhooks")
    messenger_verify_token: str = Field(
        "", env="BOT_MESSENGER_VERIFY_TOKEN", description="a word of your own, told to Meta with the webhook's address"
    )
    messenger_page_token: str = Field("", env="BOT_MESSENGER_PAGE_TOKEN", description="sends as the page on Messenger")
    messenger_api_url: str = Field(
        "https://graph.facebook.com/v21.0", env="BOT_MESSENGER_API_URL", description="where Messenger is called"
    )
    slack_signing_secret: str = Field("", env="BOT_SLACK_SIGNING_SECRET", description="signs Slack's webhooks")
    slack_bot_token: str = Field("", env="BOT_SLACK_BOT_TOKEN", description="sends on Slack: xoxb-…")
    slack_api_url: str = Field("https://slack.com/api", env="BOT_SLACK_API_URL", description="where Slack is called")

    @validator("identity_key")
    def _each_identity_key_is_long(cls, value: str) -> str:
        keys = [key.strip() for key in value.split(",")] if value.strip() else []
        for number, key in enumerate(keys, start=1):
            if len(key) < IDENTITY_KEY_MINIMUM:
                which = f"key {number} " if len(keys) > 1 else ""
                raise ValueError(f"{which}has {len(key)} characters; {IDENTITY_KEY_MINIMUM} or more")
        return ",".join(keys)

    @validator(*(name for names in NEEDED.values() for name in names))
    def _is_one_word(cls, value: str) -> str:
        value = value.strip()
        # ASCII, because most of them are sent in a header.
        if not value.isascii() or any(character.isspace() or not character.isprintable() for character in value):
            raise ValueError("must be one word without spaces, of ASCII characters")
        return value

    @validator(*FORMS)
    def _has_its_form(cls, value: str, field: ModelField) -> str:
        pattern, complaint = FORMS[field.name]
        if value and not re.fullmatch(pattern, value):
            raise ValueError(complaint)
        return value

    @validator("twilio_from")
    def _each_twilio_number_is_international(cls, value: str) -> str:
        for number in value.split(",") if value else ():
            if not re.fullmatch(r"(?:whatsapp:)?\+[0-9]{6,15}", number):
                raise ValueError(f"has '{number}', which is no number: write it as +441632960000 or whatsapp:+44…")
        return value

    @validator("whatsapp_api_url", "telegram_api_url", "twilio_api_url", "messenger_api_url", "slack_api_url")
    def _is_where_a_vendor_is_called(cls, value: str) -> str:
        check_web_address(value.strip())
        return value.strip().rstrip("/")

    @validator("twilio_public_url")
    def _public_url_is_an_address(cls, value: str) -> str:
        if value:
            check_web_address(value)
        return value.rstrip("/").removesuffix("/channels/twilio")

    @property
    def identity_keys(self) -> tuple[str, ...]:
        """The keys of vendors' ids: the first encrypts, all decrypt."""
        return tuple(self.identity_key.split(",")) if self.identity_key else ()

    def missing_of(self, channel: str) -> list[str]:
        """The settings by field name that a channel still needs; all of them where it is not to be used."""
        return [name for name in NEEDED[channel] if not getattr(self, name)]
