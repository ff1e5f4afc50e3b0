"""This service, measured: its turns in process, its first answer as a server, its training."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from messages import FIRST_QUESTION
from processes import ProcessFailed, environment, first_answer, seconds_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BOT = Path(sys.executable).with_name("bot")


def measure_service(folder: Path, *, turns: int, starts: int) -> dict[str, Any]:
    """Measure this service.

    Args:
        folder: an empty one, for all that the measurement writes.
        turns: how many turns the percentiles are of.
        starts: how often the server is started.

    Raises:
        ProcessFailed: a part of the service failed.
    """
    print("this service: turns", file=sys.stderr)
    return {
        **_in_process(folder / "turns", f"--turns={turns}"),
        "first_answer": _starts(folder, starts),
        "training": _training(folder),
    }


def measure_conversations(folder: Path, *, count: int, minutes: float) -> dict[str, Any]:
    """Look at this service's memory while it holds many conversations of one turn.

    Args:
        folder: for the database and the spool.
        count: how many conversations.
        minutes: the end, even if there were fewer by then.

    Raises:
        ProcessFailed: the service failed.
    """
    print(f"this service: {count} conversations", file=sys.stderr)
    return _in_process(folder / "conversations", f"--conversations={count}", f"--minutes={minutes}")


def _in_process(folder: Path, *options: str) -> dict[str, Any]:
    folder.mkdir()
    command: list[str | Path] = [sys.executable, HERE / "our_turns.py", folder, *options]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False)
    if done.returncode != 0:
        raise ProcessFailed(f"the turns could not be measured: their process ended with {done.returncode}")
    figures: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return figures


def _starts(folder: Path, starts: int) -> dict[str, Any]:
    print("this service: first answer", file=sys.stderr)
    measured = []
    for number in range(starts):
        own = folder / f"start-{number}"
        own.mkdir()
        variables = environment(BOT_DATABASE_URL=f"sqlite:///{own}/start.sqlite3", BOT_VAR_DIR=str(own))
        log = own / "server.log"
        measured.append(first_answer(_serve, _gets_answer, folder=ROOT, variables=variables, log=log))
        if "model.training" in log.read_text():
            raise ProcessFailed("the server trained its model first: something changed while it was measured")
    return {
        "median_s": median(start["seconds"] for start in measured),
        "memory_mb": median(start["memory_mb"] for start in measured),
        "starts": measured,
    }


def _serve(port: int) -> list[str | Path]:
    return [BOT, "run", "--host", "127.0.0.1", "--port", str(port)]


def _gets_answer(client: httpx.Client) -> bool:
    if client.get("/ready").status_code != 200:
        return False
    token = client.post("/channels/widget/sessions").json()["token"]
    response = client.post(
        "/channels/widget/messages",
        json={"id": "1", "text": FIRST_QUESTION},
        headers={"authorization": f"Bearer {token}"},
    )
    return any(reply["kind"] == "answer" for reply in response.json().get("replies", []))


def _training(folder: Path) -> dict[str, float]:
    print("this service: training", file=sys.stderr)
    variables = environment(
        BOT_MODELS_DIR=str(folder / "models"), BOT_VAR_DIR=str(folder), RASA_CACHE_DIRECTORY=str(folder / "cache")
    )
    return seconds_of([BOT, "train", "--force"], folder=ROOT, variables=variables, log=folder / "training.log")
