"""A real Chromium against a live server; skipped where there is none, except where a browser is required."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

import assets.operations
import ledger.operations
from assets.models import Asset
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, later, on_stage
from tests.limited import limit
from tests.standing import standing
from tests.storefront.market import Market

HOME = Path(__file__).resolve().parents[2]
AXE = HOME / "build" / "dev" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# All rules are run; what passed is not listed, and no selectors are sought for what did not.
ASKED = "{resultTypes: ['violations'], selectors: false}"
NARROW = {"width": 390, "height": 844}
OFFERS = (("personal", "12.00", "USD"), ("studio", "100.01", "USD"), ("enterprise", "900.00", "USD"))

# What the console says of refusals and of lines that a test has cut.
EXPECTED = ("status of 4", "net::ERR_INTERNET_DISCONNECTED", "net::ERR_CONNECTION_RESET")

# Playwright's own loop runs in this thread; the database is asked from it all the same.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def chromium(django_db_setup: None) -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") or os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("There is no Chromium: apt-get install -y chromium")
        pytest.skip("There is no Chromium: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def _triggers(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = %s", [role])


@pytest.fixture(scope="module")
def _triggers_back(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Ends after the last test was cleaned up, so that the next module's facts are guarded again."""
    yield
    with django_db_blocker.unblock():
        _triggers("origin")


@pytest.fixture(autouse=True, scope="module")
def served_as(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[str]]:
    """Lets the server run as the application's role, as outside of tests, and gives whom its connections run as."""
    roles: list[str] = []
    with django_db_blocker.unblock():
        role = limit()

    def led(connection: Any, **_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {role}")
                cursor.execute("SELECT current_user")
                roles.append(cursor.fetchone()[0])

    connection_created.connect(led)
    yield roles
    connection_created.disconnect(led)


@pytest.fixture
def emptied(_triggers_back: None, transactional_db: None) -> Iterator[None]:
    """A database that is emptied after the test, for which the triggers that keep facts from being removed stand by."""
    _triggers("origin")
    yield
    _triggers("replica")


def opened(folder: Path) -> Market:
    """One sealed world of Alice's, and one of Bob's made with it."""
    cast = on_stage()
    world = packs.write(folder / "yunhai", handle="yunhai", offers=OFFERS)
    derived = packs.write(
        folder / "ink", handle="ink", title="Ink Harbor", seed=2, parents=[("alice/yunhai@1.0.0", 200_000_000)]
    )
    made = Market(
        cast,
        publish_folder(folder=world, creator=cast.alice, now=NOON),
        publish_folder(folder=derived, creator=cast.bob, now=later(hours=1)),
    )
    for asset in Asset.objects.all():
        if asset.facts["kind"] == "picture":
            assets.operations.make_previews(asset=asset, now=NOON)
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    return made


@pytest.fixture
def market(emptied: None, tmp_path: Path) -> Market:
    return standing(opened, tmp_path)


@pytest.fixture
def open_page(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page of the live server; what the console complains of fails the test in the end."""
    contexts, complaints = [], []

    def complain(message: Any) -> None:
        if message.type == "error" and not any(known in message.text for known in EXPECTED):
            complaints.append(message.text)

    def open_page(address: str, **given: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **given)
        contexts.append(context)
        page = context.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def violations(page: Any) -> list[str]:
    """What axe-core finds on a page; CSP keeps foreign scripts out, so it is evaluated from outside."""
    if not AXE.exists():
        pytest.skip("There is no build/dev/axe.min.js: python -m embedded.frontend")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(f"async () => (await axe.run(document, {ASKED})).violations")
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]
