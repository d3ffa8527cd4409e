"""A program orders, and a person has to go on: 202, then what became of it."""

from uuid import uuid4

from django.utils import timezone

from marketplace.checkout import methods
from marketplace.checkout.gateways.sandbox import answer_bank
from marketplace.checkout.models import Order, SandboxCharge
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.api.studios import Market, Studio, key_of
from tests.cast import CARD

ASKS = "4000 0027 6000 3184"


def test_an_order_that_waits_is_answered_202_and_then_with_its_license(market: Market, carol: Studio) -> None:
    answer = carol.order(market.offer(), card=ASKS)
    body, reference = answer.json(), SandboxCharge.objects.get().reference
    assert (answer.status_code, body["status"], body["grants"]) == (202, "open", [])
    url = f"http://127.0.0.1:8000/sandbox/bank/{reference}"
    assert body["payment"] == {"state": "action", "url": url, "reason": None, "tries": 1}
    assert answer.headers["Location"] == body["url"]
    again = carol.order(market.offer(), card=ASKS)
    assert (again.status_code, again.json()) == (202, body)

    answer_bank(reference=reference, agreed=True, now=timezone.now())
    done = carol.order(market.offer(), card=ASKS)
    assert (done.status_code, done.json()["status"]) == (201, "paid")
    assert done.json()["payment"] == {"state": "paid", "url": None, "reason": None, "tries": 1}
    assert done.json()["grants"][0]["id"] == str(Grant.objects.get().pk)
    assert (Order.objects.count(), SandboxCharge.objects.count()) == (1, 1)


def test_a_declined_order_says_why_when_it_is_read(market: Market, carol: Studio) -> None:
    assert carol.order(market.offer(), card="4000 0000 0000 9995").status_code == 402
    read = carol.get(f"/orders/{Order.objects.get().pk}").json()
    reason = "The card was declined for lack of funds: use another card."
    assert read["payment"] == {"state": "declined", "url": None, "reason": reason, "tries": 1}


def test_a_kept_method_pays_and_that_of_others_does_not(market: Market, carol: Studio) -> None:
    cast, now = market.cast, timezone.now()
    kept = methods.add_card(studio=cast.studio, card=CARD, by=cast.carol, now=now)
    body = {"offers": [str(market.offer().pk)], "payment": {"method": str(kept.pk)}}
    assert carol.send("POST", "/orders", body, key="1").status_code == 201
    for method in (str(uuid4()), str(kept.pk).upper()):
        other = key_of(cast.daves_studio, cast.dave)
        refused = other.send("POST", "/orders", body | {"payment": {"method": method}}, key=f"2{method}")
        assert (refused.status_code, refused.json()["code"]) == (422, "payment-method-refused")
    both = carol.send("POST", "/orders", body | {"payment": {"method": str(kept.pk), "card": CARD}}, key="3")
    assert (both.status_code, both.json()["code"]) == (422, "invalid-request")
    assert Order.objects.count() == 1


def test_a_code_takes_off_or_leaves_nothing_to_pay(market: Market, carol: Studio) -> None:
    for code, part in (("HALF", 500_000_000), ("GIFT", 1_000_000_000)):
        licensing.add_code(creator=market.cast.alice, code=code, percent_ppb=part, now=timezone.now())
    item = {"offer": str(market.offer().pk)}
    half = carol.send("POST", "/orders", {"items": [item | {"code": "HALF"}], "payment": {"card": CARD}}, key="1")
    assert (half.status_code, half.json()["total_minor"]) == (201, 5_000)
    gift = carol.send("POST", "/orders", {"items": [item | {"code": "GIFT"}]}, key="2")
    assert (gift.status_code, gift.json()["status"], gift.json()["payment"]["state"]) == (201, "free", "free")
    assert SandboxCharge.objects.get().amount_minor == 5_000
