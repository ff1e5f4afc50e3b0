"""What `bot doctor` says about messaging channels, with vendors that answer well, refuse, or are away."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from vendor import Scripted, VendorServer

from bot.channel_settings import NEEDED
from bot.cli import main
from bot.doctor import command, messengers
from bot.logs import configure_logs

SECRET = "s3cret-of-ours"
OURS = {
    "whatsapp": {
        "BOT_WHATSAPP_APP_SECRET": SECRET,
        "BOT_WHATSAPP_VERIFY_TOKEN": SECRET,
        "BOT_WHATSAPP_ACCESS_TOKEN": SECRET,
        "BOT_WHATSAPP_PHONE_NUMBER_ID": "105550000000001",
    },
    "telegram": {"BOT_TELEGRAM_TOKEN": f"123:{SECRET}", "BOT_TELEGRAM_SECRET_TOKEN": SECRET},
    "twilio": {
        "BOT_TWILIO_ACCOUNT_SID": "AC1",
        "BOT_TWILIO_AUTH_TOKEN": SECRET,
        "BOT_TWILIO_FROM": "+441632960000",
        "BOT_TWILIO_PUBLIC_URL": "https://chat.hospital.example",
    },
    "messenger": {
        "BOT_MESSENGER_APP_SECRET": SECRET,
        "BOT_MESSENGER_VERIFY_TOKEN": SECRET,
        "BOT_MESSENGER_PAGE_TOKEN": SECRET,
    },
    "slack": {"BOT_SLACK_SIGNING_SECRET": SECRET, "BOT_SLACK_BOT_TOKEN": f"xoxb-{SECRET}"},
}
# What each vendor says when it does not accept the credential: status and body.
REFUSED = {
    "whatsapp": (401, {"error": {"code": 190}}, "BOT_WHATSAPP_ACCESS_TOKEN"),
    "telegram": (401, {"ok": False, "error_code": 401}, "BOT_TELEGRAM_TOKEN"),
    "twilio": (401, {"code": 20003}, "BOT_TWILIO_AUTH_TOKEN"),
    "messenger": (401, {"error": {"code": 190}}, "BOT_MESSENGER_PAGE_TOKEN"),
    "slack": (200, {"ok": False, "error": "invalid_auth"}, "BOT_SLACK_BOT_TOKEN"),
}
FOUND = {
    "whatsapp": "Ward +44 1632 960000",
    "telegram": "bot @ward_bot",
    "twilio": "account Ward, 1 number(s)",
    "messenger": "Ward",
    "slack": "is faq in the workspace Ward",
}
each_channel = pytest.mark.parametrize("name", NEEDED)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: VendorServer) -> Iterator[None]:
    """No channel is set, and every vendor is the test's own; what is no channel is tested elsewhere."""
    for name in [name for name in os.environ if name.upper().startswith("BOT_")]:
        monkeypatch.delenv(name)
    for name in NEEDED:
        monkeypatch.setenv(f"BOT_{name.upper()}_API_URL", vendor.url)
    monkeypatch.setenv("BOT_DATABASE_URL", f"sqlite:///{tmp_path}/bot.sqlite3")
    monkeypatch.setenv("BOT_IDENTITY_KEY", "k" * 32)
    monkeypatch.setattr(command, "CHECKS", ())
    yield
    configure_logs("ERROR")


