"""Two processes that need the first certificate at the same time."""

from collections.abc import Callable
from typing import Any

from ledger.models import CredentialCertificate
from tests.ledger.credentials.test_issuing import issued


def test_two_at_once_end_with_one_authority_and_one_leaf(committed: None, at_once: Callable[..., list[Any]]) -> None:
    first, second = at_once(issued, issued)

    assert first == second
    rows = CredentialCertificate.objects.order_by("id").values_list("authority", "role")
    assert list(rows) == [("creators", "root"), ("creators", "issuing"), ("creators", "leaf")]
