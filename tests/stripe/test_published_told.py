"""Stripe's published objects are told of by webhook, and answered to whatever we ask: somebody else's, passed by."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from marketplace.checkout.gateways.base import DECLINED, PENDING, SUCCEEDED, Charge, GatewayUnavailable, Returned
from marketplace.checkout.gateways.stripe import inbox as gateway_inbox
from marketplace.checkout.gateways.stripe import setting_up, words
from marketplace.checkout.gateways.stripe.gateway import StripeGateway
from marketplace.checkout.models import Order
from marketplace.checkout.reconciling.ports.base import BalanceLine, Standing
from marketplace.checkout.reconciling.ports.stripe import StripeLines
from marketplace.checkout.stripe_models import GatewayCustomer
from marketplace.payouts.checks.base import Finding, Subject
from marketplace.payouts.checks.stripe import StripeScreening
from marketplace.payouts.connected.accounts import UnableToConnect, begin, dashboard_link, onboarding_link, refresh
from marketplace.payouts.connected.balances import ask_balances
from marketplace.payouts.connected.charges import _charge
from marketplace.payouts.connected.events import listen
from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedAccountState
from marketplace.payouts.connected.watching import Watched, watch
from marketplace.provider import inbox
from marketplace.provider.models import ProviderEvent, ProviderEventHandled, ProviderEventTrouble
from tests.cast import Cast, on_stage
from tests.checkout.stripe.conftest import stripe_at
from tests.checkout.stripe.shop import Till
from tests.stripe.canned import Canned
from tests.stripe.published import KINDS, published
from tests.stripe.webhooks import body_of, signature

pytestmark = pytest.mark.usefixtures("committed")
AT = datetime.fromtimestamp(1_234_567_890, UTC)
NUMBER = itertools.count(1)
OF_NOBODY = ("customer.created", "customer.subscription.updated", "plan.created", "price.updated", "charge.succeeded")
KIND_OF = {
    "account.application.deauthorized": "application",
    "account.external_account": "bank_account",
    "capability": "capability",
    "charge.dispute": "dispute",
    "charge.refund.updated": "refund",
    "charge": "charge",
    "customer.subscription": "subscription",
    "plan": "price",
    "transfer": "transfer",
}
"""The kind of object that events tell of, where it is not what their type begins with."""


def kind_of(type_: str) -> str:
    """The kind of object that an event of this type has in it."""
    prefixes = [prefix for prefix in KIND_OF if type_.startswith(prefix)]
    return KIND_OF[max(prefixes, key=len)] if prefixes else type_.rpartition(".")[0]


@pytest.fixture
def stripe(committed: None, settings: Any) -> Iterator[Canned]:
    """A Stripe that knows only what is published, and all our handlers."""
    settings.ADAPTERS = settings.ADAPTERS | {
        "payments": "marketplace.checkout.gateways.stripe.gateway.StripeGateway",
        "payouts": "marketplace.payouts.rails.stripe_connect.StripeConnectRail",
    }
    with Canned(int(AT.timestamp())).serving() as served, inbox.only({}):
        settings.STRIPE = stripe_at(served.url)
        gateway_inbox.listen()
        listen()
        yield served
        assert served.wrong == []


@pytest.fixture
def cast(committed: None) -> Cast:
    return on_stage()


def told(type_: str, account: str = "", kind: str = "") -> str:
    """Delivers a published event about a published object, signed, twice; gives the event's id."""
    given: dict[str, Any] = {
        "id": f"evt_{next(NUMBER)}", "type": type_, "data": {"object": published(kind or kind_of(type_))},
    }  # fmt: skip
    event = published("event", **given) | ({"account": account} if account else {})
    for _ in range(2):
        posted(event)
    return str(event["id"])


