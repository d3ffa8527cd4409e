"""What a refusal of Stripe's means for whoever pays."""

import logging
from datetime import datetime

from marketplace.checkout.gateways.base import DECLINED, Asked, Charge
from marketplace.checkout.gateways.stripe import words
from marketplace.checkout.gateways.stripe.customers import follow
from marketplace.provider.client import ProviderRefused

log = logging.getLogger(__name__)


def declined(refused: ProviderRefused, payment: Asked, customer: str, *, now: datetime) -> Charge:
    """This will read a refusal as a payment that was declined, for a reason that its buyer can do something about.

    Where the customer was deleted in Stripe's dashboard, this try is over, and the next one finds another customer.
    Raises GatewayUnavailable.
    """
    if (refused.provider_code, refused.param) == ("resource_missing", "customer"):
        log.error("the customer %s of studio %s is gone at Stripe", customer, payment.studio_id)
        follow(studio_id=payment.studio_id, former=customer, email=payment.buyer_email, now=now)
        return Charge("", DECLINED, reason=words.LATER)
    reason = words.sentence(refused.decline_code, refused.provider_code)
    if reason == words.DECLINED and refused.param == "payment_method":
        reason = words.GONE
    elif reason == words.DECLINED and refused.kind != "card_error":
        reason = words.LATER  # no card said no: the outbox tells operators what is wrong with our request
    return Charge(refused.charge_id or refused.object_id, DECLINED, reason=reason)
