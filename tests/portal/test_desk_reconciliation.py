"""Olga looks at what the books and the gateway do not agree about, and says what a line is; Dave may not."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.tables import ProviderLine, ProviderLineMatched, SuspenseCleared
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.reconciling.ledgers import SUSPENSE, Told, sums

NOW = later(hours=5)


@pytest.fixture
def desk(shop):  # noqa: F811
    """Olga runs the house."""
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def told(shop):  # noqa: F811
    """Carol bought two licenses; of one the gateway says another amount. It has a charge and a word of its own, too."""
    told = Told()
    first, second = (shop.line(shop.offer(name)) for name in ("cc-by-4.0", "enterprise"))
    told.line("charge", PaymentOutcome.objects.get(order=first.order).reference, 49_00, 1_00)
    told.line("charge", "ch_of_another_site", 9_00)
    told.line("climate_order_purchase", "climorder_1", -7_00)
    told.second = second
    reconcile(port=told, now=NOW)
    return told


def page(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_each_set_is_shown_with_its_ages_and_leads_to_the_order(desk, told):
    prove(port=told, now=NOW)
    text = page(desk.get(reverse("desk-reconciliation")))
    assert "The books and the gateway disagree" in text
    assert "$50.00" in text
    assert reverse("desk-refund", args=[told.second.pk]) in text
    theirs = page(desk.get(reverse("desk-reconciliation") + "?set=theirs"))
    assert "ch_of_another_site" in theirs
    assert "climorder_1" not in theirs
    assert "ch_of_another_site" not in page(desk.get(reverse("desk-reconciliation") + "?set=theirs&currency=EUR"))
    assert "Charge" in page(desk.get(reverse("desk-reconciliation") + "?set=differs"))
    assert "climate_order_purchase" in page(desk.get(reverse("desk-reconciliation") + "?set=suspense&old=yes"))
    assert desk.get(reverse("desk-reconciliation") + "?set=nothing").status_code == 404


def test_a_line_is_set_aside_and_cleared(desk, told):
    row = ProviderLine.objects.get(source="ch_of_another_site")
    address = reverse("desk-reconciliation-line", args=[row.pk])
    assert "Put it into suspense" in page(desk.get(address))
    page(desk.post(address, {"reason": ""}), 422)
    assert not ProviderLineMatched.objects.filter(line=row).exists()
    assert desk.post(address, {"reason": "another site's"}).status_code == 302
    assert "Say what it is" in page(desk.get(address))
    page(desk.post(address, {"to": "creator_available", "reason": "x"}), 422)
    assert not SuspenseCleared.objects.exists()
    desk.post(address, {"to": "platform_fee", "reason": "kept"})
    assert (SuspenseCleared.objects.get().by, sums(SUSPENSE)) == ("olga@example.com", (7_00,))
    assert "Cleared" in page(desk.get(address))


def test_all_of_it_as_csv(desk, told):
    lines = b"".join(desk.get(reverse("desk-reconciliation-csv")).streaming_content).decode().splitlines()
    assert lines[0] == "set,kind,currency,amount,since,days,overdue,name,source"
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["ours", "sale", "USD", "50.00"],
        ["theirs", "charge", "USD", "9.00"],
        ["differs", "charge", "USD", "1.00"],
        ["suspense", "climate_order_purchase", "USD", "-7.00"],
    ]


def test_the_page_in_chinese_and_before_anything_was_read(desk):
    assert "Nothing was reconciled yet" in page(desk.get(reverse("desk-reconciliation")))
    with translation.override("zh-hans"):
        assert desk.get(reverse("desk-reconciliation")).status_code == 200


def test_the_worker_is_asked_once(desk, told):
    for _ in range(2):
        assert desk.post(reverse("desk-reconciliation-now")).status_code == 302


def test_dave_may_not(told, shop):  # noqa: F811
    dave = Client()
    dave.force_login(shop.market.cast.dave)
    row = ProviderLine.objects.first()
    before = ProviderLineMatched.objects.count()
    for name, args in (
        ("desk-reconciliation", []),
        ("desk-reconciliation-csv", []),
        ("desk-reconciliation-line", [row.pk]),
    ):
        assert dave.get(reverse(name, args=args)).status_code == 404
    assert dave.post(reverse("desk-reconciliation-line", args=[row.pk]), {"reason": "x"}).status_code == 404
    assert dave.post(reverse("desk-reconciliation-now")).status_code == 404
    assert ProviderLineMatched.objects.count() == before
