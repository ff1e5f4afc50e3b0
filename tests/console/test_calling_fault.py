"""Every page of the console tells that navigators cannot be called, and admins that nobody is."""

from pathlib import Path

import pytest
from alerts.log import red_flag, write
from alerts.receivers import web_receiver
from project import settings_in

from bot.service import Service
from bot.storage.base import now
from console.conftest import SECRET
from console.house import House

LINE = "Calls to navigators are failing: 1 could not be sent since"


async def test_failing_calls_are_told_until_they_work(house: House, tmp_path: Path) -> None:
    async with web_receiver() as web:
        settings = settings_in(tmp_path, secret_key=SECRET, alert_webhook_url=f"http://127.0.0.1:{web.port}/")
        service = Service(settings, model=tmp_path / "none.tar.gz", sessions=house.sessions)
        calling = House(service, house.sessions, settings)
        write(house.sessions, red_flag(), at=now())
        web.behaviour = "500 Oh no"
        await service.calling.call_due()
        await service.calling.finished()
        await service.calling.call_due()

        async with calling.signed_in("nina") as http:
            told = (await http.get("/console/")).text
        async with house.signed_in("nina") as http:
            untold = (await http.get("/console/")).text
        async with calling.visitor() as http:
            outside = (await http.get("/console/sign-in")).text
        await service.stop()

    assert [LINE in page for page in (told, untold, outside)] == [True, False, False]


@pytest.mark.parametrize(
    ("name", "ways", "told"),
    [
        ("anna", {}, True),
        ("nina", {}, False),
        ("paul", {}, False),
        ("anna", {"alert_webhook_url": "https://chat.hospital.example/hook"}, False),
        ("anna", {"smtp_url": "smtp://127.0.0.1:25?from=a@hospital.example&to=b@hospital.example"}, False),
    ],
)
async def test_admins_are_told_that_nobody_is_called(
    house: House, tmp_path: Path, name: str, ways: dict[str, str], told: bool
) -> None:
    settings = settings_in(tmp_path, secret_key=SECRET, **ways)
    service = Service(settings, model=tmp_path / "none.tar.gz", sessions=house.sessions)
    async with House(service, house.sessions, settings).signed_in(name) as http:
        pages = [(await http.get(f"/console{path}")).text for path in ("/", "/alerts", "/account")]
    async with house.visitor() as http:
        outside = (await http.get("/console/sign-in")).text
    await service.stop()

    assert {"Nobody is called: no webhook or mail address is set." in page for page in pages} == {told}
    assert "Nobody is called" not in outside
