"""Measure the messengers' webhooks under load: `benchmarks/channels.py --help`.

A real `bot run`, a vendor in a process of its own, and 100 webhooks a second, of which 5 in 100 name a red flag. Writes
benchmarks/results/channels.json and channels.md. All measurements are of this machine and of one run.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import aiohttp
from channel_webhooks import SECRETS, Webhook, webhook
from figures import median, percentile
from messages import message
from processes import environment
from sqlalchemy import create_engine, text
from turn import RESULTS, _load, _machine, _revision

from bot.fixed_texts import FixedTexts
from bot.redflags.both import BothDetectors
from bot.settings import load_settings

ROOT = Path(__file__).parent.parent
A_SECOND, SECONDS, RED_FLAG_EVERY, MESSAGES_OF_FAMILY = 100, 30, 20, 5
ANSWERED_WITHIN_S = 180.0
BOUNDS = {"acknowledged_p95_ms": 100.0, "red_flag_p95_s": 1.0, "backlog_s": 60.0}
RED_FLAGS = (
    "he cannot breathe in bed {n}",
    "her lips are blue, room {n}",
    "my husband in bed {n} does not wake up",
    "mum in room {n} is confused and does not know me",
    "he had a seizure just now, bed {n}",
)


@dataclass
class Sent:
    """A webhook and what became of it."""

    webhook: Webhook
    due: float
    acknowledged_ms: float = 0.0
    status: int = 0


@dataclass
class Arrived:
    """What the vendor has taken."""

    first_at: dict[str, float] = field(default_factory=dict)  # when the fixed reply reached a family
    accepted: int = 0


def main() -> None:
    """Measure, and write the results."""
    arguments = _arguments()
    load_before = _load()
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(Path(folder), arguments.a_second, arguments.seconds)
    results = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "machine": {**_machine(), "load_before": load_before, "load_after": _load()},
        "bounds": BOUNDS,
        **figures,
    }
    page = _as_markdown(results)
    sys.stdout.write(page)
    if not arguments.dry:
        (RESULTS / "channels.json").write_text(json.dumps(results, indent=2) + "\n")
        (RESULTS / "channels.md").write_text(page)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a-second", type=int, default=A_SECOND, help="webhooks a second")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="how long")
    parser.add_argument("--dry", action="store_true", help="write no results")
    return parser.parse_args()


def _measure(folder: Path, a_second: int, seconds: int) -> dict[str, Any]:
    webhooks = _webhooks(a_second * seconds)
    log = folder / "vendor.jsonl"
    with _vendor(log) as vendor_url, _service(folder, vendor_url) as url:
        sent, ended = asyncio.run(_post(url, webhooks, a_second))
        arrived = _wait_for_answers(folder, len(webhooks), ended)
    found = _arrived(log)
    delays = [
        found.first_at[each.webhook.family] - each.due
        for each in sent
        if each.webhook.is_red_flag and each.webhook.family in found.first_at
    ]
    return {
        "a_second": a_second,
        "seconds": seconds,
        "webhooks": len(sent),
        "statuses": Counter(str(each.status) for each in sent),
        "acknowledged_ms": _spread([each.acknowledged_ms for each in sent]),
        "red_flags": sum(each.webhook.is_red_flag for each in sent),
        "red_flag_s": _spread(delays),
        "red_flags_that_arrived": len(delays),
        "backlog_s": round(arrived["backlog_s"], 1),
        "answered": arrived["answered"],
        "deliveries": arrived["deliveries"],
        "accepted_by_vendor": found.accepted,
        "spooled": (folder / "bot.log").read_text().count("event=journal.spooled"),
    }


def _webhooks(count: int) -> list[Webhook]:
    """Webhooks of all channels in turn; who names a red flag writes once, others several times."""
    detectors = BothDetectors(load_settings().models_dir)
    number, plain = 0, []
    while len(plain) < count:
        if not detectors.detect(message(number)).triggers:
            plain.append(message(number))
        number += 1
    made = []
    for place in range(count):
        if place % RED_FLAG_EVERY == RED_FLAG_EVERY - 1:
            words = RED_FLAGS[place // RED_FLAG_EVERY % len(RED_FLAGS)].format(n=place)
            made.append(webhook(family=100_000 + place, number=place, words=words, is_red_flag=True))
        else:
            made.append(webhook(family=place % (count // MESSAGES_OF_FAMILY), number=place, words=plain[place]))
    return made


@contextmanager
def _vendor(log: Path) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "tests" / "vendor.py"), "--port", "0", "--log", str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _service(folder: Path, vendor: str) -> Iterator[str]:
    variables = {
        **SECRETS,
        **{f"BOT_{name}_API_URL": vendor for name in ("WHATSAPP", "TELEGRAM", "TWILIO", "MESSENGER", "SLACK")},
        "BOT_IDENTITY_KEY": secrets.token_hex(16),
        "BOT_DATABASE_URL": f"sqlite:///{folder}/bot.sqlite3",
        "BOT_VAR_DIR": str(folder),
        "BOT_PORT": "0",
    }
    command = [str(Path(sys.executable).parent / "bot"), "run"]
    with (folder / "bot.log").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(**variables), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split(": ", 1)[1].split()[0].rstrip("/")
            asyncio.run(_ready(url))
            yield url
        finally:
            process.terminate()
            process.wait()
    _complain(folder / "bot.log")


def _complain(log: Path) -> None:
    """Say what the service held to be an error."""
    failed = [line for line in log.read_text().splitlines() if "level=error" in line]
    if failed:
        sys.stderr.write("\n".join(failed[:10]) + "\n")


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as client:
        while True:
            async with client.get(f"{url}/ready") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.2)


async def _post(url: str, webhooks: list[Webhook], a_second: int) -> tuple[list[Sent], float]:
    """Post each at its time, whether or not the ones before are answered."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        started = time.time() + 0.5
        sent = [Sent(each, started + place / a_second) for place, each in enumerate(webhooks)]

        async def post(each: Sent) -> None:
            await asyncio.sleep(max(each.due - time.time(), 0))
            while not each.status:
                # A connection that was kept is closed now and then just when it is used again; vendors try again, too.
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    each.status = await _status(client, f"{url}/channels/{each.webhook.channel}", each.webhook)
            each.acknowledged_ms = (time.time() - each.due) * 1000

        await asyncio.gather(*(post(each) for each in sent))
        return sent, started + len(webhooks) / a_second


