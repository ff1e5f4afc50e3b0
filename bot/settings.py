"""Every setting of the service, read once from the environment and from `.env`, checked before anything starts."""

import os
import re
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, validator

from bot.alert_addresses import MailServer, check_web_address, is_loopback, mail_server
from bot.channel_settings import ChannelSettings
from bot.errors import UserError
from bot.paths import ROOT

ENV_FILE = ROOT / ".env"
CONTACT_SETTINGS = ("emergency_number", "phone_24h", "ward_phone", "navigator_contact")
CONTACT_LINE_MAXIMUM = 120  # characters; a line must fit a small phone's screen without scrolling
SECRET_KEY_MINIMUM = 32  # characters


class SettingsError(UserError):
    """A setting is wrong; the message names it and the remedy."""


class Settings(ChannelSettings):
    """The service's settings. The environment variable of each is in `env`, its meaning in `description`."""

    database_url: str = Field(
        f"sqlite:///{ROOT}/var/bot.sqlite3",
        env="BOT_DATABASE_URL",
        description="where everything is stored: sqlite:///FILE or postgresql://…; default a file in var/",
    )
    secret_key: str = Field(
        "",
        env="BOT_SECRET_KEY",
        description="signs the widget's session tokens and encrypts staff's second factors, "
        f"{SECRET_KEY_MINIMUM} characters or more; several with commas: the first signs, all are read, so "
        "that a key can be replaced without ending sessions; required when the service listens on anything but this "
        "machine itself, otherwise made anew at each start",
    )
    host: str = Field("127.0.0.1", env="BOT_HOST", description="the address to listen on")
    port: int = Field(
        8000,
        env="BOT_PORT",
        ge=0,
        le=65535,
        description="the port to listen on; 0 takes a free one",
    )
    log_level: str = Field("INFO", env="BOT_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")
    allowed_origins: str = Field(
        "",
        env="BOT_ALLOWED_ORIGINS",
        description="the sites whose pages may use the chat, with commas: https://www.hospital.example; empty: "
        "only pages that this service itself serves",
    )
    emergency_number: str = Field(
        "",
        env="BOT_EMERGENCY_NUMBER",
        description="emergency numbers in the fixed emergency reply, such as: China 120 · UK 999 · India 112",
    )
    phone_24h: str = Field(
        "",
        env="BOT_24H_PHONE",
        description="the treating hospital's line that is answered day and night",
    )
    ward_phone: str = Field(
        "",
        env="BOT_WARD_PHONE",
        description="the ward's phone; leave empty when the service serves several hospitals",
    )
    navigator_contact: str = Field(
        "",
        env="BOT_NAVIGATOR_CONTACT",
        description="how a family reaches a person: a phone number, an address, hours",
    )
    turn_timeout_s: float = Field(
        5.0,
        env="BOT_TURN_TIMEOUT_S",
        gt=0,
        le=60,
        description="seconds after which a family gets the apology instead of waiting longer",
    )
    resume_within_s: int = Field(
        900,
        env="BOT_RESUME_WITHIN_S",
        ge=0,
        description="messages left unanswered by a crash are answered at the next start if younger than these seconds",
    )
    retention_days: int = Field(
        90,
        env="BOT_RETENTION_DAYS",
        ge=1,
        le=3650,
        description="days after its last message when a conversation is deleted; the privacy text names them",
    )
    privacy_url: str = Field(
        "",
        env="BOT_PRIVACY_URL",
        description="the page with the whole privacy notice, https://…; linked beside the short privacy text",
    )
    alert_webhook_url: str = Field(
        "",
        env="BOT_ALERT_WEBHOOK_URL",
        description="gets a JSON message for each alert, https://…; it never holds what a family wrote",
    )
    smtp_url: str = Field(
        "",
        env="BOT_SMTP_URL",
        description="sends alerts by e-mail: smtp://USER:PASSWORD@HOST:587?from=ADDRESS&to=ADDRESS,ADDRESS, or smtps://…",
    )
    console_url: str = Field(
        "",
        env="BOT_CONSOLE_URL",
        description="where navigators open the console, https://…/console; alerts link to it; required for them when "
        "the service listens on anything but this machine itself",
    )
    time_zone: str = Field(
        "UTC",
        env="BOT_TIME_ZONE",
        description="whose days the console counts by, such as Europe/London or Asia/Shanghai",
    )
    var_dir: Path = Field(
        ROOT / "var",
        env="BOT_VAR_DIR",
        description="the folder of the spool and of the newest check of the queue",
    )
    models_dir: Path = Field(
        ROOT / "models",
        env="BOT_MODELS_DIR",
        description="the folder of the trained model",
    )
    evaluation_file: str = Field(
        "",
        env="BOT_EVALUATION_FILE",
        description="a labelled file (text and topic, with tabs) on which the console measures what its queue of "
        "examples would change; empty: the regression tests alone",
    )

    class Config:
        allow_mutation = False
        keep_untouched = (cached_property,)

    @validator(*CONTACT_SETTINGS)
    def _contact_is_one_short_line(cls, value: str) -> str:
        value = value.strip()
        if len(value) > CONTACT_LINE_MAXIMUM:
            raise ValueError(f"has {len(value)} characters; {CONTACT_LINE_MAXIMUM} at most")
        if any(not character.isprintable() for character in value):
            raise ValueError("must be one line of printable text")
        return value

    @validator("secret_key")
    def _each_secret_is_long(cls, value: str) -> str:
        keys = _listed(value)
        for number, key in enumerate(keys, start=1):
            if len(key) < SECRET_KEY_MINIMUM:
                which = f"key {number} " if len(keys) > 1 else ""
                raise ValueError(f"{which}has {len(key)} characters; {SECRET_KEY_MINIMUM} or more")
        return value

    @validator("allowed_origins")
    def _each_origin_is_exact(cls, value: str) -> str:
        for origin in _listed(value):
            if not re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", origin):
                raise ValueError(f"has '{origin}', which is no origin: write it as https://www.hospital.example")
        return value

    @validator("privacy_url")
    def _privacy_url_is_a_link(cls, value: str) -> str:
        value = value.strip()
        if value and not re.fullmatch(r"https?://[^\s/?#\"'<>]+[^\s\"'<>]*", value):
            raise ValueError("must be a link such as https://hospital.example/privacy")
        return value

    @validator("alert_webhook_url", "console_url")
    def _address_is_safe(cls, value: str) -> str:
        value = value.strip()
        if value:
            check_web_address(value)
        return value

    @validator("smtp_url")
    def _mail_server_is_understood(cls, value: str) -> str:
        value = value.strip()
        if value:
            mail_server(value)
        return value

    @validator("time_zone")
    def _time_zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"has '{value}', which is no time zone: write it as Europe/London") from error
        return value

    @validator("log_level")
    def _log_level_is_known(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @validator("database_url")
    def _database_is_supported(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg2://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        if value.partition("?")[0] in ("sqlite:///", "sqlite:///:memory:"):
            raise ValueError("must name a file: what is in memory only is lost")
        return value

    @property
    def spool_dir(self) -> Path:
        """Where messages are kept that the database could not take."""
        return self.var_dir / "spool"

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of session tokens: the first signs, all are read."""
        return _listed(self.secret_key)

    @property
    def origins(self) -> tuple[str, ...]:
        """The sites whose pages may use the chat."""
        return _listed(self.allowed_origins)

    @property
    def listens_beyond_loopback(self) -> bool:
        """Whether anyone but this machine can reach the service."""
        return not is_loopback(self.host)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone whose days are counted by."""
        return ZoneInfo(self.time_zone)

    @property
    def mail_server(self) -> MailServer | None:
        """What sends alerts by e-mail, if anything does."""
        return mail_server(self.smtp_url) if self.smtp_url else None

    @property
    def console_address(self) -> str:
        """Where the console is, without a stroke at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        service = self.console_url.rstrip("/").removesuffix("/console") or f"http://{host}:{self.port}"
        return f"{service}/console"

    def check_fit_to_serve(self) -> None:
        """Refuse to serve the world without what that takes.

        Raises:
            SettingsError: a setting that a reachable service needs is missing.
        """
        if not self.listens_beyond_loopback:
            return
        if not self.secret_keys:
            raise SettingsError(
                f"BOT_SECRET_KEY is missing: listening on {self.host} needs it. Set it to {SECRET_KEY_MINIMUM} random "
                "characters or more, for instance from: openssl rand -hex 32"
            )
        if not self.emergency_number:
            raise SettingsError(
                f"BOT_EMERGENCY_NUMBER is missing: listening on {self.host} needs it, because every emergency reply "
                "gives it. Set it to something like: China 120 · UK 999 · India 112"
            )
        if (self.alert_webhook_url or self.smtp_url) and not self.console_url:
            raise SettingsError(
                f"BOT_CONSOLE_URL is missing: listening on {self.host} needs it, because alerts link to the console. "
                "Set it to where navigators open it, such as https://chat.hospital.example/console"
            )


def _listed(value: str) -> tuple[str, ...]:
    """The parts of a comma separated value; an empty one between commas is kept, so that its check can refuse it."""
    return tuple(part.strip() for part in value.split(",")) if value.strip() else ()


def variable_of(field_name: str) -> str:
    """The environment variable of a setting."""
    return str(Settings.__fields__[field_name].field_info.extra["env"])


def load_settings(*, env_file: Path = ENV_FILE, **overrides: Any) -> Settings:
    """Read the settings.

    Args:
        env_file: a file of NAME=value lines; the environment comes before it.
        overrides: values by field name that come before the environment's, such as command line options.

    Raises:
        SettingsError: a value is wrong; names the variable.
    """
    values = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**{**_from_file(env_file), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{variable_of(str(first['loc'][0]))} {first['msg']}") from error


_ENV_LINE = re.compile(
    r"""
    \s*(?:export\s+)?(?P<name>\w+)\s*=\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'#].*?)?)
    (?:\s+\#.*|\s*)  # a comment stands behind a space
    """,
    re.VERBOSE,
)


def _from_file(path: Path) -> dict[str, str]:
    """The values of a `.env` file by field name, without those that the environment sets itself."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    fields = {variable_of(name): name for name in Settings.__fields__}
    in_environment = {name.upper() for name in os.environ}  # pydantic reads them in either case
    values = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ENV_LINE.fullmatch(line)
        if found is None:
            raise SettingsError(f"{path}, line {number}: must be NAME=value")
        variable = found["name"].upper()
        if variable.startswith("BOT_") and variable not in fields:
            (nearest,) = get_close_matches(variable, fields, n=1, cutoff=0)
            raise SettingsError(f"{path}, line {number}: there is no setting {variable}; the nearest is {nearest}")
        if variable in fields and variable not in in_environment:
            values[fields[variable]] = found["double"] or found["single"] or found["bare"] or ""
    return values
