"""The adapter: what checkout asks of a gateway, answered by Stripe."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.checkout.gateways.base import HOSTED, Asked, Charge, Event, Returned, Submitted, UnableToUseMethod
from marketplace.checkout.gateways.stripe import customers, evidence, paying, returning
from marketplace.checkout.gateways.stripe.asking import setup_params
from marketplace.checkout.gateways.stripe.least import least_minor
from marketplace.checkout.gateways.stripe.reaching import ask
from marketplace.provider.client import ProviderRefused

_TOKEN = re.compile(r"pm_[A-Za-z0-9_]{3,70}")


class StripeGateway:
    """Money by Stripe. Cards are given at its pages, never here; what it tells us comes by webhook."""

    name = customers.NAME
    hosted = True

    def method(self, text: str) -> str:
        """This will take the token of a card that is kept, or nothing, which is Stripe's page.

        Whose card it is, Stripe checks when it is charged: a card of another customer is refused. Raises
        UnableToUseMethod, also for a card's number, which is written nowhere.
        """
        given = text.strip()
        if given in ("", HOSTED):
            return HOSTED
        if not _TOKEN.fullmatch(given):
            raise UnableToUseMethod(_("Cards are given at the payment page: leave the card out here."))
        return given

    def begin_method(self, *, studio: UUID, email: str, return_url: str, key: str, now: datetime) -> str:
        """This will return the address of the page where a studio gives a card to keep."""
        customer = customers.customer_of(studio_id=studio, email=email, now=now)
        said = {"worldloom_studio": str(studio)}
        params = setup_params(customer=customer, return_url=return_url, cancel_url=return_url, metadata=said)
        try:
            session = ask(
                key=key, operation="checkout.sessions.create", params=params, subject=f"studio:{studio}", now=now
            )
        except ProviderRefused as refused:
            raise UnableToUseMethod(_("The payment page could not be opened: try again later.")) from refused
        return str(session["url"])

    def find_methods(self, *, studio: UUID, now: datetime) -> int:
        """This will keep what a studio gave at Stripe's page, where its message is still on the way; tells how many."""
        return customers.look_for_cards(studio_id=studio, now=now)

    def forget_method(self, token: str, *, now: datetime) -> None:
        """This will see that a kept card is not charged any more."""
        customers.forget(token, now=now)

    def least_minor(self, currency: str) -> int:
        """This will give what Stripe's documents name as the least for a currency."""
        return least_minor(currency)

    def charge(self, *, payment: Asked, now: datetime) -> Charge:
        """This will take money once for each key, or say that the card was declined, or what it waits for."""
        return paying.charge(payment, invoiced=settings.STRIPE_INVOICES, now=now)

    def standing(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will tell what became of a charge under this reference."""
        return paying.standing(asked, reference, invoiced=settings.STRIPE_INVOICES, now=now)

    def cancel(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will call a charge off: DECLINED when it never takes money, else how it stands."""
        return paying.cancel(asked, reference, invoiced=settings.STRIPE_INVOICES, now=now)

    def refund(self, *, key: str, charge_reference: str, amount_minor: int, currency: str, now: datetime) -> Returned:
        """This will give money of a charge back once for each key, or say that it cannot be done."""
        return returning.refund(
            key=key, charge_reference=charge_reference, amount_minor=amount_minor, currency=currency, now=now
        )

    def refund_standing(self, *, key: str, reference: str, now: datetime) -> Returned:
        """This will tell what became of a refund that was PENDING."""
        return returning.refund_standing(reference=reference)

    def submit_evidence(
        self,
        *,
        key: str,
        dispute_reference: str,
        texts: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]],
        now: datetime,
    ) -> Submitted:
        """This will answer a dispute once for each key; what is submitted is final."""
        return evidence.submit(key=key, dispute_reference=dispute_reference, texts=texts, files=files, now=now)

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will list nothing: Stripe tells by webhook."""
        return []