async def _status(client: aiohttp.ClientSession, url: str, webhook: Webhook) -> int:
    async with client.post(url, data=webhook.body, headers=webhook.signed()) as answer:
        await answer.read()
        return answer.status


def _wait_for_answers(folder: Path, count: int, ended: float) -> dict[str, Any]:
    """Wait until every message is answered and every reply was taken, and say how long after the load that was."""
    engine = create_engine(f"sqlite:///{folder}/bot.sqlite3")
    while True:
        with engine.connect() as connection:
            answered = connection.execute(text("SELECT count(*) FROM message WHERE state = 'answered'")).scalar_one()
            states = dict(connection.execute(text("SELECT state, count(*) FROM delivery GROUP BY state")).all())
        if (answered == count and set(states) == {"sent"}) or time.time() - ended > ANSWERED_WITHIN_S:
            return {"answered": answered, "deliveries": states, "backlog_s": max(time.time() - ended, 0.0)}
        time.sleep(0.5)


def _arrived(log: Path) -> Arrived:
    """What the vendor's log has, by the family that it went to."""
    emergency = FixedTexts(load_settings()).reply("emergency").text.splitlines()[0]
    found = Arrived()
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        body = json.dumps(entry["body"], ensure_ascii=False)
        if entry["method"] != "POST" or "answerCallbackQuery" in entry["path"]:
            continue
        found.accepted += 1
        if emergency in body:
            family = next(word for word in _words(entry["body"]) if "77" in word and word.strip("+UDwhatsp:").isdigit())
            found.first_at.setdefault(family.strip("+UDwhatsp:"), entry["at"])
    return found


def _words(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        for value in body.values():
            yield from _words(value)
    elif isinstance(body, list):
        for value in body:
            yield from _words(value)
    else:
        yield str(body)


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"median": 0.0, "p95": 0.0, "most": 0.0}
    found = {"median": median(values), "p95": percentile(values, 0.95), "most": max(values)}
    return {name: round(value, 2) for name, value in found.items()}


def _as_markdown(results: dict[str, Any]) -> str:
    machine, bounds = results["machine"], results["bounds"]
    acknowledged, red_flag = results["acknowledged_ms"], results["red_flag_s"]
    lost = results["webhooks"] - results["answered"]
    doubled = results["accepted_by_vendor"] - sum(results["deliveries"].values())
    return "\n".join(
        [
            "# The messengers under load",
            "",
            f"{results['date']}, revision {results['revision']}; written by `benchmarks/channels.py`. A real `bot run` "
            f"on SQLite, {results['a_second']} webhooks a second for {results['seconds']} s over all five channels in "
            "turn, a vendor that answers at once, and whoever posts: each a process of its own on the same machine.",
            "",
            f"Machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gb']} GB of memory, "
            f"{machine['system']}, Python {machine['python']}. Load (1 min) before and after: "
            f"{machine['load_before']} and {machine['load_after']}.",
            "",
            "| | median | 95 % | most | bound for 95 % |",
            "|---|---:|---:|---:|---:|",
            f"| acknowledged, ms from when it was due | {acknowledged['median']} | "
            f"{acknowledged['p95']} | {acknowledged['most']} | {bounds['acknowledged_p95_ms']:g} |",
            f"| fixed reply at the vendor, s from when its message was due | {red_flag['median']} | "
            f"{red_flag['p95']} | {red_flag['most']} | {bounds['red_flag_p95_s']:g} |",
            "",
            f"All replies were with the vendor {results['backlog_s']} s after the last webhook was due (bound: "
            f"{bounds['backlog_s']:g}). Webhooks by status: {dict(results['statuses'])}. Messages lost: {lost}. Red "
            f"flags whose fixed reply arrived: {results['red_flags_that_arrived']} of {results['red_flags']}. Sent "
            f"twice: {doubled}. Deliveries: {results['deliveries']}. Writes that went to the spool: "
            f"{results['spooled']}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
