"""Rasa's own example bot (`rasa init`), measured in an environment of its own with all that Rasa installs."""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from processes import ProcessFailed, environment, first_answer, seconds_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDER = ROOT / "var" / "benchmark"
ENVIRONMENT = FOLDER / "example-env"
PROJECT = FOLDER / "example-project"
RASA = "rasa==3.6.21"
DISK_GB = 5.0  # the environment takes 3; while it is made, the packages are there as well


class ExampleUnavailable(Exception):
    """The example bot cannot be measured here; the message says why."""


def measure_example(folder: Path, *, turns: int, starts: int, session: bool) -> dict[str, Any]:
    """Measure the example bot; its environment is built the first time.

    Args:
        folder: takes logs and figures.
        turns: how many turns the percentiles are of.
        starts: how often the server is started.
        session: hold a session of 500 turns as well; it takes minutes.

    Raises:
        ExampleUnavailable: it cannot be built or does not run.
    """
    try:
        _build(folder)
        training = _train(folder)
        measured = {**_turns(folder, turns, session), "training": training}
    except ProcessFailed as error:
        raise ExampleUnavailable(str(error)) from error
    try:
        return {**measured, "first_answer": _starts(folder, starts)}
    except ProcessFailed as error:
        print(f"benchmark: the example bot's server is not measured: {error}", file=sys.stderr)
        return {**measured, "first_answer": None}


def _build(folder: Path) -> None:
    """Make the environment where it is missing, with this one's Python, after everyone else who uses the machine."""
    mark = ENVIRONMENT / "built"
    if mark.exists() and mark.read_text() == RASA:
        return
    uv = shutil.which("uv") or shutil.which(str(ROOT / ".uv" / "bin" / "uv"))
    if uv is None:
        raise ExampleUnavailable("uv is neither on PATH nor in .uv/bin/")
    FOLDER.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(FOLDER).free / 1e9
    if free_gb < DISK_GB:
        raise ExampleUnavailable(f"its environment needs {DISK_GB:.0f} GB of disk, {free_gb:.1f} are free")
    print(f"example bot: building its environment (about 3 GB; {free_gb:.0f} GB are free)", file=sys.stderr)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    python = ENVIRONMENT / "bin" / "python"
    steps = {
        "venv": ["venv", "--python", sys.executable, str(ENVIRONMENT)],
        "install": ["pip", "install", "--compile-bytecode", "--python", str(python), RASA],
    }
    for name, arguments in steps.items():
        # Started outside of this project: uv would apply what pyproject.toml says under [tool.uv], and leave TensorFlow
        # out of this environment as well.
        seconds_of(
            ["nice", "-n", "19", uv, *arguments],
            folder=Path(tempfile.gettempdir()),
            variables=environment(UV_NO_PROGRESS="1"),
            log=folder / f"{name}.log",
        )
    mark.write_text(RASA)


def _train(folder: Path) -> dict[str, float]:
    """Make the example project anew and train it; only the training is timed."""
    print("example bot: training", file=sys.stderr)
    shutil.rmtree(PROJECT, ignore_errors=True)
    PROJECT.mkdir()
    copy = "import sys; from rasa.cli.scaffold import create_initial_project; create_initial_project(sys.argv[1])"
    python = ENVIRONMENT / "bin" / "python"
    seconds_of([python, "-c", copy, PROJECT], folder=PROJECT, variables=environment(), log=folder / "init.log")
    return seconds_of(
        [ENVIRONMENT / "bin" / "rasa", "train", "--force", "--fixed-model-name", "example"],
        folder=PROJECT,
        variables=environment(RASA_CACHE_DIRECTORY=str(folder / "example-cache")),
        log=folder / "example-training.log",
    )


def _turns(folder: Path, turns: int, session: bool) -> dict[str, Any]:
    print("example bot: turns", file=sys.stderr)
    file, model = folder / "example-figures.json", PROJECT / "models" / "example.tar.gz"
    script = HERE / "example_turns.py"
    command: list[str | Path] = [ENVIRONMENT / "bin" / "python", script, model, file, f"--turns={turns}"]
    if session:
        command.append("--session")
    seconds_of(command, folder=PROJECT, variables=environment(), log=folder / "example-turns.log")
    figures: dict[str, Any] = json.loads(file.read_text())
    return figures


def _starts(folder: Path, starts: int) -> dict[str, Any]:
    print("example bot: first answer", file=sys.stderr)
    measured = [
        first_answer(_serve, _gets_answer, folder=PROJECT, variables=environment(), log=folder / f"rasa-{number}.log")
        for number in range(starts)
    ]
    return {
        "median_s": median(start["seconds"] for start in measured),
        "memory_mb": median(start["memory_mb"] for start in measured),
        "starts": measured,
    }


def _serve(port: int) -> list[str | Path]:
    return [ENVIRONMENT / "bin" / "rasa", "run", "--interface", "127.0.0.1", "--port", str(port)]


def _gets_answer(client: httpx.Client) -> bool:
    response = client.post("/webhooks/rest/webhook", json={"sender": "first", "message": "hi"})
    return response.status_code == 200 and bool(response.json())
