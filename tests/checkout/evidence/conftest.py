"""The same shop as checkout's."""

from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
