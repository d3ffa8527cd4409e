"""Carol buys for her studio; Dave may not see what she holds."""

import re
from uuid import UUID, uuid4

import pytest
from django.test import Client

import ledger.operations
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant
from marketplace.payouts import queries as books
from marketplace.people.models import Studio
from tests.cast import CARD, DECLINED_CARD, Cast, later, person
from tests.storefront.market import Market, browser_of


def form_of(client: Client, market: Market, terms: str = "studio") -> dict[str, str]:
    """The hidden fields that the checkout page hands out."""
    page = client.get("/checkout", {"offer": market.offer(terms).pk}).content.decode()
    return dict(re.findall(r'<input type="hidden" name="(offer|idempotency_key|studio)" value="([^"]+)"', page))


def buy(client: Client, market: Market, terms: str = "studio", **given: str) -> object:
    return client.post("/checkout", {**form_of(client, market, terms), **given})


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


@pytest.fixture
def grant(market: Market, carol: Client) -> Grant:
    buy(carol, market, card=CARD)
    return Grant.objects.get()


def test_a_signed_out_visitor_signs_in_and_comes_back(client: Client, market: Market) -> None:
    address = f"/checkout?offer={market.offer('studio').pk}"
    response = client.get(address)

    assert response.status_code == 302
    assert response["Location"].endswith(f"?next=/checkout%3Foffer%3D{market.offer('studio').pk}")


def test_carol_buys_and_sees_her_license(market: Market, carol: Client) -> None:
    response = buy(carol, market, card=CARD)

    grant = Grant.objects.get()
    assert response["Location"] == f"/licenses/{grant.pk}"  # type: ignore[index]
    page = carol.get(f"/licenses/{grant.pk}").content.decode()
    assert "Lantern Films" in page
    assert "$100.01" in page
    assert "Proof being sealed" in page
    assert f"python verify.py {grant.pk}.zip" in page
    assert str(grant.pk) in carol.get("/licenses").content.decode()


def test_a_free_license_asks_for_no_card(market: Market, carol: Client) -> None:
    page = carol.get("/checkout", {"offer": market.offer("personal").pk}).content.decode()
    assert 'name="card"' not in page
    assert "Get the license" in page

    buy(carol, market, "personal")
    assert Grant.objects.get().terms.name == "personal"
    assert books.trial_balance() == []


def test_a_form_sent_twice_buys_once(market: Market, carol: Client) -> None:
    form = {**form_of(carol, market), "card": CARD}

    first, second = carol.post("/checkout", form), carol.post("/checkout", form)

    assert first["Location"] == second["Location"]
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        (DECLINED_CARD, "The card was declined: use another card."),
        ("4000 0000 0000 9995", "The card was declined for lack of funds: use another card."),
    ],
)
def test_a_declined_card_grants_nothing_and_says_so(market: Market, carol: Client, card: str, sentence: str) -> None:
    response = buy(carol, market, card=card)

    assert response.status_code == 422  # type: ignore[attr-defined]
    page = response.content.decode()  # type: ignore[attr-defined]
    assert sentence in page
    assert Grant.objects.count() == 0
    assert books.trial_balance() == []
    # The page can be sent again as it stands: it holds a key of its own.
    again = dict(re.findall(r'<input type="hidden" name="(offer|idempotency_key|studio)" value="([^"]+)"', page))
    assert again["idempotency_key"] != Order.objects.get().idempotency_key
    assert carol.post("/checkout", {**again, "card": CARD}).status_code == 302
    assert Grant.objects.count() == 1


def test_what_is_no_card_is_refused_and_writes_nothing(market: Market) -> None:
    newcomer = browser_of(person("erin"))
    before = Studio.objects.count()
    for card in ("", "1234", "4111 1111 1111 1111", "<script>", "\x00", "4242" * 9):
        response = buy(newcomer, market, card=card, studio_name="Erin Pictures")

        assert response.status_code == 422, card  # type: ignore[attr-defined]
        assert (Order.objects.count(), Grant.objects.count(), Studio.objects.count()) == (0, 0, before)


def test_a_newcomer_names_a_studio_on_the_way_and_opens_it_once(market: Market) -> None:
    erin = person("erin")
    newcomer = browser_of(erin)
    form = {**form_of(newcomer, market), "card": CARD, "studio_name": "Erin Pictures"}
    assert "studio" not in form

    assert newcomer.post("/checkout", {**form, "studio_name": " "}).status_code == 422
    first, second = newcomer.post("/checkout", form), newcomer.post("/checkout", form)

    assert first["Location"] == second["Location"]
    assert Grant.objects.get().licensee_name == "Erin Pictures"
    assert erin.seats.count() == 1


