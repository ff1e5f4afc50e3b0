"""Measure the widget in Chromium on the running service: `benchmarks/widget.py --help`.

Writes benchmarks/results/widget.json and widget.md. All measurements are of this machine and of one run.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from figures import percentile
from messages import message
from our_service import ROOT, _serve
from playwright.async_api import Browser, async_playwright
from processes import START_LIMIT_S, ProcessFailed, _free_port, _last_line, _running, environment
from rasa_example import FOLDER
from turn import RESULTS, _load, _machine, _revision

QUESTIONS, OF_A_SESSION = 60, 5  # few of a session: it may have twelve at once
PAGES = 20
WARM_UP = 5  # questions
BOUNDS = {"answer": 150, "script": 10}  # ms
# From the press of the button to two frames after the first reply: the frame that shows it is on the screen by then.
WATCH = """
    addEventListener("click", (event) => {
        if (!event.composedPath()[0].matches(".send")) return;
        const pressed = performance.now();
        const log = document.querySelector("crs-chat").shadowRoot.querySelector(".log");
        window.painted = new Promise((resolve) => {
            const observer = new MutationObserver((changes) => {
                if (!changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.matches(".service")))) return;
                observer.disconnect();
                requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - pressed)));
            });
            observer.observe(log, { childList: true });
        });
    }, { capture: true });
"""


async def answers(browser: Browser, address: str, questions: int) -> list[float]:
    """Milliseconds from the click on Send to the painted reply."""
    taken: list[float] = []
    for first in range(0, questions + WARM_UP, OF_A_SESSION):
        context = await browser.new_context()
        page = await context.new_page()
        await page.add_init_script(WATCH)
        await page.goto(address)
        await page.locator(".launcher").click()
        await page.locator(".privacy:not(:empty)").wait_for()
        for number in range(first, first + OF_A_SESSION):
            await page.locator("#question").fill(message(number))
            await page.locator(".send").click()
            taken.append(await page.evaluate("window.painted"))
        await context.close()
    return taken[WARM_UP : WARM_UP + questions]


async def script_runs(browser: Browser, address: str) -> tuple[list[float], list[float]]:
    """Milliseconds for which the script keeps a fresh page busy: passed, and on the processor.

    It is compiled and run, and makes the launcher.
    """
    passed, worked = [], []
    for _ in range(3 * PAGES):  # on a busy machine a trace begins too late now and then
        context = await browser.new_context()  # nothing compiled is kept
        page = await context.new_page()
        await browser.start_tracing(page=page, categories=["devtools.timeline"])
        await page.goto(address)
        trace = json.loads(await browser.stop_tracing())
        await context.close()
        for event in trace["traceEvents"]:
            data = event["args"].get("data", {})
            if event["name"] == "EvaluateScript" and data["url"].endswith("/widget/crs-chat.js"):
                passed.append(event["dur"] / 1000)
                worked.append(event["tdur"] / 1000)
        if len(passed) == PAGES:
            break
    return passed, worked


async def measure(questions: int) -> dict[str, Any]:
    """Start the service and Chromium, and measure both."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise ProcessFailed("Chromium is missing: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder, port = Path(name), _free_port()
        log, address = folder / "server.log", f"http://127.0.0.1:{port}"
        variables = environment(BOT_DATABASE_URL=f"sqlite:///{folder}/widget.sqlite3", BOT_VAR_DIR=name)
        with log.open("w") as output, _running(_serve(port), ROOT, variables, output):
            _wait_until_ready(address, log)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                answered = await answers(browser, address, questions)
                passed, worked = await script_runs(browser, address)
                figures = {
                    "chromium": browser.version,
                    "answer": _summary(answered),
                    "script": _summary(passed),
                    "script_cpu": _summary(worked),
                }
                await browser.close()
    return figures


def _wait_until_ready(address: str, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        try:
            if httpx.get(f"{address}/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise ProcessFailed(f"the service is not ready: {_last_line(log)}")


def _summary(milliseconds: Sequence[float]) -> dict[str, float]:
    return {
        "times": len(milliseconds),
        "median_ms": round(median(milliseconds), 1),
        "p95_ms": round(percentile(milliseconds, 0.95), 1),
        "max_ms": round(max(milliseconds), 1),
    }


def _as_markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    row = "| {times} | {median_ms} ms | {p95_ms} ms | {max_ms} ms |"
    answer, script, cpu = (row.format(**results[name]) for name in ("answer", "script", "script_cpu"))
    return f"""# The widget, measured

{results["date"]}, revision {results["revision"]}; written by `benchmarks/widget.py`.
Machine: {machine["cores"]} cores, {machine["cpu"]}, {machine["memory_gb"]} GB of memory, {machine["system"]}, Python \
{machine["python"]}, Chromium {results["chromium"]}. Load (1 min) before and after: {machine["load_before"]} and \
{machine["load_after"]}; above 1 before, other work shared the machine.

| | times | median | 95th percentile | longest | median asked for |
|---|---:|---:|---:|---:|---:|
| from the click on Send to the painted reply {answer} {BOUNDS["answer"]} ms |
| running the script on a fresh page {script} {BOUNDS["script"]} ms |
| the same, on the processor {cpu} {BOUNDS["script"]} ms |

The service runs in its own process on the same machine, and Chromium without a screen, at 60 frames a second. The reply
counts as painted two frames after it is in the log. No two questions are alike. The script's time is Chromium's own
trace of compiling and running it, the button that opens the chat included; nothing is kept from an earlier page.
On the processor: without the time in which other work had the core.
"""


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=QUESTIONS, help=f"how many questions ({QUESTIONS})")
    questions = max(1, parser.parse_args().questions)
    date, machine = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC", {**_machine(), "load_before": _load()}
    try:
        figures = asyncio.run(measure(questions))
    except ProcessFailed as error:
        sys.exit(f"benchmark: {error}")
    results = {"date": date, "revision": _revision(), "machine": {**machine, "load_after": _load()}, **figures}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "widget.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "widget.md").write_text(_as_markdown(results))
    print(_as_markdown(results))


if __name__ == "__main__":
    main()
