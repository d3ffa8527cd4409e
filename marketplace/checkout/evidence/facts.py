"""What is known about a disputed payment, gathered into one document (docs/formats/dispute-evidence.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import translation

from marketplace.checkout.disputes import Dispute
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.placing import said
from marketplace.checkout.refunds import RefundIntent
from marketplace.compositions.models import LockedPack
from marketplace.compositions.uses import UsageEvent
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Download, Grant, GrantStatus
from marketplace.licensing.words import TERMS
from marketplace.ui.formats import choose_title, say, sentence

FORMAT = "worldloom/dispute-evidence/1"
KEY_PREFIX = "key "


@dataclass(frozen=True, slots=True)
class Covered:
    """A license that stands behind a disputed line."""

    line: OrderLine
    grant: Grant


def licenses_of(dispute: Dispute) -> list[Covered]:
    """This will list the licenses behind the lines that a dispute takes from, as the lines stand in the order."""
    lines = [part.line for part in _parts(dispute)]
    sources = {line.source for line in lines}
    rows = Grant.objects.filter(source__in=sources).select_related("release__pack__creator", "terms", "studio", "offer")
    granted = {grant.source: grant for grant in rows}
    found, seen = [], set()
    for line in lines:
        grant = line.replaces if line.kind == OrderLine.USAGE else granted.get(line.source)
        if grant is not None and grant.pk not in seen:
            seen.add(grant.pk)
            found.append(Covered(line, grant))
    return found


def _parts(dispute: Dispute) -> list[Any]:
    related = (
        *("line__offer__terms", "line__offer__release__pack__creator"),
        *("line__replaces__release__pack__creator", "line__replaces__terms", "line__replaces__studio"),
    )
    return sorted(dispute.parts.select_related(*related), key=lambda part: part.line.position)


def gather(dispute: Dispute) -> dict[str, Any]:
    """This will say everything that a bank is told of a dispute, in English; the same facts give the same document."""
    order = Order.objects.select_related("studio", "buyer").get(pk=dispute.order_id)
    with translation.override("en"):
        return {
            "format": FORMAT,
            "site": settings.SITE_URL,
            "dispute": {
                "reference": dispute.reference,
                "gateway": dispute.gateway,
                "charge": dispute.charge_reference,
                "reason": dispute.reason,
                "amount_minor": dispute.amount_minor,
                "currency": dispute.currency,
                "opened_at": moment(dispute.opened_at),
            },
            "order": _order(order),
            "buyer": {
                "name": order.buyer.display_name,
                "email": order.buyer.email,
                "account_since": moment(order.buyer.joined_at),
            },
            "studio": {
                "name": order.studio.legal_name or order.studio.name,
                "country": order.studio.country,
                "registration": order.studio.registration,
                "other_orders_paid": _others(order),
            },
            "lines": [_line(part) for part in _parts(dispute)],
            "licenses": [_license(one.grant) for one in licenses_of(dispute)],
            "refunds": list(_refunds(order)),
        }


def _order(order: Order) -> dict[str, Any]:
    paid = PaymentOutcome.objects.filter(order=order).first()
    card = PaymentMethod.objects.filter(studio=order.studio, token=order.method).order_by("-number").first()
    return {
        "id": str(order.pk),
        "placed_at": moment(order.placed_at),
        "paid_at": moment(paid.at) if paid else "",
        "total_minor": order.total_minor,
        "currency": order.currency,
        "card": {"brand": card.brand, "last4": card.last4} if card and card.last4 else None,
    }


def _others(order: Order) -> int:
    """Counts what the same studio paid for and nobody disputed: who buys often is no stranger to what is sold."""
    rows = Order.objects.filter(studio=order.studio, outcome__outcome=PaymentOutcome.SUCCEEDED, disputes=None)
    return rows.exclude(pk=order.pk).count()


def _line(part: Any) -> dict[str, Any]:
    line: OrderLine = part.line
    release = line.offer.release
    return {
        "id": str(line.pk),
        "kind": line.kind,
        "title": choose_title(release.title, language="en")[0],
        "pack": str(release.pack),
        "version": release.version,
        "release": release.digest,
        "terms": {"name": str(say(TERMS, line.offer.terms.name)), "sha256": line.offer.terms_id},
        "seats": line.seats,
        "price_minor": line.price_minor,
        "disputed_minor": part.amount_minor,
        "price_in_words": [sentence(words) for words in said(line)],
        "starts_at": moment(line.starts_at),
        "ends_at": moment(line.ends_at),
    }


def _license(grant: Grant) -> dict[str, Any]:
    downloads = Download.objects.filter(grant=grant)
    first, last = downloads.order_by("id").first(), downloads.order_by("-id").first()
    return {
        "id": str(grant.pk),
        "licensee": grant.licensee_name,
        "pack": str(grant.release.pack),
        "version": grant.release.version,
        "release": grant.release.digest,
        "terms": grant.terms_id,
        "granted_at": moment(grant.granted_at),
        "starts_at": moment(grant.starts_at),
        "ends_at": moment(grant.ends_at),
        "certificate": grant.certificate_sha256 if grant.certificate else "",
        "statuses": [
            {"status": row.status, "reason": row.reason, "since": moment(row.since)}
            for row in GrantStatus.objects.filter(grant=grant).order_by("id")
        ],
        "downloads": {
            "count": downloads.count(),
            "by_program": downloads.filter(by__startswith=KEY_PREFIX).count(),
            "first_at": moment(first.downloaded_at) if first else "",
            "last_at": moment(last.downloaded_at) if last else "",
        },
        "reported_uses": UsageReport.objects.filter(grant=grant).count(),
        "uses_of_recipes": uses_of(grant).count(),
    }


def uses_of(grant: Grant) -> QuerySet[UsageEvent]:
    """This will list what the licensee's programs said that they made with recipes that use the license."""
    locks = LockedPack.objects.filter(grant=grant).values("lock")
    return UsageEvent.objects.filter(studio=grant.studio_id, lock__in=locks).order_by("id")


def downloads_of(grant: Grant) -> Iterator[tuple[datetime, str]]:
    """This will give each download of a license, oldest first: when, and by which person or key."""
    rows = Download.objects.filter(grant=grant).order_by("id")
    yield from rows.values_list("downloaded_at", "by").iterator(chunk_size=2_000)


def _refunds(order: Order) -> Iterator[dict[str, Any]]:
    rows = RefundIntent.objects.filter(line__order=order).select_related("outcome").order_by("intended_at", "id")
    for row in rows:
        outcome = getattr(row, "outcome", None)
        yield {
            "line": str(row.line_id),
            "amount_minor": row.amount_minor,
            "asked_at": moment(row.intended_at),
            "state": outcome.outcome if outcome else "open",
        }


def moment(value: datetime | None) -> str:
    """This will write a moment in UTC to the second, as 2026-11-22T14:00:00Z; nothing for none."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if value else ""
