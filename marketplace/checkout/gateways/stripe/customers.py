"""Studios as Stripe's customers, and the cards that hang on them."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from marketplace.checkout import methods
from marketplace.checkout.gateways.stripe.reaching import look_all, reaching
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.stripe_models import GatewayCustomer
from marketplace.people.models import Studio
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderRefused

NAME = "stripe"


def customer_of(*, studio_id: UUID, email: str, now: datetime) -> str:
    """This will give the customer that a studio is, made on first use. Raises GatewayUnavailable."""
    there = _newest(studio_id)
    return there.reference if there else _made(studio_id, email, 1, now)


def follow(*, studio_id: UUID, former: str, email: str, now: datetime) -> str:
    """This will give the customer that a studio is after a former one was deleted at Stripe, made on first use."""
    there = _newest(studio_id)
    if there is not None and there.reference != former:
        return there.reference
    return _made(studio_id, email, there.number + 1 if there else 1, now)


def formers(studio_id: UUID, newest: str) -> list[str]:
    """This will list what a studio was before, the newest first."""
    rows = GatewayCustomer.objects.filter(studio=studio_id, gateway=NAME).exclude(reference=newest)
    return list(rows.order_by("-number").values_list("reference", flat=True))


def _newest(studio_id: UUID) -> GatewayCustomer | None:
    rows = GatewayCustomer.objects.filter(studio=studio_id, gateway=NAME).select_related("studio")
    return rows.order_by("-number").first()


def _made(studio_id: UUID, email: str, number: int, now: datetime) -> str:
    """Makes a customer. The key has name and address in it, as a digest: where both change before the first answer,
    two are made, and one of them is never used."""
    studio = Studio.objects.get(pk=studio_id)
    params: dict[str, Any] = {"name": studio.name[:250], "metadata": {"worldloom_studio": str(studio_id)}}
    if email:
        params["email"] = email
    said = hashlib.sha256(f"{studio.name}\n{email}".encode()).hexdigest()[:16]
    with reaching():
        made = perform(
            key=f"customer:{studio_id}:{number}:{said}",
            operation="customers.create",
            params=params,
            subject=f"studio:{studio_id}",
            now=now,
        )
    try:
        with transaction.atomic():
            GatewayCustomer.objects.create(studio=studio, gateway=NAME, number=number, reference=made["id"], at=now)
    except IntegrityError:
        return GatewayCustomer.objects.get(studio=studio, gateway=NAME, number=number).reference
    return str(made["id"])


def studio_of(customer: str) -> Studio | None:
    """This will find the studio that is a customer; None for customers that are not ours."""
    row = GatewayCustomer.objects.filter(gateway=NAME, reference=customer).select_related("studio").first()
    return row.studio if row else None


def keep_card(card: Mapping[str, Any], *, studio: Studio, now: datetime) -> None:
    """This will keep what tells a studio's card, or other way to pay, from its others; twice changes nothing."""
    details = card.get(card["type"]) or {}
    methods.keep(
        studio=studio,
        gateway=NAME,
        token=str(card["id"]),
        brand=str(details.get("brand") or ""),
        last4=str(details.get("last4") or ""),
        exp_month=int(details.get("exp_month") or 0),
        exp_year=int(details.get("exp_year") or 0),
        now=now,
    )


def is_kept(token: str) -> bool:
    """This will tell whether a card was kept before, also one that was removed since."""
    return PaymentMethod.objects.filter(gateway=NAME, token=token).exists()


def look_for_cards(*, studio_id: UUID, now: datetime) -> int:
    """This will keep the cards that a studio gave at Stripe's page; tells how many are new.

    A card that was removed here is not kept again, though Stripe has not forgotten it yet. Raises GatewayUnavailable.
    """
    there = _newest(studio_id)
    if there is None:
        return 0
    listed = look_all(lambda client: client.v1.payment_methods.list({"customer": there.reference, "limit": 100}))
    new = [card for card in listed if not is_kept(card["id"])]
    for card in new:
        keep_card(card, studio=there.studio, now=now)
    return len(new)


def forget(token: str, *, now: datetime) -> None:
    """This will see that a card is not charged any more; one that is gone stays so. Raises GatewayUnavailable."""
    try:
        with reaching():
            perform(
                key=f"forget:{token}",
                operation=f"payment_methods.detach:{token}",
                params={},
                subject=f"method:{token}",
                now=now,
                find=lambda client: _detached(client.v1.payment_methods.retrieve(token)),
            )
    except ProviderRefused:
        return


def _detached(card: Any) -> Any:
    return card if card.customer is None else None
