"""What a navigator does in the console's browser tests: signing in and working without a mouse, looked over by axe."""

import os
import subprocess

from axe_playwright_python.async_playwright import Axe
from browser import DESKTOP, PHONE
from playwright.async_api import Locator, Page, expect
from project import BOT
from server_process import Server, environment

PASSWORD = "seven blue kettles sing"
STAFF = {"nina": "navigator", "paul": "approver", "anna": "admin"}
TABS_AT_MOST = 150  # to reach anything on a page
LOOKS = (
    *((DESKTOP, "light", {}), (PHONE, "dark", {})),
    # What differs here is only which colours stand where.
    *((DESKTOP, "dark", {"runOnly": ["color-contrast"]}), (PHONE, "light", {"runOnly": ["color-contrast"]})),
)
FAULTS = """options => axe.run({ ...options, resultTypes: ["violations"] }).then(
    (found) => found.violations.map((fault) => [fault.id, fault.nodes[0].html])
)"""


def add_staff(server: Server) -> None:
    """Everybody of STAFF, as an operator adds them."""
    for name, role in STAFF.items():
        command = [BOT, "users", "add", name, "--role", role, "--display-name", name.title(), "--password-stdin"]
        own = environment(server.folder)
        subprocess.run(command, env=own, input=f"{PASSWORD}{os.linesep}", text=True, check=True, capture_output=True)


async def shown(page: Page, *signs: Locator) -> None:
    """Wait until the page shows these and listens to keys."""
    for sign in signs:
        await expect(sign).to_be_visible(timeout=20_000)
    await page.wait_for_load_state()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until an element has the focus, which must then be seen."""
    await expect(target).to_be_attached()
    for _ in range(TABS_AT_MOST):
        if await target.evaluate("element => element === document.activeElement"):
            assert await target.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


async def enter(page: Page, target: Locator) -> None:
    """Go to an element by Tab and press Enter."""
    await tab_to(page, target)
    await page.keyboard.press("Enter")


async def write(page: Page, field: Locator, text: str) -> None:
    """Go to a field by Tab and type into it in place of what it holds."""
    await tab_to(page, field)
    await page.keyboard.press("Control+a")
    await page.keyboard.type(text)


async def press(page: Page, key: str, *signs: Locator) -> None:
    """Press a key of the page, and wait for what it leads to."""
    await page.keyboard.press(key)
    await shown(page, *signs)


async def sign_in(page: Page, name: str) -> None:
    """From the door to the page that was asked for."""
    await write(page, page.get_by_label("Name"), name)
    await write(page, page.get_by_label("Password"), PASSWORD)
    await page.keyboard.press("Enter")
    await shown(page, page.get_by_role("button", name="Sign out"))


class Inspector:
    """Looks at a page in each size and colour scheme, and remembers the faults."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, ...]] = []

    async def look(self, page: Page, state: str) -> None:
        """Find what axe objects to, and what is wider than the screen."""
        before = page.viewport_size
        assert before is not None
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(Axe().axe_script)
        for size, scheme, options in LOOKS:
            await page.set_viewport_size({"width": size["width"], "height": size["height"]})
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            look = f"{state}, {size['width']}, {scheme}"
            self.faults += [(look, *fault) for fault in await page.evaluate(FAULTS, options)]
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.faults.append((look, "wider than the screen"))
        await page.set_viewport_size(before)
