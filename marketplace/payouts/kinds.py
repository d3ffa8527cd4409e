"""The chart of accounts, and what can happen in the books."""

from django.db import models


class AccountKind(models.TextChoices):
    """The chart of accounts: creators' balances are kept, others summed, or sales would queue for them."""

    # What there is.
    PSP_CLEARING = "psp_clearing", "collected by the payment provider"
    PSP_BALANCE = "psp_balance", "balance with the payment provider"
    BANK = "bank", "bank"
    CHAIN_ESCROW = "chain_escrow", "set aside on a chain"
    DISPUTE_SUSPENSE = "dispute_suspense", "withdrawn by buyers' banks, undecided"
    SUSPENSE = "suspense", "not understood yet"
    CREATOR_RECEIVABLE = "creator_receivable", "owed back, taken from later earnings first"
    # What is owed to others.
    TAX_PAYABLE = "tax_payable", "tax to be passed on"
    ROYALTY_UNALLOCATED = "royalty_unallocated", "sold, not yet allocated to creators"
    CREATOR_PENDING = "creator_pending", "earned, in its hold period"
    CREATOR_RESERVE = "creator_reserve", "kept back as security for a time"
    CREATOR_AVAILABLE = "creator_available", "ready to be paid out"
    CREATOR_DISPUTE_HOLD = "creator_dispute_hold", "held while a dispute is open"
    CREATOR_CLAIM_HOLD = "creator_claim_hold", "held while a claim is open"
    TAKEN_DOWN = "taken_down", "taken back after a claim, owed to buyers or to who is right"
    PAYOUT_IN_FLIGHT = "payout_in_flight", "on its way to creators"
    BUYER_CREDIT = "buyer_credit", "credit of buyers"
    DEFERRED_SUBSCRIPTION = "deferred_subscription", "paid for periods to come"
    CHAIN_CLAIMS = "chain_claims", "published on a chain, not yet claimed"
    # What is earned, and what it costs.
    PLATFORM_FEE = "platform_fee", "platform fee"
    FX_GAIN = "fx_gain", "gained by exchange"
    PSP_FEE = "psp_fee", "fees of the payment provider"
    DISPUTE_FEE = "dispute_fee", "fees for disputes"
    DISPUTE_LOSS = "dispute_loss", "lost to disputes and not recovered"
    BAD_DEBT = "bad_debt", "owed back and given up"
    ROUNDING = "rounding", "rounding"
    FX_LOSS = "fx_loss", "lost by exchange"
    # What was exchanged: one account a currency, which together are worth nothing or the gain.
    FX_POSITION = "fx_position", "exchanged into other currencies"


KEPT_KINDS = (
    AccountKind.CREATOR_PENDING,
    AccountKind.CREATOR_RESERVE,
    AccountKind.CREATOR_AVAILABLE,
    AccountKind.CREATOR_DISPUTE_HOLD,
    AccountKind.CREATOR_CLAIM_HOLD,
    AccountKind.CREATOR_RECEIVABLE,
)
"""Creators' accounts, whose balances are kept; all others are the house's and summed."""

DEBIT_KINDS = (
    AccountKind.PSP_CLEARING,
    AccountKind.PSP_BALANCE,
    AccountKind.BANK,
    AccountKind.CHAIN_ESCROW,
    AccountKind.DISPUTE_SUSPENSE,
    AccountKind.SUSPENSE,
    AccountKind.CREATOR_RECEIVABLE,
    AccountKind.PSP_FEE,
    AccountKind.DISPUTE_FEE,
    AccountKind.DISPUTE_LOSS,
    AccountKind.BAD_DEBT,
    AccountKind.ROUNDING,
    AccountKind.FX_LOSS,
)
"""Kinds whose normal side is debit: what there is, and what it costs."""


class TransactionKind(models.TextChoices):
    """What can happen in the books."""

    SALE = "sale", "sale"
    SUBSCRIPTION_PAID = "subscription_paid", "paid for periods to come"
    AHEAD_REFUND = "ahead_refund", "refunded of periods to come"
    AHEAD_REFUND_FAILED = "ahead_refund_failed", "refund of periods to come failed"
    AHEAD_DISPUTE_OPENED = "ahead_dispute_opened", "dispute of periods to come opened"
    AHEAD_DISPUTE_WON = "ahead_dispute_won", "dispute of periods to come won"
    AHEAD_DISPUTE_LOST = "ahead_dispute_lost", "dispute of periods to come lost"
    PSP_SETTLED = "psp_settled", "settled by the payment provider"
    BANK_TRANSFER = "bank_transfer", "moved between provider and bank"
    ROYALTY_RUN = "royalty_run", "royalties allocated"
    HOLD_RELEASE = "hold_release", "hold period over"
    RESERVE_RELEASE = "reserve_release", "reserve released"
    REFUND = "refund", "refunded"
    REFUND_FAILED = "refund_failed", "refund failed"
    DISPUTE_OPENED = "dispute_opened", "dispute opened"
    DISPUTE_WON = "dispute_won", "dispute won"
    DISPUTE_LOST = "dispute_lost", "dispute lost"
    DISPUTE_FEE = "dispute_fee", "fee for a dispute"
    TAKEDOWN = "takedown", "taken back after a claim"
    TAKEDOWN_LIFTED = "takedown_lifted", "takedown lifted"
    CLAIM_HELD = "claim_held", "held for a claim"
    CLAIM_RELEASED = "claim_released", "given back after a claim"
    PAYOUT_RESERVE = "payout_reserve", "payout reserved"
    PAYOUT_SENT = "payout_sent", "payout sent"
    PAYOUT_FAILED = "payout_failed", "payout failed"
    PAYOUT_RETURNED = "payout_returned", "payout returned"
    TRANSFER_REVERSED = "transfer_reversed", "transfer taken back"
    WRITE_OFF = "write_off", "debt given up"
    EXCHANGE = "exchange", "exchanged"
    CREDIT_GIVEN = "credit_given", "credit given to a buyer"
    CHAIN_CLAIM_PUBLISHED = "chain_claim_published", "published for claims on a chain"
    CHAIN_CLAIMED = "chain_claimed", "claimed on a chain"
    CHAIN_SALE = "chain_sale", "sold and paid on a chain"
    CHAIN_PAID = "chain_paid", "paid to a split on a chain"
    COLLECTED = "collected", "in our balance with the payment provider"
    PROVIDER_FEE = "provider_fee", "fee of the payment provider"
    SUSPENDED = "suspended", "moved by the provider, not understood yet"
    SUSPENSE_CLEARED = "suspense_cleared", "understood"
