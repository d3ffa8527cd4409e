"""The pages that these tests look at are served as they are to people: in the application's role of the database."""

from typing import Any
from urllib.request import urlopen

from embedded.postgres import APPLICATION


def test_pages_are_served_in_the_application_s_role(emptied: None, live_server: Any, served_as: list[str]) -> None:
    with urlopen(f"{live_server.url}/browse", timeout=60) as page:
        assert page.status == 200

    assert set(served_as) == {APPLICATION}
