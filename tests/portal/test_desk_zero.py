"""A zero character, or other nonsense, breaks no page of the desk, whatever form it is typed into."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from marketplace.checkout import asking_back
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.left_behind import left_behind
from marketplace.checkout.models import OrderLine
from marketplace.checkout.operations import refund_line
from marketplace.people import operations as people
from marketplace.portal import urls_desk
from marketplace.portal.forms import desk_payouts, desk_rules, left_tries
from tests.cast import CARD, NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.evidence.case import disputed
from tests.checkout.test_payment_states import ASKS
from tests.checkout.test_strays import strayed

TYPED = (
    "after all amount currency code country cursor form forward key level note of old person q reason reference seen "
)
TYPED += "set state table to what words year"
FORMS = {
    "rate": desk_rules.RateForm,
    "seller": desk_rules.SellerForm,
    "place": desk_rules.PlaceForm,
    "level": desk_rules.LevelForm,
    "risk": desk_payouts.RiskForm,
    "hold": desk_payouts.HoldForm,
    "identity": desk_payouts.CheckForm,
    "policy-USD": desk_payouts.PolicyForm,
}
NAMES = [*TYPED.split(), *left_tries.FoundForm.base_fields, *left_tries.ReturnFoundForm.base_fields]
NAMES += [f"{prefix}-{name}" for prefix, form in FORMS.items() for name in form.base_fields]
ZERO, NONSENSE = "a\x00b", ("NaN", "9" * 30, "x" * 5_000, "٣", "'; --")


def patterns(found: list[Any]) -> list[URLPattern]:
    return [
        one
        for pattern in found
        for one in (patterns(pattern.url_patterns) if isinstance(pattern, URLResolver) else [pattern])
    ]


@pytest.fixture
def desk(shop):  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    client = Client(raise_request_exception=False)
    client.force_login(olga)
    return client


@pytest.fixture
def addresses(shop, monkeypatch):  # noqa: F811
    """Every address of the desk, filled with what there is."""
    order = shop.buy(shop.offer(), shop.offer("personal", 20_00, release=shop.market.derived))
    first, second = OrderLine.objects.select_related("order").filter(order=order).order_by("position")
    asked = asking_back.ask(line=second, by=shop.market.cast.carol, amount_minor=1_00, reason="x", now=later(hours=3))
    refund = refund_line(line=first, amount_minor=1_00, reason="x", now=later(hours=3))
    dispute = disputed(shop.buy(shop.offer(), idempotency_key="disputed"))
    shop.buy(shop.offer(), method=ASKS, idempotency_key="left")
    stray = strayed(shop, CARD)
    monkeypatch.setattr(SandboxGateway, "name", "another")
    values = {
        "order": order.pk,
        "line": first.pk,
        "asked": asked.pk,
        "refund": refund.pk,
        "stray": stray.pk,
        "dispute": dispute.pk,
        "attempt": left_behind().get(number=1, steps__isnull=False).pk,
        "handle": "alice",
        "kind": "identity",
        "currency": "USD",
        "number": 1,
        "part": 1,
        "payout": order.pk,
    }
    filled = []
    for one in patterns(urls_desk.urlpatterns):
        kwargs = {name: values[name] for name in one.pattern.converters}
        filled.append(reverse(one.name, kwargs=kwargs))
    assert len(filled) >= 40
    return filled


def rows() -> dict[str, int]:
    """How many rows each table of the shop has."""
    names = [name for name in connection.introspection.table_names() if name.startswith(("checkout_", "payouts_"))]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names))
        return dict(cursor.fetchall())


def sent(desk: Client, address: str, text: str) -> list[HttpResponse]:
    given = dict.fromkeys(NAMES, text)
    buttons = ({}, {"grant": "1"}, {"again": "1"}, {"passed": "yes"}, {"confirmed": "yes"})
    return [desk.get(address, given), *(desk.post(address, given | more) for more in buttons)]


def test_a_zero_character_is_refused_everywhere_and_nothing_is_written(desk, addresses):
    before = rows()
    for address in addresses:
        for answer in sent(desk, address, ZERO):
            assert answer.status_code in (400, 405), (address, answer.status_code)
        assert desk.get(address, {"x\x00": "1"}).status_code in (400, 405)
    assert desk.post("/desk/payouts/alice/policy/U%00D", {}).status_code == 400
    assert rows() == before


def test_a_stranger_is_not_told_of_it(addresses, shop):  # noqa: F811
    client = Client()
    client.force_login(shop.market.cast.dave)
    assert {client.post(address, {"q": ZERO}).status_code for address in addresses} <= {404, 405}


@pytest.mark.deep
def test_other_nonsense_breaks_no_page(desk, addresses, monkeypatch):
    monkeypatch.undo()  # the gateway is there again
    # Asking the worker twice is refused by its queue, which would end the one transaction that a test is.
    for address in set(addresses) - {"/desk/reconciliation/now"}:
        for text in NONSENSE:
            for answer in sent(desk, address, text):
                assert answer.status_code < 500, (address, text[:20], answer.status_code)
