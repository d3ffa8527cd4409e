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
from marketplace.payouts.bookkeeping.releasing import release_holds
from marketplace.payouts.bookkeeping.royalties import allocate_royalties
from marketplace.payouts.bookkeeping.sales import UnableToRecordSale, record_sale
from marketplace.payouts.bookkeeping.settlement import BooksDisagree, UnableToSettle, settle
from marketplace.payouts.bookkeeping.splits import Source, ensure_division, ensure_split
from marketplace.payouts.proving import prove_books

__all__ = [
    "BooksDisagree",
    "Source",
    "UnableToClose",
    "UnableToCloseDispute",
    "UnableToDispute",
    "UnableToFreeze",
    "UnableToPost",
    "UnableToRecordSale",
    "UnableToSettle",
    "allocate_royalties",
    "close_dispute",
    "close_month",
    "close_months",
    "ensure_division",
    "ensure_split",
    "freeze",
    "open_dispute",
    "prove_books",
    "record_sale",
    "release_holds",
    "settle",
    "thaw",
]