def test_nobody_buys_for_a_studio_of_others(market: Market, carol: Client) -> None:
    response = buy(carol, market, card=CARD, studio=str(market.cast.daves_studio.pk))

    assert response.status_code == 422  # type: ignore[attr-defined]
    assert (Order.objects.count(), Grant.objects.count()) == (0, 0)


def test_an_offer_that_is_not_sold_is_not_found(db: None) -> None:
    carol = browser_of(person("carol"))
    for offer in ("", "x", str(uuid4()), "\x00"):
        assert carol.get("/checkout", {"offer": offer}).status_code == 404
        assert carol.post("/checkout", {"offer": offer, "card": CARD}).status_code == 404


def test_a_silent_gateway_keeps_the_order(market: Market, carol: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_args: object, **_given: object) -> None:
        raise GatewayUnavailable("no answer")

    monkeypatch.setattr(SandboxGateway, "charge", silent)
    response = buy(carol, market, card=CARD)

    assert response.status_code == 503  # type: ignore[attr-defined]
    assert "Your order is kept" in response.content.decode()  # type: ignore[attr-defined]
    assert (Order.objects.count(), Grant.objects.count()) == (1, 0)


def test_a_key_for_another_order_is_refused(market: Market, carol: Client) -> None:
    form = {**form_of(carol, market), "card": CARD}
    carol.post("/checkout", form)
    response = carol.post("/checkout", {**form, "offer": market.offer("enterprise").pk})

    assert response.status_code == 422
    assert "already stands for another order" in response.content.decode()
    assert Grant.objects.count() == 1


def test_a_license_of_others_does_not_exist(market: Market, grant: Grant) -> None:
    dave = browser_of(market.cast.dave)

    for address in (f"/licenses/{grant.pk}", f"/licenses/{grant.pk}/download", f"/licenses/{UUID(int=1)}"):
        assert dave.get(address).status_code == 404
        assert browser_of(None).get(address).status_code == 302
    assert "No licenses yet" in dave.get("/licenses").content.decode()
    assert Download.objects.count() == 0


def test_a_download_waits_for_its_proof_and_then_is_a_zip(market: Market, carol: Client, grant: Grant) -> None:
    waiting = carol.get(f"/licenses/{grant.pk}/download")
    assert (waiting.status_code, waiting["Retry-After"]) == (503, "2")
    again = f"/licenses/{grant.pk}/download?looks="
    assert f'<meta http-equiv="refresh" content="2; url={again}1">' in waiting.content.decode()
    for looks, goes_on in (("9", True), ("10", False), ("-1", True), ("x", True), ("9" * 4000, True)):
        page = carol.get(f"{again}{looks}").content.decode()
        assert ('http-equiv="refresh"' in page, "looks no more by itself" in page) == (goes_on, not goes_on), looks[:9]
        assert f'href="/licenses/{grant.pk}/download"' in page
    assert Download.objects.count() == 0

    ledger.operations.seal(now=later(hours=3))
    sent = carol.get(f"/licenses/{grant.pk}/download")
    assert (sent.status_code, sent["Content-Type"]) == (200, "application/zip")
    assert sent["Content-Disposition"] == f'attachment; filename="{grant.pk}.zip"'
    assert b"".join(sent.streaming_content).startswith(b"PK\x03\x04")  # type: ignore[arg-type]
    assert Download.objects.get().grant == grant
    assert "Proof sealed" in carol.get(f"/licenses/{grant.pk}").content.decode()


@pytest.mark.parametrize("status", ["suspended", "revoked"])
def test_a_license_that_is_not_active_is_not_downloaded(
    market: Market, carol: Client, grant: Grant, status: str
) -> None:
    ledger.operations.seal(now=later(hours=3))
    licensing.set_status(grant=grant, status=status, reason="The payment is disputed.", now=later(hours=4))

    refused = carol.get(f"/licenses/{grant.pk}/download")
    assert refused.status_code == 403
    assert f"is {status}" in refused.content.decode()
    assert Download.objects.count() == 0
    assert status.title() in carol.get(f"/licenses/{grant.pk}").content.decode()


def test_every_member_of_a_studio_sees_its_licenses(market: Market, grant: Grant) -> None:
    cast: Cast = market.cast
    cast.studio.seats.create(person=cast.dave, role="member", created_at=later(hours=1))
    dave = browser_of(cast.dave)

    assert dave.get(f"/licenses/{grant.pk}").status_code == 200
    page = dave.get("/checkout", {"offer": market.offer("studio").pk}).content.decode()
    assert str(cast.studio.pk) not in page  # a member may not buy for it
