"""Processes that are measured from outside: how long they take, when they answer, what memory they hold."""

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from figures import resident_mb

START_LIMIT_S = 300.0
ASK_EVERY_S = 0.05
# Set in some build machines; they keep Python from storing compiled modules, which no installation does without.
_UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "PYTHONOPTIMIZE")


class ProcessFailed(Exception):
    """A measured process did not do what it should; the message holds its last line."""


def environment(**additional: str) -> dict[str, str]:
    """This process's environment for another one, with Rasa's telemetry off."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNUSUAL}
    return {**kept, "RASA_TELEMETRY_ENABLED": "false", **additional}


def seconds_of(
    command: Sequence[str | Path], *, folder: Path, variables: Mapping[str, str], log: Path
) -> dict[str, float]:
    """Run a command to its end.

    Returns:
        `seconds`, how long it took, and `cpu_s`, how long it kept a core busy.

    Raises:
        ProcessFailed: it failed or is not there.
    """
    started, worked = time.perf_counter(), _children_worked()
    with log.open("w") as output:
        try:
            done = subprocess.run(
                command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        except OSError as error:
            raise ProcessFailed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise ProcessFailed(f"{_shown(command)} ended with {done.returncode}: {_last_line(log)}")
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_s": round(_children_worked() - worked, 2),
    }


def first_answer(
    command: Callable[[int], Sequence[str | Path]],
    ask: Callable[[httpx.Client], bool],
    *,
    folder: Path,
    variables: Mapping[str, str],
    log: Path,
) -> dict[str, float]:
    """Start a server and ask it until it answers.

    Args:
        command: makes the server's command for a port.
        ask: asks once; whether there was an answer. What httpx raises counts as none.
        folder: where the server is started.
        variables: its environment.
        log: takes its output.

    Returns:
        `seconds` from the start to the answer, `memory_mb` then held, and `cpu_s` for which a core was kept busy.

    Raises:
        ProcessFailed: the server ended, or did not answer in time.
    """
    port = _free_port()
    worked = _children_worked()
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
    with client, log.open("w") as output:
        started = time.perf_counter()
        with _running(command(port), folder, variables, output) as process:
            while not _answers(ask, client):
                if process.poll() is not None:
                    raise ProcessFailed(f"{_shown(command(port))} ended with {process.returncode}: {_last_line(log)}")
                if time.perf_counter() - started > START_LIMIT_S:
                    raise ProcessFailed(f"{_shown(command(port))} did not answer within {START_LIMIT_S:.0f} s")
                time.sleep(ASK_EVERY_S)
            measured = {"seconds": round(time.perf_counter() - started, 2), "memory_mb": resident_mb(process.pid)}
    return {**measured, "cpu_s": round(_children_worked() - worked, 2)}


def _children_worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _answers(ask: Callable[[httpx.Client], bool], client: httpx.Client) -> bool:
    try:
        return ask(client)
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def _running(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str], output: IO[str]
) -> Iterator["subprocess.Popen[Any]"]:
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join([Path(command[0]).name, *map(str, command[1:3])])


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