def configure(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        for variable, value in OURS[name].items():
            monkeypatch.setenv(variable, value)


def doctor(*options: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", *options], prog_name="bot")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert SECRET not in result.output
    return result


def line_of(name: str, result: Result) -> str:
    (line,) = [line for line in result.stdout.splitlines() if line[9:].startswith(f"{name}: ")]
    return line


@each_channel
def test_a_channel_that_works_is_told_with_its_webhook(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    configure(monkeypatch, name)
    host = "https://chat.hospital.example" if name == "twilio" else "https://YOUR-ADDRESS"

    result = doctor()

    assert (result.exit_code, result.stderr) == (0, "")
    assert line_of(name, result) == f"ok       {name}: {FOUND[name]}. Its webhook is {host}/channels/{name}"
    for other in set(NEEDED) - {name}:
        assert line_of(other, result) == f"ok       {other}: not configured"


@each_channel
def test_a_credential_that_is_refused_is_a_fault_that_names_it(
    monkeypatch: pytest.MonkeyPatch, vendor: VendorServer, name: str
) -> None:
    status, body, setting = REFUSED[name]
    configure(monkeypatch, name)
    vendor.answer(status, body)

    result = doctor()

    assert result.exit_code == 1
    assert line_of(name, result).startswith("fault")
    assert setting in line_of(name, result)


@each_channel
def test_a_vendor_that_cannot_be_reached_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, vendor: VendorServer, name: str
) -> None:
    configure(monkeypatch, name)
    vendor.down()

    result = doctor()

    assert result.exit_code == 1
    assert line_of(name, result).startswith("fault")
    assert "ConnectError" in line_of(name, result)


def test_vendors_that_do_not_answer_are_given_up_all_at_once(
    monkeypatch: pytest.MonkeyPatch, vendor: VendorServer
) -> None:
    configure(monkeypatch, *NEEDED)
    monkeypatch.setattr(messengers, "LIMIT_S", 0.5)
    for _ in NEEDED:
        vendor.script(Scripted(delay_s=30))

    result = doctor()

    assert result.exit_code == 1
    for name in NEEDED:
        assert line_of(name, result).startswith(f"fault    {name}: the vendor does not answer within 0.5 s")
    assert len(vendor.requests) == len(NEEDED), "one that hangs does not hold up the others"


def test_offline_asks_no_vendor(monkeypatch: pytest.MonkeyPatch, vendor: VendorServer) -> None:
    configure(monkeypatch, *NEEDED)
    vendor.down()

    result = doctor("--offline")

    assert (result.exit_code, vendor.requests) == (0, [])
    assert all("its settings are complete; the vendor was not asked" in line_of(name, result) for name in NEEDED)


@each_channel
def test_a_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, vendor: VendorServer, name: str) -> None:
    configure(monkeypatch, name)
    missing = list(OURS[name])[-1]
    monkeypatch.delenv(missing)

    result = doctor()

    assert (result.exit_code, vendor.requests) == (1, [])
    assert line_of(name, result).startswith(f"fault    {name}: {missing} is missing")


def test_channels_need_a_key_for_families_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "telegram")
    monkeypatch.delenv("BOT_IDENTITY_KEY")

    assert line_of("telegram", doctor()).startswith("fault    telegram: BOT_IDENTITY_KEY is missing")


def test_advice_is_a_warning(monkeypatch: pytest.MonkeyPatch, vendor: VendorServer) -> None:
    configure(monkeypatch, "slack")
    scopes = {"ok": True, "user": "faq", "team": "Ward"}
    vendor.answer(200, scopes, x_oauth_scopes="chat:write")

    result = doctor("--json")

    assert result.exit_code == 0
    found = [entry for entry in json.loads(result.stdout)["findings"] if entry["what"] == "slack"]
    assert [entry["level"] for entry in found] == ["ok", "warning"]
    assert "im:history" in found[1]["finding"]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"BOT_CONSOLE_URL": "https://chat.hospital.example/console"}, "https://chat.hospital.example"),
        ({"BOT_CONSOLE_URL": "https://hospital.example/chat/console/"}, "https://hospital.example/chat"),
        ({"BOT_CONSOLE_URL": "http://127.0.0.1:8000/console"}, "https://YOUR-ADDRESS"),
        (
            {
                "BOT_CONSOLE_URL": "https://inside.example/console",
                "BOT_TWILIO_PUBLIC_URL": "https://outside.example/channels/twilio",
            },
            "https://outside.example",
        ),
        ({}, "https://YOUR-ADDRESS"),
    ],
)
def test_the_webhooks_address_is_where_the_service_is_reached(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], address: str
) -> None:
    configure(monkeypatch, "telegram")
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)

    result = doctor("--offline")

    assert line_of("telegram", result).endswith(f". Its webhook is {address}/channels/telegram")


def test_a_fault_of_one_channels_program_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "telegram", "slack")

    async def fails(_self: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("bot.channels.telegram.Telegram.check", fails)

    result = doctor()

    assert result.exit_code == 1
    assert line_of("telegram", result) == (
        "fault    telegram: the check itself failed with RuntimeError. Please report it"
    )
    assert line_of("slack", result).startswith("ok")
