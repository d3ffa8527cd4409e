"""Turning orders and talks about prices into the shapes of `order_shapes.py`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.api import answers
from marketplace.api.answers import Shape, Site
from marketplace.checkout import methods, order_queries, order_states, past_due, paying, queries, subscription_states
from marketplace.checkout.asking import Quoted, QuotedLine
from marketplace.checkout.billing_details import MOST
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome, Subscription, SubscriptionEnd
from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers.queries import papers_of
from marketplace.checkout.placing import said
from marketplace.checkout.tax_models import BillingDetails
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import QuoteRequest, QuoteStep
from marketplace.licensing.models import Grant
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence


def order(row: Order, status: str, grants: Iterable[Grant], site: Site) -> Shape:
    """This will describe an order and what became of it."""
    lines = list(row.lines.all())
    return {
        "id": row.pk,
        "status": status,
        "payment": payment(row),
        "total_minor": row.total_minor,
        "tax_minor": sum(line.tax_minor for line in lines),
        "tax_included": any(line.tax_included for line in lines),
        "taxes": [asdict(one) for one in order_queries.taxes_of(row)],
        "currency": row.currency,
        "placed_at": row.placed_at,
        "lines": [_line(one) for one in lines],
        "grants": [answers.grant(found, site) for found in grants],
        "papers": [paper(one, site) for one in papers_of(row)],
        "url": site(reverse("api-order", args=[row.pk])),
    }


def whole(row: Order, site: Site) -> Shape:
    """This will describe an order as it stands, with the licenses that came of it."""
    return order(row, queries.status_of(row), licensing.grants_from(queries.sources_of(row)), site)


def listed(row: Order, state: str, papers: Iterable[Paper], site: Site) -> Shape:
    """This will describe an order in a list."""
    return {
        "id": row.pk,
        "state": state,
        "total_minor": row.total_minor,
        "currency": row.currency,
        "placed_at": row.placed_at,
        "papers": [paper(one, site) for one in papers],
        "url": site(reverse("api-order", args=[row.pk])),
    }


def paper(row: Paper, site: Site) -> Shape:
    """This will describe a paper of an order."""
    return {
        "kind": row.kind,
        "number": row.name,
        "gross_minor": row.gross_minor,
        "currency": row.currency,
        "issued_at": row.issued_at,
        "sha256": row.sha256,
        "url": site(reverse("api-order-paper", args=[row.order_id, row.name])),
    }


def billing(row: BillingDetails | None) -> Shape:
    """This will say whom a studio's papers are made out to."""
    return {name: getattr(row, name, "") for name in (*MOST, "country", "vat_id")}


def payment(row: Order) -> Shape:
    """This will describe how the payment of an order stands."""
    state, outcome = order_states.state_of(row), PaymentOutcome.objects.filter(order=row).first()
    attempt = paying.attempt_of(row) if outcome is None else None
    step = paying.step_of(attempt) if attempt is not None and state == order_states.ACTION else None
    reason = outcome.reason if outcome is not None else getattr(getattr(attempt, "declined", None), "reason", "")
    return {
        "state": state,
        "url": step.url if step is not None else None,
        "reason": _(reason) if reason else None,
        "tries": row.attempts.count(),
    }


def _line(row: OrderLine) -> Shape:
    return {
        "offer": row.offer_id,
        "kind": row.kind,
        "price_minor": row.price_minor,
        "list_minor": row.list_minor,
        "credit_minor": row.credit_minor,
        "tax_minor": row.tax_minor,
        "seats": row.seats,
        "project": row.project_id,
        "replaces": row.replaces_id,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "explained": [sentence(words) for words in said(row)],
    }


def quoted(found: Quoted) -> Shape:
    """This will say what an order would cost."""
    return {
        "total_minor": found.total_minor,
        "list_minor": found.list_minor,
        "tax_minor": found.tax_minor,
        "tax_included": found.tax_included,
        "taxes": [asdict(one) for one in found.taxes],
        "currency": found.currency,
        "needs_payment": found.needs_method,
        "lines": [_quoted_line(one) for one in found.lines],
    }


def _quoted_line(one: QuotedLine) -> Shape:
    ask = one.ask
    return {
        "offer": ask.offer.pk,
        "kind": ask.kind,
        "price_minor": one.price_minor,
        "list_minor": one.list_minor,
        "credit_minor": one.credit_minor,
        "tax_minor": sum(part.tax_minor for part in one.taxes),
        "seats": one.seats,
        "project": ask.project.pk if ask.project else None,
        "replaces": ask.replaces.pk if ask.replaces else None,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "explained": [sentence(words) for words in one.lines],
    }


def price_request(row: QuoteRequest, site: Site) -> Shape:
    """This will describe a talk about a price and whose turn it is."""
    steps = list(row.steps.order_by("number"))
    newest = steps[-1] if steps else None
    over = newest is not None and newest.kind != QuoteStep.PRICE
    other: dict[Any, str] = {QuoteStep.CREATOR: QuoteStep.STUDIO, QuoteStep.STUDIO: QuoteStep.CREATOR}
    state = {QuoteStep.ACCEPT: "accepted", QuoteStep.DECLINE: "declined"}
    return {
        "id": row.pk,
        "offer": row.offer_id,
        "pack": str(row.offer.release.pack),
        "currency": row.offer.currency,
        "seats": row.seats,
        "project": row.project_id,
        "message": row.message,
        "asked_at": row.asked_at,
        "state": state[newest.kind] if newest and over else "open",
        "turn": None if over else other[newest.side if newest else QuoteStep.STUDIO],
        "steps": [
            {
                "side": one.side,
                "kind": one.kind,
                "price_minor": one.price_minor,
                "seats": one.seats,
                "valid_until": one.valid_until,
                "message": one.message,
                "at": one.at,
            }
            for one in steps
        ],
        "url": site(reverse("api-quote-request", args=[row.pk])),
    }


def cards_of(studio: Studio) -> dict[str, UUID]:
    """This will name the cards that a studio keeps by what the gateway calls them."""
    return {one.token: one.pk for one in methods.saved(studio)}


def subscription(row: Subscription, cards: Mapping[str, UUID]) -> Shape:
    """This will describe a subscription as queries give it, with which of its studio's cards pays for it."""
    grant, end = row.grant, getattr(row, "end", None)  # type: ignore[attr-defined]
    cancelled, owes = row.cancelled, row.owes  # type: ignore[attr-defined]
    return {
        "id": row.pk,
        "pack": str(row.offer.release.pack),
        "offer": row.offer_id,
        "model": row.offer.model,
        "grant": grant.pk if grant else None,
        "seats": row.renews_with,  # type: ignore[attr-defined]
        "started_at": row.started_at,
        "paid_until": grant.ends_at if grant else None,
        "state": subscription_states.state_of(row, timezone.now()),
        "trial_until": row.anchor_at if row.anchor_at > row.started_at else None,
        "grace_until": row.grace.ends_at if row.grace else None,  # type: ignore[attr-defined]
        "payment_method": cards.get(past_due.token_for_renewal(row)),
        "pay_url": paying.page_of(owes) if owes else None,
        "end_cause": end.cause if end else SubscriptionEnd.CANCELLED if cancelled else None,
        "ended_at": end.ended_at if end else cancelled.at if cancelled else None,
    }
