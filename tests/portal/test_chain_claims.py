"""Alice chooses to be paid on chain, and sees what she may claim, its call and its proof; the list is public."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.test import Client
from django.utils import timezone, translation

from ledger.chain.suite import Suite, Token
from marketplace.payouts import operations as payouts
from marketplace.payouts.claims import places
from marketplace.payouts.claims.paying import call_of_claim
from marketplace.payouts.claims.queries import claimable_of
from marketplace.payouts.claims.tables import PayoutRoot, PayoutWay
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.cast import Cast, on_stage
from tests.payouts.claims.makers import ALICES, COIN, DAVES, DISTRIBUTOR, ChainWord

PAGE = "/portal/payouts/chain"
MOST_QUERIES = 45


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice.person)
    return client


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch, cast: Cast) -> list[dict[str, Any]]:
    """A chain with a coin for dollars, on which Alice has a wallet; returns what is asked of it."""
    tokens = {"USD": Token(address=COIN, symbol="tUSD", decimals=6, currency="USD")}
    found = Suite(chain_id=31337, addresses={"PayoutDistributor": DISTRIBUTOR}, block_number=1, tokens=tokens)
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(places, "suite", lambda: found)
    monkeypatch.setattr("marketplace.payouts.rails.onchain.ask_chain", lambda **call: calls.append(call))
    for module in ("places", "publishing", "ways"):
        monkeypatch.setattr(
            f"marketplace.payouts.claims.{module}.wallets_of", lambda ids, now: {cast.alice.pk: ALICES} if ids else {}
        )
    monkeypatch.setattr("marketplace.portal.views.chain_claims.wallet_of", lambda creator, now: ALICES)
    return calls


@pytest.fixture
def earn(cast: Cast) -> Callable[[], None]:
    def earn() -> None:
        at = timezone.now() - timedelta(days=settings_of.PAYOUT_HOLD_DAYS)
        payouts.record_sale(
            source="story:1",
            split=payouts.ensure_split(own={cast.alice: WHOLE_PPB}, parents=[], now=at),
            gross=Money(12_00, "USD"),
            tax_minor=0,
            fee_minor=0,
            now=at,
        )
        payouts.allocate_royalties(now=at)
        payouts.release_holds(now=timezone.now())

    return earn


def test_without_a_chain_there_is_nothing_to_choose(alice: Client) -> None:
    page = alice.get(PAGE)

    assert page.status_code == 200
    assert "No chain is set up here" in page.content.decode()


def test_alice_chooses_and_chooses_back(alice: Client, chain: Any) -> None:
    assert "USD: by the bank" in alice.get(PAGE).content.decode()
    assert alice.post(PAGE, {"currency": "USD", "way": "chain"}).status_code == 302
    assert "USD: on chain, in tUSD on Development chain" in alice.get(PAGE).content.decode()
    assert alice.post(PAGE, {"currency": "USD", "way": "rail"}).status_code == 302
    assert list(PayoutWay.objects.order_by("pk").values_list("on_chain", flat=True)) == [True, False]


@pytest.mark.parametrize("currency", ["EUR", "XXX", ""])
def test_a_currency_that_nothing_stands_for_is_refused(alice: Client, chain: Any, currency: str) -> None:
    page = alice.post(PAGE, {"currency": currency, "way": "chain"})

    assert page.status_code == 422
    assert "You cannot be paid in that way" in page.content.decode()
    assert not PayoutWay.objects.exists()


def test_what_waits_and_what_can_be_claimed(
    alice: Client, cast: Cast, chain: Any, earn: Callable[[], None], django_assert_max_num_queries: Any
) -> None:
    alice.post(PAGE, {"currency": "USD", "way": "chain"})
    earn()
    payouts.settle(now=timezone.now())
    page = alice.get(PAGE).content.decode()
    assert "$12.00 can be claimed a day after its root is in a block." in page
    assert "On its way to the chain" in page
    assert "data-steps" not in page

    root = PayoutRoot.objects.get()
    ChainWord("RootProposed", {"token": COIN, "root": root.root}, "0x" + "11" * 32, 5).read(
        timezone.now() - timedelta(hours=25)
    )
    payouts.hear_claims(now=timezone.now())
    with django_assert_max_num_queries(MOST_QUERIES):
        page = alice.get(PAGE).content.decode()
    assert (
        "On chain: $12.00 can be claimed, $0.00 waits, $0.00 was claimed."
        in alice.get("/portal/earnings").content.decode()
    )
    [row] = claimable_of(cast.alice, now=timezone.now())
    assert call_of_claim(row.claim).hex() in page
    told = Client().get(f"/api/v1/chain/claims/{ALICES.lower()}").json()
    assert (told["account"], len(told["claims"])) == (ALICES, 1)
    assert told["claims"][0]["claimable_minor"] == 12_00
    assert told["claims"][0]["call"] == {"to": DISTRIBUTOR, "data": "0x" + call_of_claim(row.claim).hex()}
    assert (told["claims"][0]["cumulative_units"], told["claims"][0]["root"]) == ("12000000", root.root)
    assert "Counts: can be claimed" in page
    assert "Claim with your wallet" in page
    with translation.override("zh-hans"):
        alice.cookies.load({settings_of.LANGUAGE_COOKIE_NAME: "zh-hans"})
        assert alice.get(PAGE).status_code == 200

    ChainWord("Claimed", {"token": COIN, "account": ALICES, "amount": 12_000_000}, "0x" + "22" * 32, 6).read(
        timezone.now()
    )
    payouts.hear_claims(now=timezone.now())
    alice.cookies.clear()
    alice.force_login(cast.alice.person)
    page = alice.get(PAGE).content.decode()
    assert "All claimed" in page
    assert "0x" + "22" * 32 in page
    assert DAVES not in page


def test_the_list_is_public_and_never_changes(
    alice: Client, chain: Any, earn: Callable[[], None], settings: Any, tmp_path: Path
) -> None:
    settings.DATA_FOLDER = tmp_path
    alice.post(PAGE, {"currency": "USD", "way": "chain"})
    earn()
    payouts.settle(now=timezone.now())
    root = PayoutRoot.objects.get()

    answer = Client().get(f"/chain/payouts/{root.pk}.json")
    assert sha256(answer.content).hexdigest() == root.document_sha256
    assert sha256(Client().get(f"/chain/payouts/{root.pk}.json").content).hexdigest() == root.document_sha256
    assert answer["ETag"] == f'"{root.document_sha256}"'
    assert "immutable" in answer["Cache-Control"]
    again = Client().get(f"/chain/payouts/{root.pk}.json", headers={"if-none-match": answer["ETag"]})
    assert again.status_code == 304
    assert Client().get("/chain/payouts/999999.json").status_code == 404

    [kept] = (tmp_path / "payout-roots").iterdir()
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_bytes(b"in the way")  # a folder that cannot be written keeps nobody from reading
    assert Client().get(f"/chain/payouts/{root.pk}.json").content == answer.content


def test_nobody_else_sees_it(cast: Cast) -> None:
    assert Client().get(PAGE).status_code == 302
