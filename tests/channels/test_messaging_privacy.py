"""Nothing that tells who a family is, and no word or secret, gets where it does not belong."""

import logging
from pathlib import Path
from typing import Any

import pytest
from messaging_house import (
    DELETE,
    QUESTION,
    RED_FLAG,
    House,
    new_family,
    new_id,
)
from sqlalchemy.exc import OperationalError
from vendor import Scripted
from vendors_say import SECRET, SPEAKERS, TELEGRAM, TOKEN, WHATSAPP, WORD, Post

from bot.channels.whatsapp import WhatsApp
from bot.conversations.outbox import Outbox
from bot.logs import configure_logs

pytestmark = pytest.mark.usefixtures("patience")

WORDS = "xylophonist"  # in every message
SECRETS = (SECRET, WORD, TOKEN, "k" * 32)


def contents(folder: Path) -> bytes:
    """Every file in a folder."""
    return b"\0".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def live(house: House) -> list[str]:
    """A day of every vendor, with its troubles; every id by which anybody could be recognised."""
    ids = []
    for speaker in SPEAKERS:
        family = new_family(speaker)
        messages = {words: f"77{new_id()}{speaker.name}" for words in (QUESTION, RED_FLAG, DELETE, "hello")}
        ids += [family.strip("+"), *messages.values()]
        for failure in (Scripted(speaker.send_path, 500), Scripted(speaker.send_path, drops=True)):
            house.vendor.script(failure)
        for words, message_id in messages.items():
            await house.hears(speaker, speaker.text(family, f"{words} {WORDS}", message_id))
        house.vendor.answer(400, {"error": {"message": f"{family} said {WORDS}"}, "description": WORDS}, times=2)
        await house.hears(speaker, speaker.picture(family, WORDS, f"78{new_id()}"))
        await house.hears(speaker, speaker.press(family, "b:" + "0" * 32 + ":1", WORDS, f"79{new_id()}"))
    return ids


async def test_the_database_does_not_tell_who_a_family_is(house: House) -> None:
    ids = await live(house)
    await house.hears(WHATSAPP, WHATSAPP.report("wamid.00000001", "read"))
    house.vendor.script(Scripted(WHATSAPP.send_path, 200, {"messages": [{"id": "wamid.OURS"}]}), times=2)
    await house.hears(WHATSAPP, WHATSAPP.text(new_family(WHATSAPP), f"{QUESTION} {WORDS}", new_id()))

    whole = contents(house.service.settings.var_dir)
    assert WORDS.encode() in whole  # what families write is kept, and so is read here
    for clear in (*ids, "wamid", "447700900", *SECRETS):
        assert clear.encode() not in whole, clear


async def test_no_log_line_metric_or_answer_tells_anything(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs("DEBUG")
    caplog.set_level(logging.DEBUG, "bot")
    try:
        ids = await live(house)
        answers = [await _refused(house), await _unreadable(house), await _broken(house, monkeypatch)]
        _database_fails(monkeypatch)
        await live(house)
        monkeypatch.undo()
        metrics = (await house.http.get("/metrics")).text
    finally:
        configure_logs("ERROR")
    printed = capfd.readouterr()
    told = "\n".join([caplog.text, *(repr(record.__dict__) for record in caplog.records), metrics, *answers])
    told += printed.out + printed.err

    assert "courier.not_sent" in told
    assert "webhook.unreadable" in told
    for hidden in (*ids, WORDS, *SECRETS, "wamid"):
        assert hidden not in told, hidden


async def _refused(house: House) -> str:
    said = TELEGRAM.text(new_family(TELEGRAM), WORDS, new_id())
    wrong = Post(said.content, {**said.headers, "x-telegram-bot-api-secret-token": "guess"})
    response = await house.http.post(TELEGRAM.path, content=wrong.content, headers=dict(wrong.headers))
    assert response.status_code == 403
    return response.text + repr(response.headers)


async def _unreadable(house: House) -> str:
    said = WHATSAPP.signed(f'{{"object": "{WORDS}", "from": "447700900123"'.encode())
    response = await house.http.post(WHATSAPP.path, content=said.content, headers=dict(said.headers))
    assert response.status_code == 400
    return response.text + repr(response.headers)


async def _broken(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fault of the program while a webhook is read."""

    def fails(self: Any, webhook: Any) -> Any:
        raise ValueError(webhook.body.decode())

    with monkeypatch.context() as broken:
        broken.setattr(WhatsApp, "read", fails)
        said = WHATSAPP.text(new_family(WHATSAPP), WORDS, new_id())
        response = await house.http.post(WHATSAPP.path, content=said.content, headers=dict(said.headers))
    assert response.status_code == 500
    return response.text + repr(response.headers)


def _database_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With errors that hold the values, as those of drivers do."""

    def fails(self: Outbox, *values: Any, **options: Any) -> Any:
        raise OperationalError(f"INSERT {WORDS}", {"text": WORDS}, RuntimeError(WORDS))

    monkeypatch.setattr(Outbox, "carry", fails)
    monkeypatch.setattr("bot.conversations.store.ConversationStore.record", fails)
    monkeypatch.setattr("bot.conversations.history.History.offer", fails)
