"""What every test stands on besides `tests/ground.py`: a data folder of its own, and committed data where asked for."""

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.db import connection
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from assets.inspectors import sandbox
from tests.remembered import remembering
from tests.swept import sweep
from tests.template import migrated

ASSETS = Path(__file__).parent / "assets"
FRAMES = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    """Keeps what was imported and collected out of sight of the garbage collector, which would look at it all day."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _frames() -> Iterator[None]:
    """Gives back how deep calls may go: the dev chain's libraries ask for more frames than a thread has stack for."""
    yield
    sys.setrecursionlimit(FRAMES)


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, settings: Any) -> None:
    """Gives each test its own blobs, keys and log."""
    settings.DATA_FOLDER = tmp_path / "data"
    settings.DATA_FOLDER.mkdir()


@pytest.fixture(autouse=True)
def _inspected_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Lets a child inspect and draw the same bytes once a run; the tests of inspection itself ask it every time."""
    if not request.path.is_relative_to(ASSETS):
        settings.FINGERPRINT_KEY = "5a" * 32
        monkeypatch.setattr(sandbox, "_run", remembering(sandbox._run))


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hashes passwords at once: what a site takes half a second for, every cast would pay five times."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True, scope="session")
def _static_files_found_once() -> Iterator[None]:
    """Looks for static files once a run: each client of each test would, for a tenth of what pages take here."""
    found: dict[str, Any] = {}
    find = WhiteNoiseMiddleware.add_files_from_finders

    def remember(self: Any) -> None:
        if not found:
            find(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", remember)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: pytest.FixtureRequest
) -> None:
    """Lets the test database be a copy of the one that this run has migrated."""
    with django_db_blocker.unblock():
        settings_of.DATABASES["default"]["TEST"]["TEMPLATE"] = migrated()


@pytest.fixture(autouse=True, scope="session")
def _swept() -> Iterator[None]:
    """Empties the database as fast as it can be after each test that commits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", sweep)
        yield


@pytest.fixture
def guards() -> Iterator[None]:
    """Ends the connection whose guards were switched off, after the facts are swept away."""
    yield
    connection.close()


@pytest.fixture
def committed(guards: None, transactional_db: None) -> Iterator[None]:
    """Commits for real; the facts are swept away afterwards by one who may switch their guards off."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Starts verbs together, each on a connection of its own, and returns what each returned or raised."""

    def run(*verbs: Callable[[], Any]) -> list[Any]:
        gate = Barrier(len(verbs))
        said: list[Any] = [None] * len(verbs)

        def one(number: int, verb: Callable[[], Any]) -> None:
            try:
                gate.wait()
                said[number] = verb()
            except Exception as error:
                said[number] = error
            finally:
                connection.close()

        threads = [Thread(target=one, args=pair) for pair in enumerate(verbs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return said

    return run
