"""Every write about money, by name; each verb stands in its module beside its errors."""

from marketplace.payouts.bookkeeping.books import UnableToPost
from marketplace.payouts.bookkeeping.checkpoints import settled_through, take_checkpoints
from marketplace.payouts.bookkeeping.closing import UnableToClose, close_month, close_months
from marketplace.payouts.bookkeeping.debts import UnableToWriteOff, write_off
from marketplace.payouts.bookkeeping.deferring import UnableToPayAhead, pay_ahead, recognize_periods
from marketplace.payouts.bookkeeping.disputes import UnableToCloseDispute, UnableToDispute
from marketplace.payouts.bookkeeping.freezes import UnableToFreeze, freeze, thaw
from marketplace.payouts.bookkeeping.outcomes import BooksDisagree, UnableToRecord, record_paid, record_returned
from marketplace.payouts.bookkeeping.paid import (
    close_dispute,
    dispute_state,
    fail_refund,
    open_dispute,
    record_dispute_fee,
    refund,
)
from marketplace.payouts.bookkeeping.policies import (
    UnableToHoldPayouts,
    UnableToSetPolicy,
    UnableToWish,
    hold_payouts,
    release_payouts,
    set_policy,
    wish,
)
from marketplace.payouts.bookkeeping.prepaying import give_credit, publish_claims, record_claimed
from marketplace.payouts.bookkeeping.providing import (
    UnableToExchange,
    UnableToRecordSettlement,
    exchange,
    record_bank_transfer,
    record_settled,
    record_transfer_reversed,
)
from marketplace.payouts.bookkeeping.refunds import UnableToRefund
from marketplace.payouts.bookkeeping.releasing import release_holds, release_reserves
from marketplace.payouts.bookkeeping.risking import UnableToSetRiskLevel, assess_risk, set_risk_level
from marketplace.payouts.bookkeeping.royalties import allocate_royalties
from marketplace.payouts.bookkeeping.sales import Sold, UnableToRecordSale, record_sale, record_sales
from marketplace.payouts.bookkeeping.settlement import Settled, UnableToSettle, settle
from marketplace.payouts.bookkeeping.settling import Collected, record_settlements
from marketplace.payouts.bookkeeping.splits import Source, ensure_division, ensure_split
from marketplace.payouts.bookkeeping.suspense import (
    CLEARED_TO,
    Moved,
    clear_suspense,
    record_collected,
    record_moves,
    record_provider_fee,
    suspend,
)
from marketplace.payouts.bookkeeping.takedowns import UnableToTakeDown, award_takedown, lift_takedown, take_down
from marketplace.payouts.bookkeeping.tax_details import UnableToKeepTaxDetails, tell_tax_details
from marketplace.payouts.checks.asking import UnableToDecideCheck, decide_check
from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.ways import UnableToChooseWay, choose_way
from marketplace.payouts.proving import prove_books

__all__ = [
    "CLEARED_TO",
    "BooksDisagree",
    "Collected",
    "Moved",
    "Settled",
    "Sold",
    "Source",
    "UnableToChooseWay",
    "UnableToClose",
    "UnableToCloseDispute",
    "UnableToDecideCheck",
    "UnableToDispute",
    "UnableToExchange",
    "UnableToFreeze",
    "UnableToHoldPayouts",
    "UnableToKeepTaxDetails",
    "UnableToPayAhead",
    "UnableToPost",
    "UnableToRecord",
    "UnableToRecordSale",
    "UnableToRecordSettlement",
    "UnableToRefund",
    "UnableToSetPolicy",
    "UnableToSetRiskLevel",
    "UnableToSettle",
    "UnableToTakeDown",
    "UnableToWish",
    "UnableToWriteOff",
    "allocate_royalties",
    "assess_risk",
    "award_takedown",
    "choose_way",
    "clear_suspense",
    "close_dispute",
    "close_month",
    "close_months",
    "decide_check",
    "dispute_state",
    "ensure_division",
    "ensure_split",
    "exchange",
    "fail_refund",
    "freeze",
    "give_credit",
    "hear_claims",
    "hold_payouts",
    "lift_takedown",
    "open_dispute",
    "pay_ahead",
    "prove_books",
    "publish_claims",
    "recognize_periods",
    "record_bank_transfer",
    "record_claimed",
    "record_collected",
    "record_dispute_fee",
    "record_moves",
    "record_paid",
    "record_provider_fee",
    "record_returned",
    "record_sale",
    "record_sales",
    "record_settled",
    "record_settlements",
    "record_transfer_reversed",
    "refund",
    "release_holds",
    "release_payouts",
    "release_reserves",
    "set_policy",
    "set_risk_level",
    "settle",
    "settled_through",
    "suspend",
    "take_checkpoints",
    "take_down",
    "tell_tax_details",
    "thaw",
    "wish",
    "write_off",
]