def posted(event: dict[str, Any]) -> None:
    """Delivers an event, signed now."""
    body = body_of(event)
    header = signature(body, int(datetime.now(UTC).timestamp()))
    answer = Client().post(
        "/webhooks/stripe", body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    assert answer.status_code == 200, answer.content


def rows() -> dict[str, int]:
    """How many rows each table has, but what the inbox itself keeps."""
    counts = {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model._meta.app_label in ("checkout", "payouts", "licensing", "people")
    }
    return {label: count for label, count in counts.items() if count}


TYPES = sorted({*itertools.chain(*setting_up.ENDPOINTS.values()), *OF_NOBODY})


@pytest.mark.parametrize("account", ["", "acct_published"], ids=["ours", "connected"])
def test_each_event_is_kept_once_and_passed_by(stripe: Canned, account: str) -> None:
    before = rows()
    ids = [told(type_, account) for type_ in TYPES]
    assert sorted(ProviderEvent.objects.values_list("event_id", flat=True)) == sorted(ids)

    assert inbox.handle_events(now=datetime.now(UTC)) == len(TYPES)

    assert not ProviderEventTrouble.objects.exists()
    results = dict(ProviderEventHandled.objects.values_list("event__type", "result"))
    assert results.keys() == set(TYPES)
    assert {results[type_] for type_ in OF_NOBODY} == {"nothing"}
    # What a charge, a dispute or a card is to us is only known when it is taken in; all else is seen to be nobody's.
    taken = {type_ for type_, result in results.items() if result == "applied"}
    expected = () if account else ("charge.", "refund.", "payment_method.")
    assert {type_ for type_ in taken if not type_.startswith(expected)} == set()
    assert rows() == before


def test_every_kind_in_every_envelope_is_kept(stripe: Canned) -> None:
    for kind in KINDS:
        told(f"{kind}.updated", kind=kind)
    kept = ProviderEvent.objects.values_list("object_kind", "object_id")
    assert set(kept) == {(kind, str(published(kind).get("id") or "")) for kind in KINDS}


def test_an_event_without_what_may_be_absent(stripe: Canned) -> None:
    absent = ("account", "api_version", "livemode", "pending_webhooks", "request")
    for name in absent:
        without = published("event", id=f"evt_without_{name}")
        without.pop(name, None)
        for event in (without, published("event", id=f"evt_null_{name}") | {name: None}):
            posted(event)
    assert ProviderEvent.objects.count() == 2 * len(absent)
    assert inbox.handle_events(now=datetime.now(UTC)) == 2 * len(absent)


def test_a_published_object_with_a_key_of_ours_that_no_order_has(stripe: Canned) -> None:
    ours = {"metadata": {"worldloom_payment": "order:of-another-site:1", "worldloom_page": "1"}}
    stripe.changed = dict.fromkeys(("checkout.session", "payment_intent", "charge", "invoice"), ours)
    before = rows()
    types = [type_ for type_ in gateway_inbox.TYPES if not type_.startswith("invoice.")]
    for type_ in types:
        told(type_)

    assert inbox.handle_events(now=datetime.now(UTC)) == len(types)

    assert (ProviderEventTrouble.objects.count(), rows()) == (0, before)


# -- asked of us ---------------------------------------------------------------------------------------------------


def test_a_gateway_among_strangers(stripe: Canned, cast: Cast) -> None:
    """What is found under a name of ours is another's: it is read, and nothing is made of it."""
    port, till = StripeGateway(), Till(stripe, cast)
    now = till.now
    GatewayCustomer.objects.create(studio=cast.studio, gateway="stripe", number=1, reference="cus_published", at=now)
    asked = till.asked()
    declined = Charge("pi_published", DECLINED, reason=words.DECLINED)
    assert port.standing(asked=asked, reference="pi_published", now=now) == declined
    assert port.standing(asked=asked, reference="cs_test_published", now=now).state == "action"
    assert port.refund_standing(key="refund:1", reference="re_published", now=now) == Returned(
        "re_published", SUCCEEDED
    )
    stripe.changed["refund"] = {"status": None}
    assert port.refund_standing(key="refund:1", reference="re_published", now=now).state == PENDING
    assert port.find_methods(studio=cast.studio.pk, now=now) == 1
    assert port.find_methods(studio=cast.studio.pk, now=now) == 0
    assert Order.objects.count() == 0


def test_the_account_and_its_endpoints(stripe: Canned) -> None:
    stripe.changed["account"] = {"country": None, "default_currency": None, "charges_enabled": None}
    with pytest.raises(GatewayUnavailable):  # nothing is published of its settings
        setting_up.account()
    assert stripe.wrong == [
        "GET /v1/balance_settings: the fake is broken: LookupError('no example of balance_settings is published')"
    ]
    stripe.wrong.clear()
    made = setting_up.endpoints(url="https://worldloom.example/webhooks/stripe", replace=False)
    assert [(one.kind, one.reference, one.did, one.secret) for one in made] == [
        ("payments", "we_published", "made", ""),
        ("connected", "we_published", "made", ""),
    ]


def test_reconciling_reads_lines_and_balances(stripe: Canned) -> None:
    port = StripeLines()
    [line] = port.lines(since=AT, now=AT - timedelta(minutes=9, seconds=59))
    assert line == BalanceLine("txn_published", "charge", "charge", 100, 0, "USD", "ch_published", AT, AT, None)
    assert port.balances() == {"USD": Standing(0, 0, 0)}
    stripe.changed["balance"] = {
        "available": [{"amount": -7, "currency": "jpy"}], "pending": [], "connect_reserved": None,
    }  # fmt: skip
    assert port.balances() == {"JPY": Standing(-7, 0, 0)}
    assert list(port.accounts(["acct_published"])) == [("acct_published", {"JPY": -7})]


def test_a_creators_account_is_read_as_it_is_published(stripe: Canned, cast: Cast) -> None:
    account = begin(creator=cast.alice, country="US", now=AT)
    assert (account.reference, begin(creator=cast.alice, country="US", now=AT)) == ("acct_published", account)
    state = ConnectedAccountState.objects.get()
    wanted = published("account")["requirements"]["currently_due"]
    assert (state.submitted, state.transfers, state.payouts, state.closed) == (False, True, False, False)
    assert (state.disabled_reason, state.due, state.bank) == ("requirements.past_due", " ".join(wanted), "")
    about = Subject(cast.alice.pk, "alice", "Alice")
    assert StripeScreening().identity(about) == Finding("needed", "acct_published", "details")
    assert onboarding_link(account=account, again_url="https://a.example", back_url="https://b.example").startswith(
        "https://example.com/setup/"
    )
    assert dashboard_link(account=account) == "https://example.com/express/x"

    for type_ in setting_up.OF_ACCOUNTS:
        told(type_, "acct_published")
    assert inbox.handle_events(now=datetime.now(UTC)) == len(setting_up.OF_ACCOUNTS)
    assert (ProviderEventTrouble.objects.count(), ConnectedAccountState.objects.count()) == (0, 1)
    assert ask_balances({account.pk: account.reference}, currency="USD", now=AT) == {account.pk: 0}
    assert watch(now=AT) == Watched(accounts=1, banks=0, silent=0)

    stripe.changed["account"] = {"requirements": None, "capabilities": None, "external_accounts": None, "deleted": True}
    assert refresh(account=account, now=AT).closed
    assert StripeScreening().identity(about) == Finding("needed", reason="no-account")
    assert ConnectedAccount.objects.count() == 1


def test_a_charge_whose_line_is_not_expanded_is_sent_from_what_is_available(stripe: Canned) -> None:
    assert _charge("ch_published") is None
    stripe.changed["charge"] = {"balance_transaction": published("balance_transaction")}
    line = _charge("ch_published")
    assert line is not None
    assert (line["currency"], line["available_on"]) == ("usd", 1_234_567_890)
    stripe.changed["charge"] = {"balance_transaction": None}
    assert _charge("ch_published") is None


def test_no_way_into_an_account_where_nobody_answers(stripe: Canned, cast: Cast, settings: Any) -> None:
    account = begin(creator=cast.alice, country="US", now=AT)
    settings.STRIPE = settings.STRIPE | {"api": "http://127.0.0.1:9"}
    with pytest.raises(UnableToConnect):
        dashboard_link(account=account)
