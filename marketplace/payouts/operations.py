"""Every write about money, by name; each verb stands in its module beside its errors."""

from marketplace.payouts.bookkeeping.books import UnableToPost
from marketplace.payouts.bookkeeping.closing import UnableToClose, close_month, close_months
from marketplace.payouts.bookkeeping.disputes import (
    UnableToCloseDispute,
    UnableToDispute,
    close_dispute,
    open_dispute,
)
from marketplace.payouts.bookkeeping.freezes import UnableToFreeze, freeze, thaw
from marketplace.payouts.bookkeeping.outcomes import BooksDisagree, UnableToRecord, record_paid, record_returned
from marketplace.payouts.bookkeeping.policies import (
    UnableToHoldPayouts,
    UnableToSetPolicy,
    UnableToWish,
    hold_payouts,
    release_payouts,
    set_policy,
    wish,
)
from marketplace.payouts.bookkeeping.releasing import release_holds, release_reserves
from marketplace.payouts.bookkeeping.royalties import allocate_royalties
from marketplace.payouts.bookkeeping.sales import UnableToRecordSale, record_sale
from marketplace.payouts.bookkeeping.settlement import Settled, UnableToSettle, settle
from marketplace.payouts.bookkeeping.splits import Source, ensure_division, ensure_split
from marketplace.payouts.proving import prove_books

__all__ = [
    "BooksDisagree",
    "Settled",
    "Source",
    "UnableToClose",
    "UnableToCloseDispute",
    "UnableToDispute",
    "UnableToFreeze",
    "UnableToHoldPayouts",
    "UnableToPost",
    "UnableToRecord",
    "UnableToRecordSale",
    "UnableToSetPolicy",
    "UnableToSettle",
    "UnableToWish",
    "allocate_royalties",
    "close_dispute",
    "close_month",
    "close_months",
    "ensure_division",
    "ensure_split",
    "freeze",
    "hold_payouts",
    "open_dispute",
    "prove_books",
    "record_paid",
    "record_returned",
    "record_sale",
    "release_holds",
    "release_payouts",
    "release_reserves",
    "set_policy",
    "settle",
    "thaw",
    "wish",
]
