"""bot.settings: each value is checked, an error names its variable, and the world is served only when fit for it."""

import os
from pathlib import Path

import pytest

from bot.alert_addresses import mail_server
from bot.paths import ROOT
from bot.settings import ENV_FILE, Settings, SettingsError, load_settings, variable_of

MAIL = "smtps://u:p@mail.example?from=bot@a.example&to=ward@a.example"
SECRET = "0123456789abcdef0123456789abcdef"
NOWHERE = Path("/nonexistent/.env")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("BOT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_defaults_serve_this_machine_only() -> None:
    settings = load_settings(env_file=NOWHERE)

    settings.check_fit_to_serve()
    assert (settings.host, settings.port, settings.log_level) == ("127.0.0.1", 8000, "INFO")
    assert settings.database_url == f"sqlite:///{ROOT}/var/bot.sqlite3"


def test_every_setting_says_its_variable_and_its_meaning() -> None:
    variables = [variable_of(name) for name in Settings.__fields__]

    assert all(variable.startswith("BOT_") and variable.isupper() for variable in variables)
    assert len(set(variables)) == len(variables)
    assert all(field.field_info.description for field in Settings.__fields__.values())


@pytest.mark.parametrize(
    ("variable", "value", "field", "read"),
    [
        ("BOT_DATABASE_URL", "sqlite:////srv/bot.sqlite3", "database_url", "sqlite:////srv/bot.sqlite3"),
        ("BOT_DATABASE_URL", "postgresql://u:p@db/bot", "database_url", "postgresql://u:p@db/bot"),
        ("BOT_DATABASE_URL", "postgresql+psycopg2://db/bot", "database_url", "postgresql+psycopg2://db/bot"),
        ("BOT_SECRET_KEY", SECRET, "secret_key", SECRET),
        ("BOT_SECRET_KEY", "", "secret_key", ""),
        ("BOT_SECRET_KEY", "", "secret_keys", ()),
        ("BOT_SECRET_KEY", SECRET, "secret_keys", (SECRET,)),
        ("BOT_SECRET_KEY", f"{SECRET[::-1]}, {SECRET}", "secret_keys", (SECRET[::-1], SECRET)),
        ("BOT_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("BOT_ALLOWED_ORIGINS", "", "origins", ()),
        ("BOT_ALLOWED_ORIGINS", "https://a.example", "origins", ("https://a.example",)),
        (
            "BOT_ALLOWED_ORIGINS",
            "https://a.example, http://localhost:3000,https://[::1]:8443",
            "origins",
            ("https://a.example", "http://localhost:3000", "https://[::1]:8443"),
        ),
        ("BOT_PORT", "0", "port", 0),
        ("BOT_PORT", "65535", "port", 65535),
        ("BOT_LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("BOT_EMERGENCY_NUMBER", "China 120 · India 112", "emergency_number", "China 120 · India 112"),
        ("BOT_24H_PHONE", "  +44 20 7946 0000\n", "phone_24h", "+44 20 7946 0000"),
        ("BOT_WARD_PHONE", "x" * 120, "ward_phone", "x" * 120),
        ("BOT_NAVIGATOR_CONTACT", "护士 +86 10 5555 0100", "navigator_contact", "护士 +86 10 5555 0100"),
        ("BOT_TURN_TIMEOUT_S", "60", "turn_timeout_s", 60.0),
        ("BOT_RESUME_WITHIN_S", "0", "resume_within_s", 0),
        ("BOT_RETENTION_DAYS", "30", "retention_days", 30),
        ("BOT_PRIVACY_URL", " https://a.example/privacy?x=1#top ", "privacy_url", "https://a.example/privacy?x=1#top"),
        ("BOT_PRIVACY_URL", "", "privacy_url", ""),
        ("BOT_ALERT_WEBHOOK_URL", " https://hooks.example/x ", "alert_webhook_url", "https://hooks.example/x"),
        ("BOT_ALERT_WEBHOOK_URL", "", "alert_webhook_url", ""),
        ("BOT_SMTP_URL", "", "mail_server", None),
        ("BOT_SMTP_URL", MAIL, "mail_server", mail_server(MAIL)),
        ("BOT_CONSOLE_URL", "", "console_address", "http://127.0.0.1:8000/console"),
        ("BOT_CONSOLE_URL", "https://a.example/", "console_address", "https://a.example/console"),
        ("BOT_CONSOLE_URL", "https://a.example/console/", "console_address", "https://a.example/console"),
        ("BOT_VAR_DIR", "/srv/bot", "var_dir", Path("/srv/bot")),
        ("BOT_MODELS_DIR", "/srv/models", "models_dir", Path("/srv/models")),
    ],
)
def test_the_environment_is_read(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, read: object
) -> None:
    monkeypatch.setenv(variable, value)

    assert getattr(load_settings(env_file=NOWHERE), field) == read


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("BOT_DATABASE_URL", "mysql://db/bot", "must begin with sqlite:/// or postgresql://"),
        ("BOT_DATABASE_URL", "/srv/bot.sqlite3", "must begin with sqlite:/// or postgresql://"),
        ("BOT_DATABASE_URL", "sqlite://", "must begin with sqlite:/// or postgresql://"),
        ("BOT_DATABASE_URL", "", "must begin with sqlite:/// or postgresql://"),
        ("BOT_DATABASE_URL", "sqlite:///", "must name a file"),
        ("BOT_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
        ("BOT_DATABASE_URL", "sqlite:///:memory:?cache=shared", "must name a file"),
        ("BOT_SECRET_KEY", SECRET[1:], "has 31 characters; 32 or more"),
        ("BOT_SECRET_KEY", f"{SECRET},short", "key 2 has 5 characters; 32 or more"),
        ("BOT_SECRET_KEY", f"{SECRET},", "key 2 has 0 characters; 32 or more"),
        ("BOT_ALLOWED_ORIGINS", "*", "has '*', which is no origin: write it as https://"),
        ("BOT_ALLOWED_ORIGINS", "null", "has 'null', which is no origin"),
        ("BOT_ALLOWED_ORIGINS", "www.a.example", "has 'www.a.example', which is no origin"),
        ("BOT_ALLOWED_ORIGINS", "https://a.example/", "has 'https://a.example/', which is no origin"),
        ("BOT_ALLOWED_ORIGINS", "https://*.a.example", "has 'https://*.a.example', which is no origin"),
        ("BOT_ALLOWED_ORIGINS", "https://A.example", "has 'https://A.example', which is no origin"),
        ("BOT_ALLOWED_ORIGINS", "https://a.example,", "has '', which is no origin"),
        ("BOT_PORT", "-1", "ensure this value is greater than or equal to 0"),
        ("BOT_PORT", "65536", "ensure this value is less than or equal to 65535"),
        ("BOT_PORT", "http", "value is not a valid integer"),
        ("BOT_PORT", "", "value is not a valid integer"),
        ("BOT_LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR"),
        ("BOT_EMERGENCY_NUMBER", "1" * 121, "has 121 characters; 120 at most"),
        ("BOT_24H_PHONE", "112\nDo nothing.", "must be one line of printable text"),
        ("BOT_WARD_PHONE", "112\t113", "must be one line of printable text"),
        ("BOT_NAVIGATOR_CONTACT", "a\u2028b", "must be one line of printable text"),
        ("BOT_TURN_TIMEOUT_S", "0", "ensure this value is greater than 0"),
        ("BOT_TURN_TIMEOUT_S", "61", "ensure this value is less than or equal to 60"),
        ("BOT_TURN_TIMEOUT_S", "nan", "ensure this value is greater than 0"),
        ("BOT_ALERT_WEBHOOK_URL", "http://hooks.example/x", "must begin with https://"),
        ("BOT_SMTP_URL", "smtp://u:p@mail.example", "must end with ?from=ADDRESS&to=ADDRESS"),
        ("BOT_CONSOLE_URL", "a.example/console", "must be an address such as https://"),
        ("BOT_RETENTION_DAYS", "0", "ensure this value is greater than or equal to 1"),
        ("BOT_RETENTION_DAYS", "3651", "ensure this value is less than or equal to 3650"),
        ("BOT_PRIVACY_URL", "javascript:alert(1)", "must be a link such as https://"),
        ("BOT_PRIVACY_URL", "hospital.example/privacy", "must be a link such as https://"),
        ("BOT_PRIVACY_URL", "https://", "must be a link such as https://"),
        ("BOT_PRIVACY_URL", "https://a.example/a b", "must be a link such as https://"),
        ("BOT_RESUME_WITHIN_S", "-1", "ensure this value is greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as refused:
        load_settings(env_file=NOWHERE)

    assert str(refused.value).startswith(f"{variable} {fault}")


def test_an_option_comes_before_the_environment_and_a_missing_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_PORT", "9000")

    assert load_settings(env_file=NOWHERE, port=9001).port == 9001
    assert load_settings(env_file=NOWHERE, port=None).port == 9000


def test_settings_do_not_change() -> None:
    with pytest.raises(TypeError):
        load_settings(env_file=NOWHERE).port = 1


@pytest.mark.parametrize(
    ("host", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("", True),  # uvicorn takes it for every address
        ("10.0.0.5", True),
        ("192.168.1.5", True),
        ("fe80::1", True),
        ("::ffff:10.0.0.5", True),
        ("bot.example", True),
        ("localhost.example", True),
        ("127.0.0.1.example", True),
    ],
)
def test_which_hosts_others_can_reach(host: str, beyond: bool) -> None:
    assert load_settings(env_file=NOWHERE, host=host).listens_beyond_loopback is beyond


@pytest.mark.parametrize(
    ("host", "secret_key", "emergency_number", "missing"),
    [
        ("127.0.0.1", "", "", None),
        ("localhost", "", "", None),
        ("0.0.0.0", SECRET, "112", None),
        ("0.0.0.0", "", "112", "BOT_SECRET_KEY"),
        ("0.0.0.0", "   ", "112", "BOT_SECRET_KEY"),
        ("0.0.0.0", SECRET, "", "BOT_EMERGENCY_NUMBER"),
        ("0.0.0.0", SECRET, "   ", "BOT_EMERGENCY_NUMBER"),
        ("bot.example", "", "", "BOT_SECRET_KEY"),
    ],
)
def test_what_serving_the_world_takes(host: str, secret_key: str, emergency_number: str, missing: str | None) -> None:
    settings = load_settings(env_file=NOWHERE, host=host, secret_key=secret_key, emergency_number=emergency_number)

    if missing is None:
        settings.check_fit_to_serve()
    else:
        with pytest.raises(SettingsError, match=f"^{missing} is missing: listening on {host} needs it"):
            settings.check_fit_to_serve()


@pytest.mark.parametrize(
    "address",
    [{"alert_webhook_url": "https://hooks.example/x"}, {"smtp_url": MAIL}],
    ids=["webhook", "mail"],
)
def test_alerts_from_a_reachable_service_need_a_link_that_works(address: dict[str, str]) -> None:
    world = {"host": "0.0.0.0", "secret_key": SECRET, "emergency_number": "112"}

    load_settings(env_file=NOWHERE, **address).check_fit_to_serve()
    load_settings(env_file=NOWHERE, **world, **address, console_url="https://a.example").check_fit_to_serve()
    with pytest.raises(SettingsError, match=r"^BOT_CONSOLE_URL is missing: listening on 0\.0\.0\.0 needs it"):
        load_settings(env_file=NOWHERE, **world, **address).check_fit_to_serve()


def test_the_env_file_of_the_project_is_read() -> None:
    assert ENV_FILE == ROOT / ".env"


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("BOT_WARD_PHONE=+44 20 7946 0000", "+44 20 7946 0000"),
        ("  export BOT_WARD_PHONE = 112  ", "112"),
        ("bot_ward_phone=112", "112"),
        ('BOT_WARD_PHONE="112 # the ward"', "112 # the ward"),
        ("BOT_WARD_PHONE='say \"ward\"'", 'say "ward"'),
        ("BOT_WARD_PHONE=112 # the ward", "112"),
        ('BOT_WARD_PHONE="112" # the ward', "112"),
        ("BOT_WARD_PHONE=112 ext#5", "112 ext#5"),
        ("BOT_WARD_PHONE=a=b", "a=b"),
        ("BOT_WARD_PHONE=病房 120", "病房 120"),
        ("BOT_WARD_PHONE=", ""),
        ("BOT_WARD_PHONE= # none", ""),
        ("# BOT_WARD_PHONE=112", ""),
        ("BOT_WARD_PHONE=111\n\nBOT_WARD_PHONE=112", "112"),
        ("\ufeffBOT_WARD_PHONE=112\r", "112"),
        ("OTHER=1\nBOT_WARD_PHONE=112", "112"),
    ],
)
def test_a_line_of_the_env_file(env_file: Path, line: str, read: str) -> None:
    env_file.write_text(f"{line}\n", encoding="utf-8")

    assert load_settings(env_file=env_file).ward_phone == read


@pytest.mark.parametrize("name", ["BOT_PORT", "bot_port"])
def test_the_environment_comes_before_the_env_file(monkeypatch: pytest.MonkeyPatch, env_file: Path, name: str) -> None:
    env_file.write_text("BOT_PORT=9000\nBOT_HOST=::1\n")
    monkeypatch.setenv(name, "9001")

    settings = load_settings(env_file=env_file)

    assert (settings.port, settings.host) == (9001, "::1")
    assert load_settings(env_file=env_file, host="127.0.0.2").host == "127.0.0.2"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"# numbers\nBOT_PORT 9000\n", "{file}, line 2: must be NAME=value"),
        (b'BOT_WARD_PHONE="112\n', "{file}, line 1: must be NAME=value"),
        (
            b"BOT_PORT=1\nBOT_EMERGENCY_NUMBERS=112\n",
            "{file}, line 2: there is no setting BOT_EMERGENCY_NUMBERS; the nearest is BOT_EMERGENCY_NUMBER",
        ),
        (b"bot_prot=9000\n", "{file}, line 1: there is no setting BOT_PROT; the nearest is BOT_PORT"),
        (b"BOT_PORT=many\n", "BOT_PORT value is not a valid integer"),
        (b"BOT_WARD_PHONE=\xff\n", "{file}: cannot be read: "),
    ],
)
def test_a_wrong_env_file_is_refused(env_file: Path, content: bytes, fault: str) -> None:
    env_file.write_bytes(content)

    with pytest.raises(SettingsError) as refused:
        load_settings(env_file=env_file)

    assert str(refused.value).startswith(fault.format(file=env_file))
