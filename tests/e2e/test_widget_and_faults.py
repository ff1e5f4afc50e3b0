"""The widget in a real browser while its service is killed, stops answering, or belongs to another site."""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from browser import browser, chromium, open_chat, pages_of, say
from playwright.async_api import Browser, expect
from server_process import Server
from widget_pages import (
    EMERGENCY_LINES,
    SOON_S,
    StartServer,
    answer_lines,
    becomes,
    open_and_wait,
    shared_server,
    shown_lines,
    start_server,
    stored,
    token_of,
)

__all__ = ["browser", "chromium", "shared_server", "start_server"]  # fixtures

DURATION = "How long does CRS usually last?"
COST = "What does it cost?"
TOLD_WITHIN_MS = 5500  # four seconds, and what a busy machine takes


async def test_the_service_is_killed_and_started_again(browser: Browser, start_server: StartServer) -> None:
    server = start_server()
    async with pages_of(browser, f"http://127.0.0.1:{server.port}") as open_page:
        page = await open_page()
        await open_chat(page)
        await say(page, DURATION)
        answers = page.locator(".entry.answer")
        await expect(answers).to_have_count(1)
        before = await shown_lines(page.locator(".log"))
        server.end(signal.SIGKILL)

        await say(page, COST)
        await expect(page.locator(".family .unsent")).to_have_text("Not sent, will retry.", timeout=TOLD_WITHIN_MS)
        assert (await shown_lines(page.locator(".entry.note")))[1:] == EMERGENCY_LINES
        assert stored(server, COST) == 0
        server = start_server(BOT_PORT=str(server.port))

        await expect(answers).to_have_count(2, timeout=SOON_S * 1000)
        assert await shown_lines(answers.last) == answer_lines("cost_and_stay")
        await expect(page.locator(".note, .unsent")).to_have_count(0)
        assert stored(server, COST) == 1
        assert await shown_lines(page.locator(".log")) == [*before, COST, *answer_lines("cost_and_stay")]
        history = server.history(await token_of(page))
        assert [entry["from"] for entry in history] == ["family", "service", "service", "family", "service"]


async def test_a_service_that_does_not_answer_for_a_while(browser: Browser, start_server: StartServer) -> None:
    server = start_server()
    async with pages_of(browser, f"http://127.0.0.1:{server.port}") as open_page:
        page = await open_page()
        await open_and_wait(page)
        server.process.send_signal(signal.SIGSTOP)
        try:
            await say(page, DURATION)
            await expect(page.locator(".entry.note")).to_be_visible(timeout=TOLD_WITHIN_MS)
            assert (await shown_lines(page.locator(".entry.note")))[1:] == EMERGENCY_LINES
            assert await page.locator(".family .unsent").text_content() == "Not sent, will retry."
            assert await page.locator(".entry.answer").count() == 0
        finally:
            server.process.send_signal(signal.SIGCONT)

        await expect(page.locator(".entry.answer")).to_have_count(1)
        await expect(page.locator(".note, .unsent")).to_have_count(0)
        # A second copy could still come over the stream: what is sent after it comes after it.
        await say(page, COST)
        await expect(page.locator(".entry.answer")).to_have_count(2)
        assert await page.locator(".entry.service").count() == 3
        assert stored(server, DURATION) == 1


@contextmanager
def other_site() -> Iterator[tuple[str, dict[str, str]]]:
    """A hospital's own site with a strict policy: its origin, and what its page embeds the chat from."""
    embeds = {"service": ""}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service = embeds["service"]
            body = f"""<!doctype html><html lang="en"><head><title>Hospital</title>
                <script src="{service}/widget/crs-chat.js" defer></script></head>
                <body><h1>Hospital</h1><crs-chat><p>Call the ward: 555-0177</p></crs-chat></body></html>"""
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            policy = f"default-src 'none'; script-src {service}; connect-src {service}; base-uri 'none'"
            self.send_header("content-security-policy", policy)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    serving = threading.Thread(target=site.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{site.server_port}", embeds
    finally:
        site.shutdown()
        serving.join()
        site.server_close()


async def test_a_page_of_an_allowed_site_has_the_chat(browser: Browser, start_server: StartServer) -> None:
    with other_site() as (origin, embeds):
        server = start_server(BOT_ALLOWED_ORIGINS=origin)
        embeds["service"] = f"http://127.0.0.1:{server.port}"
        async with pages_of(browser, origin) as open_page:
            page = await open_page()
            await open_chat(page)
            await say(page, f"He has a fever. {DURATION}")
            await expect(page.locator(".entry.answer")).to_be_visible()
            assert await shown_lines(page.locator(".entry.emergency")) == EMERGENCY_LINES
            assert await shown_lines(page.locator(".entry.answer")) == answer_lines("crs_duration")
            await page.get_by_role("button", name="Yes").click()
            await expect(page.locator(".outcome")).to_contain_text("Thank you.")
            await page.reload()
            await expect(page.locator(".entry.answer")).to_be_visible()
            await expect(page.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")


async def test_a_page_of_any_other_site_is_refused(browser: Browser, shared_server: Server) -> None:
    with other_site() as (origin, embeds):
        embeds["service"] = f"http://127.0.0.1:{shared_server.port}"
        async with pages_of(browser, origin) as open_page:
            page = await open_page()
            refused: list[str] = []
            page.on("console", lambda message: refused.append(message.text))
            await open_chat(page)
            await say(page, DURATION)

            await expect(page.locator(".entry.note")).to_contain_text("Call the ward: 555-0177")
            await expect(page.locator(".family .unsent")).to_have_text("Not sent, will retry.")
            await becomes(lambda: any(re.search("blocked by CORS policy", text) for text in refused))
            assert stored(shared_server, DURATION) == 0
