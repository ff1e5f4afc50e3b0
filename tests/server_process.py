"""`bot run` in a process of its own, as an operator starts it, and a family's requests to it."""

import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from project import BOT

SECRET = "s" * 32
STARTS_WITHIN_S = 60
MESSAGES = "/channels/widget/messages"


def environment(folder: Path, **variables: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith("BOT_")}
    url = f"sqlite:///{folder}/bot.sqlite3"
    return {**own, "BOT_DATABASE_URL": url, "BOT_VAR_DIR": str(folder), "BOT_PORT": "0", **variables}


class Server:
    """A running `bot run`; its first line says where it listens."""

    def __init__(self, folder: Path, **variables: str) -> None:
        variables = {"BOT_SECRET_KEY": SECRET, **variables}
        self.folder = folder
        self.process = subprocess.Popen(
            [BOT, "run"],
            env=environment(folder, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        watch = threading.Timer(STARTS_WITHIN_S, self.process.kill)
        watch.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        watch.cancel()
        found = re.fullmatch(r"CRS family chat: http://127\.0\.0\.1:(\d+)/  \(Ctrl-C stops it\)\n", line)
        assert found, (line, self.end(signal.SIGKILL))
        self.port = int(found[1])
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def wait_for(self, met: Callable[[], bool]) -> None:
        """Ask until it is so; the address is taken before the service answers on it."""
        limit = time.monotonic() + STARTS_WITHIN_S
        while not met():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < limit

    def ready(self) -> bool:
        return self.http.get("/ready").status_code == 200

    def token(self) -> str:
        token: str = self.http.post("/channels/widget/sessions").json()["token"]
        return token

    def say(self, token: str, text: str) -> list[dict[str, Any]]:
        body, headers = {"id": uuid.uuid4().hex, "text": text}, {"authorization": f"Bearer {token}"}
        replies: list[dict[str, Any]] = self.http.post(MESSAGES, json=body, headers=headers).json()["replies"]
        return replies

    def history(self, token: str) -> list[dict[str, Any]]:
        response = self.http.get(MESSAGES, headers={"authorization": f"Bearer {token}"})
        messages: list[dict[str, Any]] = response.json()["messages"]
        return messages

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Send a signal and wait: exit code, and what was printed since the first line."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=STARTS_WITHIN_S)
        return self.process.returncode, out, err


@contextmanager
def server(folder: Path, **variables: str) -> Iterator[Server]:
    started = Server(folder, **variables)
    try:
        yield started
    finally:
        started.http.close()
        if started.process.poll() is None:
            started.end(signal.SIGKILL)
