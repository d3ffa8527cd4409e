"""Carol pays three sellers, Olga answers her, Alice reads when she is paid, and a bank disputes: in a real browser."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import ledger.operations
from marketplace.checkout import asking_back, methods
from marketplace.checkout.disputes import Dispute
from marketplace.checkout.events import collect_events
from marketplace.checkout.evidence.tables import EvidenceSubmission
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.sandbox_models import SandboxCharge, SandboxRefund
from marketplace.licensing.models import Grant
from tests.browser.buying import ASKS, DISPUTED, LATE, SCREENS, Fair, fair, shared_out, sideways, signed_in
from tests.browser.conftest import NARROW, violations
from tests.cast import CARD, DECLINED_CARD
from tests.standing import standing

pytestmark = pytest.mark.browser
PHONE = {"locale": "en-US", "color_scheme": "dark", "viewport": NARROW}


@pytest.fixture
def three(emptied: None, tmp_path: Path, settings: Any, live_server: Any) -> Fair:
    """Three sellers; the bank of the sandbox leads back to this server."""
    settings.SITE_URL = live_server.url
    return standing(fair, tmp_path)


def paid(page: Any, card: str) -> None:
    """Types a card at the checkout, and orders."""
    page.get_by_label("Card number").fill(card)
    page.get_by_role("button", name="and license").click()


def fine(page: Any) -> None:
    """Whoever reads this page in the dark on a phone can use it."""
    assert (violations(page), sideways(page)) == ([], False), page.url


def test_carol_pays_three_sellers_and_gets_a_part_back(three: Fair, open_page: Callable[..., Any]) -> None:
    page = signed_in(open_page, "carol", three.checkout, **PHONE)
    paid(page, DECLINED_CARD)
    page.get_by_text("The card was declined: use another card.").first.wait_for()
    fine(page)
    assert not Grant.objects.exists()

    paid(page, ASKS)
    page.wait_for_url("**/sandbox/bank/**")
    page.get_by_role("button", name="Refuse it").click()
    page.get_by_role("heading", name="The payment was declined").wait_for()
    fine(page)
    page.get_by_label("Card number").fill(ASKS)
    page.get_by_role("button", name="with another card").click()
    page.wait_for_url("**/sandbox/bank/**")
    assert not Grant.objects.exists()
    page.get_by_role("button", name="Confirm the payment").click()
    page.wait_for_url("**/licenses")
    assert (Grant.objects.count(), PaymentOutcome.objects.filter(outcome="succeeded").count()) == (3, 1)

    order = shared_out()
    issue_papers(now=timezone.now())
    page.goto(f"/orders/{order.pk}")
    fine(page)
    with page.expect_download() as waiting:
        page.evaluate("document.querySelector('a[href*=\".json\"]').click()")
    assert waiting.value.suggested_filename.endswith(".json")
    assert page.request.get(page.get_by_role("link", name="PDF English").get_attribute("href")).body()[:5] == b"%PDF-"

    page.get_by_role("link", name="Refunds").click()
    page.get_by_role("link", name="Ask for a refund Ink Wash").click()
    page.get_by_label("Amount").fill("15.00")
    page.get_by_label("Reason").fill("a file is broken")
    page.get_by_role("button", name="Ask for it").click()
    page.get_by_text("Waits for an answer").wait_for()
    assert not RefundIntent.objects.exists()

    desk = signed_in(open_page, "olga", "/desk/refunds/asked", **PHONE)
    desk.get_by_role("link", name="Ink Wash").click()
    desk.get_by_label("Words for the buyer").fill("We are sorry.")
    desk.get_by_role("button", name="Grant it").click()
    desk.get_by_text("are given back to Lantern Films").wait_for()
    assert [one.amount_minor for one in SandboxRefund.objects.all()] == [15_00]
    page.goto("/refunds")
    assert page.get_by_text("We are sorry.").is_visible()
    assert page.get_by_text("Refund granted").is_visible()


@pytest.mark.deep
def test_a_kept_card_pays_unless_another_is_chosen(three: Fair, open_page: Callable[..., Any]) -> None:
    cast = three.market.cast
    methods.add_card(studio=cast.studio, card=CARD, by=cast.carol, now=timezone.now())
    page = signed_in(open_page, "carol", three.checkout, **PHONE)
    field = page.get_by_label("Card number")
    assert not field.is_visible()
    page.get_by_role("radio", name="Another card").check()
    field.fill(ASKS)
    fine(page)
    page.get_by_role("button", name="and license").click()
    page.wait_for_url("**/sandbox/bank/**")
    page.get_by_role("button", name="Refuse it").click()
    page.get_by_role("heading", name="The payment was declined").wait_for()
    field.fill(DECLINED_CARD)
    page.get_by_label("Pay with").select_option(label="Visa •••• 4242")
    assert not field.is_visible()
    fine(page)
    page.get_by_role("button", name="Pay $").click()
    page.wait_for_url("**/licenses")
    assert [one.method for one in SandboxCharge.objects.order_by("charged_at")] == ["3ds-always", "success"]


@pytest.mark.deep
def test_alice_reads_when_she_is_paid_and_why_not(three: Fair, open_page: Callable[..., Any]) -> None:
    page = signed_in(open_page, "carol", three.checkout, **PHONE)
    paid(page, CARD)
    page.wait_for_url("**/licenses")
    shared_out()
    alice = signed_in(open_page, "alice", "/portal/payouts", **PHONE)
    assert alice.get_by_text("is in its hold period until").is_visible()
    assert alice.get_by_text("Your next payout is on").is_visible()
    fine(alice)

    desk = signed_in(open_page, "olga", "/desk/payouts/alice", **PHONE)
    desk.get_by_text("Hold payouts", exact=True).first.click()
    desk.get_by_label("Reason").first.fill("We ask you for an invoice first")
    fine(desk)
    desk.get_by_role("button", name="Hold payouts").click()
    desk.get_by_role("button", name="Release").wait_for()
    fine(desk)
    alice.reload()
    assert alice.get_by_text("No payout is made to you for now: We ask you for an invoice first.").is_visible()
    fine(alice)
    desk.get_by_role("button", name="Release").click()
    desk.get_by_text("Nobody holds payouts to this creator.").wait_for()
    alice.reload()
    assert alice.get_by_text("Your next payout is on").is_visible()


@pytest.mark.deep
def test_a_bank_disputes_and_olga_sends_it_the_evidence(
    three: Fair, open_page: Callable[..., Any], tmp_path: Path, settings: Any
) -> None:
    settings.SANDBOX_DISPUTE_AFTER_MINUTES = 2 * 24 * 60
    page = signed_in(open_page, "carol", three.checkout, **PHONE)
    paid(page, DISPUTED)
    page.wait_for_url("**/licenses")
    order = shared_out()
    issue_papers(now=timezone.now())
    ledger.operations.seal(now=timezone.now())
    desk = signed_in(open_page, "olga", "/desk/sandbox", **PHONE)
    fine(desk)
    desk.get_by_role("button", name="Forward 3 days").click()
    desk.get_by_text("The sandbox's clock was put forward.").wait_for()
    collect_events(now=timezone.now())
    dispute = Dispute.objects.get()

    desk.get_by_role("link", name="Disputes").click()
    desk.get_by_role("link", name=dispute.reference).wait_for()
    fine(desk)
    desk.get_by_role("link", name=dispute.reference).click()
    fine(desk)
    desk.get_by_role("button", name="Make it").click()
    desk.get_by_text("The evidence is made.").wait_for()
    fine(desk)
    with desk.expect_download() as waiting:
        desk.get_by_role("link", name="Evidence 1").click()
    waiting.value.save_as(tmp_path / "evidence.zip")
    with zipfile.ZipFile(tmp_path / "evidence.zip") as bundle:
        names = {Path(name).name for name in bundle.namelist()}
    assert {"certificate.jws", "cover.pdf", "facts.json", "SHA256SUMS"} <= names, sorted(names)
    desk.get_by_role("button", name="Send the evidence to the bank").click()
    desk.get_by_text("The bank has the evidence.").first.wait_for()
    assert EvidenceSubmission.objects.get().outcome.outcome == "accepted"
    fine(desk)

    page.goto(f"/orders/{order.pk}")
    assert page.get_by_text("Being decided").is_visible()
    fine(page)
    alice = signed_in(open_page, "alice", "/portal/payouts", **PHONE)
    assert alice.get_by_text("is held while buyers’ banks dispute sales.").is_visible()
    fine(alice)
    desk.goto(f"/desk/orders/{order.pk}")
    assert desk.get_by_text("The parts add up to what was paid.").is_visible()
    fine(desk)


def _orders(page: Any, three: Fair) -> Order:
    """Carol orders with cards that pay, wait and ask, and keeps one; gives the order that is paid."""
    for card, leads in ((CARD, "**/licenses"), (LATE, "**/pay**"), (ASKS, "**/sandbox/bank/**")):
        page.goto(three.checkout)
        page.locator("[name=card]").fill(card)
        page.locator(".summary-box button.primary").click()
        page.wait_for_url(leads)
    shared_out()
    issue_papers(now=timezone.now())
    return Order.objects.get(outcome__isnull=False)


@pytest.mark.deep
@pytest.mark.parametrize("screen", SCREENS, ids=["dark, 390 px", "Chinese"])
def test_axe_finds_nothing_on_any_page_of_payments(
    three: Fair, open_page: Callable[..., Any], screen: dict[str, Any]
) -> None:
    page = signed_in(open_page, "carol", "/payment-methods", **screen)
    order = _orders(page, three)
    waiting = [f"/orders/{one.pk}/pay" for one in Order.objects.filter(outcome=None)]
    bank = f"/sandbox/bank/{SandboxCharge.objects.get(state='action').reference}"
    line = order.lines.first()
    assert line is not None
    grant = Grant.objects.first()
    assert grant is not None
    carol, why = three.market.cast.carol, "a file is broken"
    asked = asking_back.ask(line=line, by=carol, amount_minor=None, reason=why, now=timezone.now())
    pages = {
        "carol": [
            "/orders",
            f"/orders/{order.pk}",
            *waiting,
            bank,
            "/payment-methods",
            "/billing-details",
            "/refunds",
            f"/refunds/ask/{line.pk}",
            f"/licenses/{grant.pk}",
        ],
        "alice": ["/portal/payouts", "/portal/earnings", "/portal/statements"],
        "olga": [
            "/desk/books",
            "/desk/orders",
            f"/desk/orders/{order.pk}",
            "/desk/disputes",
            "/desk/refunds",
            f"/desk/refunds/{line.pk}",
            "/desk/refunds/asked",
            f"/desk/refunds/asked/{asked.pk}",
            "/desk/payouts?all",
            "/desk/payouts/alice",
            "/desk/reconciliation",
            "/desk/sandbox",
        ],
    }
    faults: dict[str, list[str]] = {}
    for name, addresses in pages.items():
        page = page if name == "carol" else signed_in(open_page, name, addresses[0], **screen)
        for address in addresses:
            page.goto(address)
            found = violations(page) + ["scrolls sideways"] * sideways(page)
            if found:
                faults[address] = found
    assert faults == {}
