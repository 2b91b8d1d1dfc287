"""The page in Chromium against a real server; skipped by name where there is no Chromium, failing in CI."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.house import ARGS, INSTALL, Guests, House, find_chromium, is_required


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests."""
    path = find_chromium()
    if path is None:
        if is_required():
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, headless=True, args=ARGS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server for all tests but those that stop it."""
    made = House.on(tmp_path_factory.mktemp("house"))
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def guests(browser: Browser, house: House) -> AsyncIterator[Guests]:
    """The people of one test."""
    here = Guests(browser, house)
    yield here
    await here.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def own_house(
    browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Guests]:
    """The people of one test in a house of their own, which may be closed under them.

    A parameter says how its rooms differ.
    """
    made = House.on(tmp_path / "data", **getattr(request, "param", {}))
    await made.start()
    here = Guests(browser, made)
    yield here
    await here.leave()
    await made.stop()
