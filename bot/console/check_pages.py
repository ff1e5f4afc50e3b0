"""The page that says what the queue would change, and starts the check that finds out."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process

import structlog
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.improvement.result import AFTER, BEFORE, DONE, FAILED, FEWER_IS_BETTER, TRAINING, CheckFolder
from bot.paths import ROOT
from bot.settings import Settings, variable_of

logger = structlog.get_logger(__name__)

STEPS = {
    TRAINING: "training a copy with the patch (1 of 3)",
    BEFORE: "measuring the service as it is (2 of 3)",
    AFTER: "measuring the copy (3 of 3)",
}
COMMAND = (sys.executable, "-m", "bot", "improve", "check")
# What the check must share with this process, however its settings were given.
HANDED_ON = ("database_url", "var_dir", "models_dir", "evaluation_file")


class CheckPages:
    """The newest check, and a new one."""

    def __init__(self, desk: Desk, command: tuple[str, ...] = COMMAND) -> None:
        """Prepare.

        Args:
            desk: the console's common ground.
            command: what does the check.
        """
        self._desk = desk
        self._command = command
        self._folder = CheckFolder(desk.settings.var_dir)
        self._process: Process | None = None
        self._waiting: asyncio.Task[None] | None = None

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [
            self._desk.route("GET", "/improve/check", self._show, name="check"),
            self._desk.route("GET", "/improve/check/state", self._state, name="check_state", is_use=False),
            self._desk.route("POST", "/improve/check", self._start, name="check_start"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        return await self._page(request, visit, "check.html")

    async def _state(self, request: Request, visit: Visit) -> Response:
        return await self._page(request, visit, "check_state.html")

    async def _page(self, request: Request, visit: Visit, template: str) -> Response:
        result = await to_thread.run_sync(self._folder.read)
        running = await self._is_running()
        broke_off = not running and result is not None and result.state not in (DONE, FAILED)
        return self._desk.page(
            request,
            visit,
            template,
            result=result,
            running=running,
            broke_off=broke_off,
            step=STEPS.get(result.state, "starting") if result else "starting",
            fewer_is_better=FEWER_IS_BETTER,
            file=self._desk.settings.evaluation_file,
        )

    async def _start(self, request: Request, visit: Visit) -> Response:
        if (await self._desk.form(request)).get("action") != "start":
            raise Refused(422, "The form is not complete: load the page again.")
        if await self._is_running():
            raise Refused(422, "A check is running already: wait until it is done.")
        await self._desk.change(visit, "check.started", "queue", lambda _session: None)
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env=environment_of(self._desk.settings),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # what ends the service need not end the check
        )
        self._waiting = asyncio.create_task(self._wait(self._process))
        return self._desk.go(request, self._desk.path_for("check"))

    async def _wait(self, process: Process) -> None:
        code = await process.wait()
        log = logger.info if code == 0 else logger.error
        log("improve.check.ended", code=code)

    async def _is_running(self) -> bool:
        if self._process is not None and self._process.returncode is None:
            return True
        return await to_thread.run_sync(self._folder.is_running)


def environment_of(settings: Settings) -> dict[str, str]:
    """This process's environment with the settings that a check has to share."""
    return {**os.environ, **{variable_of(name): str(getattr(settings, name)) for name in HANDED_ON}}
