"""bot.channels.messaging.posting: what a failed call to a vendor means for the message."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
import pytest_asyncio
from vendor import Scripted, VendorServer

from bot.channels.base import NotSent
from bot.channels.messaging.posting import Vendor, json_of, refusal, retry_after_s
from bot.storage.base import now

CONTENT = {"json": {"text": "hello"}}


@pytest_asyncio.fixture
async def calls(vendor: VendorServer) -> AsyncIterator[Vendor]:
    calls = Vendor(f"{vendor.url}/api", headers={"authorization": "Bearer t"})
    yield calls
    await calls.close()


@pytest_asyncio.fixture
async def hurried(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendor]:
    """One that waits less long, and has one connection."""
    monkeypatch.setattr("bot.channels.messaging.posting.ANSWER_LIMIT_S", 0.1)
    monkeypatch.setattr("bot.channels.messaging.posting.AT_ONCE", 1)
    calls = Vendor(vendor.url)
    yield calls
    await calls.close()


async def failure(calls: Vendor, method: str = "post") -> NotSent:
    with pytest.raises(NotSent) as raised:
        await (calls.post("chat.postMessage", **CONTENT) if method == "post" else calls.get("auth.test"))
    return raised.value


async def test_what_is_posted_arrives(vendor: VendorServer, calls: Vendor) -> None:
    answer = await calls.post("chat.postMessage", **CONTENT)
    form = await calls.post("chat.postMessage", data={"Body": "née"})
    asked = await calls.get("auth.test")

    assert [answer.status_code, form.status_code, asked.status_code] == [200] * 3
    first, second, third = vendor.requests
    assert [request.path for request in (first, second, third)] == ["/api/chat.postMessage"] * 2 + ["/api/auth.test"]
    assert (first.body, second.body, third.method) == (CONTENT["json"], {"Body": "née"}, "GET")
    assert first.headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500])
async def test_an_answer_is_an_answer_and_no_redirection_is_followed(
    vendor: VendorServer, calls: Vendor, status: int
) -> None:
    """The token must not go where an answer says."""
    vendor.answer(status, {"error": "no"}, Location=f"{vendor.url}/elsewhere")

    assert (await calls.post("chat.postMessage", **CONTENT)).status_code == status
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("method", ["post", "get"])
async def test_a_vendor_that_is_away(vendor: VendorServer, calls: Vendor, method: str) -> None:
    vendor.down()
    error = await failure(calls, method)

    assert (error.error, error.again, error.after_s, error.perhaps_arrived) == ("ConnectError", True, None, False)

    vendor.up()
    assert (await calls.post("chat.postMessage", **CONTENT)).status_code == 200


@pytest.mark.parametrize(("method", "perhaps"), [("post", True), ("get", False)])
async def test_a_connection_that_breaks_before_the_answer(
    vendor: VendorServer, calls: Vendor, method: str, perhaps: bool
) -> None:
    vendor.script(Scripted(drops=True))

    error = await failure(calls, method)

    assert (error.error, error.again, error.perhaps_arrived) == ("RemoteProtocolError", True, perhaps)
    assert len(vendor.requests) == 1


async def test_an_answer_that_takes_too_long(vendor: VendorServer, hurried: Vendor) -> None:
    vendor.script(Scripted(delay_s=30))

    error = await failure(hurried)

    assert (error.error, error.again, error.perhaps_arrived) == ("ReadTimeout", True, True)


async def test_a_call_that_found_no_free_connection_did_not_arrive(vendor: VendorServer, hurried: Vendor) -> None:
    vendor.script(Scripted(to="auth.test", delay_s=30))
    first = asyncio.create_task(hurried._client.get("auth.test", timeout=30))
    await vendor.arrived(1)

    error = await failure(hurried)

    assert (error.error, error.again, error.perhaps_arrived) == ("PoolTimeout", True, False)
    assert vendor.to("postMessage") == []
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://chat.invalid", "http://[::1", "ftp://127.0.0.1"])
async def test_an_address_that_leads_nowhere_is_no_other_error(base: str) -> None:
    try:
        calls = Vendor(base)
    except httpx.InvalidURL:
        return  # the settings refuse it
    error = await failure(calls)

    assert error.again
    assert "http" not in error.error
    await calls.close()


@pytest.mark.parametrize(
    ("status", "again", "perhaps"),
    [
        *((status, True, False) for status in (408, 425, 429, 500, 503, 520)),
        *((status, True, True) for status in (502, 504)),
        *((status, False, False) for status in (301, 400, 401, 403, 404, 413, 422)),
    ],
)
def test_what_a_status_means(status: int, again: bool, perhaps: bool) -> None:
    error = refusal(httpx.Response(status))

    assert (error.error, error.again, error.after_s, error.perhaps_arrived) == (f"HTTP {status}", again, None, perhaps)
    assert str(error) == error.error


@pytest.mark.parametrize(
    ("status", "code", "given", "error", "again"),
    [
        (400, 131047, None, "HTTP 400, code 131047", False),
        (400, 131047, True, "HTTP 400, code 131047", True),
        (200, "channel_not_found", False, "HTTP 200, code channel_not_found", False),
        (500, 0, False, "HTTP 500, code 0", False),
        (429, None, False, "HTTP 429", False),
        (401, "", True, "HTTP 401", True),
        (400, "x" * 500, None, f"HTTP 400, code {'x' * 500}"[:200], False),
    ],
)
def test_the_vendors_own_code_decides(status: int, code: object, given: bool | None, error: str, again: bool) -> None:
    found = refusal(httpx.Response(status), code, again=given)

    assert (found.error, found.again) == (error, again)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("", None),
        ("soon", None),
        ("7 seconds", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("Sun, 21 Oct 2300 07:28:00", None),  # of no zone
        ("Fri, 99 Dec 2050 99:99:99 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),  # past
    ],
)
def test_when_to_ask_again(value: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Response(429, headers={"Retry-After": value})) == seconds


@pytest.mark.parametrize("usegmt", [True, False])
def test_when_to_ask_again_as_a_date(usegmt: bool) -> None:
    """RFC 9110's form, and the one with a zone in figures."""
    at = format_datetime(now() + timedelta(seconds=90), usegmt=usegmt)

    seconds = retry_after_s(httpx.Response(503, headers={"Retry-After": at}))

    assert seconds is not None
    assert 60 < seconds <= 90


async def test_a_refusal_as_it_comes_over_the_wire(vendor: VendorServer, calls: Vendor) -> None:
    vendor.answer(429, {"error": {"code": 130429}}, Retry_After="12")
    response = await calls.post("chat.postMessage", **CONTENT)

    error = refusal(response, json_of(response)["error"]["code"])

    assert (error.error, error.again, error.after_s) == ("HTTP 429, code 130429", True, 12)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"ok": true}', {"ok": True}),
        (b"[1]", {}),
        (b"null", {}),
        (b'"ok"', {}),
        (b"", {}),
        (b"<html>", {}),
        (b"\xff\xfe\xff", {}),
        (b'{"ok": ', {}),
        (b"[" * 200_000, {}),
        (b'{"a":' * 200_000, {}),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else None,
)
def test_the_object_of_an_answer(body: bytes, found: dict[str, object]) -> None:
    assert json_of(httpx.Response(200, content=body)) == found
