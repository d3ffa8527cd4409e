"""What Stripe says of a payment that failed, in our words. Each sentence is an English one that pages translate.

Nobody is told that a bank took a card for lost, stolen or fraudulent: those are declined like any other, as Stripe's
own documentation asks for.
"""

from collections.abc import Mapping

from marketplace.ui.words import gettext_noop

DECLINED = gettext_noop("The card was declined: use another card.")
EXPIRED_PAGE = gettext_noop("The payment page was not used in time: nothing was paid.")
CALLED_OFF = gettext_noop("The payment was called off: nothing was paid.")
NOT_CONFIRMED = gettext_noop("The payment was not confirmed with the bank: try again, or use another card.")
NO_FUNDS = gettext_noop("The card was declined for lack of funds: use another card.")
_DETAILS = gettext_noop("The card's details are not right: check them, or use another card.")
_OVER = gettext_noop("The card's last month is over: use another card.")
_LIMIT = gettext_noop("The card's limit is reached: use another card.")
_SUPPORT = gettext_noop("This card cannot pay this: use another card.")
LATER = gettext_noop("The bank could not be asked: try again later.")
SMALL = gettext_noop("The amount is too small to be paid by card.")
_LARGE = gettext_noop("The amount is too large to be paid by card.")
GONE = gettext_noop("This card is not kept any more: use another card.")

SENTENCES: Mapping[str, str] = {
    "insufficient_funds": NO_FUNDS,
    "authentication_required": NOT_CONFIRMED,
    "authentication_not_handled": NOT_CONFIRMED,
    "payment_intent_authentication_failure": NOT_CONFIRMED,
    "incorrect_cvc": _DETAILS,
    "invalid_cvc": _DETAILS,
    "incorrect_number": _DETAILS,
    "invalid_number": _DETAILS,
    "incorrect_address": _DETAILS,
    "incorrect_zip": _DETAILS,
    "incorrect_pin": _DETAILS,
    "invalid_account": _DETAILS,
    "invalid_expiry_month": _OVER,
    "invalid_expiry_year": _OVER,
    "expired_card": _OVER,
    "card_velocity_exceeded": _LIMIT,
    "withdrawal_count_limit_exceeded": _LIMIT,
    "invalid_amount": _LIMIT,
    "card_not_supported": _SUPPORT,
    "currency_not_supported": _SUPPORT,
    "testmode_decline": _SUPPORT,
    "live_mode_test_card": _SUPPORT,
    "issuer_not_available": LATER,
    "processing_error": LATER,
    "reenter_transaction": LATER,
    "try_again_later": LATER,
    "amount_too_small": SMALL,
    "amount_too_large": _LARGE,
    "payment_method_unactivated": _SUPPORT,
    "payment_method_customer_decline": NOT_CONFIRMED,
    "resource_missing": GONE,
    "payment_method_unexpected_state": GONE,
}
"""Stripe's decline code, or its error's code where there is none → our sentence; all others read DECLINED."""

NOT_RETURNED: Mapping[str, str] = {
    "charge_already_refunded": gettext_noop("The charge was given back already."),
    "charge_disputed": gettext_noop("The charge is disputed, and the bank decides about the money."),
    "amount_too_large": gettext_noop("The charge does not have so much left."),
    "charge_not_refundable": gettext_noop("The charge cannot be given back."),
    "charge_expired_for_capture": gettext_noop("The charge cannot be given back."),
    "refund_disputed_payment": gettext_noop("The charge is disputed, and the bank decides about the money."),
    "insufficient_funds": gettext_noop("The balance at the payment provider is too low to give the money back."),
    "balance_insufficient": gettext_noop("The balance at the payment provider is too low to give the money back."),
    "expired_or_canceled_card": gettext_noop("The buyer's card takes nothing back any more."),
    "lost_or_stolen_card": gettext_noop("The buyer's card takes nothing back any more."),
    "declined": gettext_noop("The buyer's bank did not take the money back."),
    "merchant_request": gettext_noop("The refund was called off."),
}
"""Why money could not be given back, or came back: Stripe's error code or failure reason → our sentence."""

_NOT_TAKEN = gettext_noop("The payment provider did not give the money back.")


def sentence(*codes: str) -> str:
    """This will say why a payment was declined; the first code that is known counts, such as the decline code."""
    return next((SENTENCES[code] for code in codes if code in SENTENCES), DECLINED)


def not_returned(*codes: str) -> str:
    """This will say why money was not given back; the first code that is known counts."""
    return next((NOT_RETURNED[code] for code in codes if code in NOT_RETURNED), _NOT_TAKEN)
