"""The same market as the API's."""

from tests.api.conftest import _english, _quick, market  # noqa: F401
