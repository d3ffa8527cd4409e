"""One confirmation, sent four times at the same moment: the buyer gets the money once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import check_books
from marketplace.people import operations as people
from marketplace.people.models import Person
from tests.api.studios import Market
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market  # noqa: F401
from tests.checkout.shop import Shop


@pytest.fixture(scope="module")
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


def test_four_at_once_give_back_once(committed: None, market: Market) -> None:  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    shop = Shop(market)
    line = shop.line(shop.offer())
    allocate_royalties(now=later(hours=3))
    sent = {"amount": "20.00", "reason": "a broken file", "seen": "0", "confirmed": "yes"}

    def confirm(who: Person) -> Any:
        try:
            client = Client()
            client.force_login(who)
            return client.post(reverse("desk-refund", args=[line.pk]), sent)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(confirm, [olga] * 4))

    assert [answer.status_code for answer in answers] == [302] * 4
    assert [one.amount_minor for one in SandboxRefund.objects.all()] == [20_00]
    assert RefundIntent.objects.count() == 1
    assert left_of_sale(line.source) == 30_00
    assert check_books() == []
