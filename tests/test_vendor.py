"""tests/vendor.py: the server that plays the vendors does what tests tell it to."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import vendor as vendor_module
from vendor import Scripted, VendorServer


@pytest.mark.parametrize(
    ("path", "content", "status", "answer"),
    [
        ("/v21.0/42/messages", {"json": {"to": "4479"}}, 200, {"messages": [{"id": "wamid.00000001"}]}),
        ("/v21.0/me/messages", {"json": {"recipient": {"id": "7"}}}, 200, {"recipient_id": "7"}),
        ("/bot1:abc/sendMessage", {"json": {"chat_id": 5}}, 200, {"ok": True}),
        ("/bot1:abc/answerCallbackQuery", {"json": {"callback_query_id": "1"}}, 200, {"ok": True}),
        ("/2010-04-01/Accounts/AC1/Messages.json", {"data": {"To": "+44"}}, 201, {"sid": f"SM{1:032x}"}),
        ("/api/chat.postMessage", {"json": {"channel": "D1"}}, 200, {"ok": True, "ts": "1700000000.000001"}),
        ("/nowhere", {"json": {}}, 404, {"error": "no such address"}),
    ],
)
async def test_each_vendor_answers_in_its_shape(
    vendor: VendorServer, path: str, content: dict[str, object], status: int, answer: dict[str, object]
) -> None:
    async with httpx.AsyncClient(base_url=vendor.url) as client:
        response = await client.post(path, **content)  # type: ignore[arg-type]

    assert response.status_code == status
    assert answer.items() <= response.json().items()


async def test_requests_are_recorded(vendor: VendorServer) -> None:
    before = time.time()
    async with httpx.AsyncClient(base_url=vendor.url) as client:
        await client.post("/chat.postMessage?pretty=1", json={"text": "née"}, headers={"Authorization": "Bearer x"})
        await client.post("/2010-04-01/Accounts/AC1/Messages.json", data={"Body": "née", "MediaUrl": ["a", "b"]})
    first, second = await vendor.arrived(2)

    assert (first.method, first.path, first.query) == ("POST", "/chat.postMessage", {"pretty": "1"})
    assert (first.headers["authorization"], first.body) == ("Bearer x", {"text": "née"})
    assert before <= first.at <= second.at <= time.time()
    assert second.body == {"Body": "née", "MediaUrl": ["a", "b"]}
    assert vendor.to("chat") == [first]


async def test_answers_are_scripted(vendor: VendorServer) -> None:
    vendor.answer(429, {"ok": False}, times=2, Retry_After="7")
    vendor.script(Scripted(to="auth", status=500, body="broken"))
    async with httpx.AsyncClient(base_url=vendor.url) as client:
        answers = [await client.post("/chat.postMessage", json={}) for _ in range(3)]
        other = await client.post("/auth.test", json={})

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].headers["retry-after"], answers[0].json()) == ("7", {"ok": False})
    assert (other.status_code, other.text) == (500, "broken")


async def test_a_slow_answer_and_one_that_never_comes(vendor: VendorServer) -> None:
    async with httpx.AsyncClient(base_url=vendor.url) as client:
        vendor.script(Scripted(delay_s=30))
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/chat.postMessage", json={}, timeout=0.05)
        vendor.script(Scripted(drops=True))
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/chat.postMessage", json={})

    assert len(await vendor.arrived(2)) == 2


async def test_it_goes_down_and_comes_back_on_its_port(vendor: VendorServer) -> None:
    async with httpx.AsyncClient(base_url=vendor.url) as client:
        await client.post("/chat.postMessage", json={})  # the connection is kept, and broken by `down`
        vendor.down()
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as another:
                await another.get(f"{vendor.url}/me")
        vendor.up()
        assert (await client.get("/me")).status_code == 200


def test_waiting_ends(vendor: VendorServer) -> None:
    with pytest.raises(TimeoutError, match=r"0 of 1 requests"):
        vendor.wait_for(1, limit_s=0.01)


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    command = [sys.executable, vendor_module.__file__, "--port", "0", "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        httpx.post(f"{url}/chat.postMessage", json={"channel": "D1", "text": "hello"})
        entries = [json.loads(line) for line in log.read_text().splitlines()]  # while it runs: lines are flushed
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0

    assert [(entry["path"], entry["body"]["text"]) for entry in entries] == [("/chat.postMessage", "hello")]
    assert abs(entries[0]["at"] - time.time()) < 60
