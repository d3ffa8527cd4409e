"""Money that goes back to the buyer: refunds, some of which fail later, and disputes with their evidence."""

from typing import Any

import stripe

from tests.stripe.files import must_be_file
from tests.stripe.oracle import members
from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import DAY, Call, Refused, Row, World

DISPUTE_FEE = 1_500
FAILS_AFTER = 3 * DAY
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
FILES = {name for name, each in members(stripe.Dispute.Evidence).items() if "ForwardRef('File')" in str(each.kind)}
DECIDED = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "needs_response"}


@route("POST", "refunds", "RefundCreateParams", stripe.Refund, "charge payment_intent amount reason metadata")
def refund(world: World, call: Call) -> Row:
    """Gives money back, never more than is left of the charge; the balance may go below zero for it."""
    charge = _charge_of(world, call.params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    if charge["disputed"] and any(
        row["charge"] == charge["id"] and row["status"] in (*OPEN, "lost") and not row["status"].startswith("warning")
        for row in world.all("dispute")
    ):
        text = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(text, "charge_disputed", param="charge")
    if charge["status"] != "succeeded":
        raise Refused(f"Charge {charge['id']} is not refundable.", "charge_not_refundable", param="charge")
    if not left:
        raise Refused(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if not 0 < amount <= left:
        text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise Refused(text, "amount_too_large" if amount > left else "parameter_invalid_integer", param="amount")
    goes = world.hidden[charge["payment_method"]]["goes"]
    row = world.add(
        stripe.Refund, "re", amount=amount, charge=charge["id"], currency=charge["currency"],
        status="pending" if goes == "refund waits" else "succeeded",
        metadata=call.params.get("metadata", {}), payment_intent=charge["payment_intent"],
        reason=call.params.get("reason"),
    )  # fmt: skip
    line = world.post(call.account, "refund", -amount, row["currency"], row["id"], against="buyers")
    row["balance_transaction"] = line["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", row)
    world.emit("charge.refunded", charge)
    if goes == "refund fails":
        world.later(FAILS_AFTER, lambda: refund_failed(world, row["id"]))
    if goes == "refund waits":
        world.later(FAILS_AFTER, lambda: refund_arrived(world, row["id"]))
    return row


def refund_arrived(world: World, refund_id: str) -> None:
    """Plays a bank that has taken a refund which it was asked about for days."""
    row = world.find("refund", refund_id)
    if row["status"] != "pending":
        return
    row["status"] = "succeeded"
    world.emit("refund.updated", row)


def _charge_of(world: World, params: Row) -> Row:
    if "charge" in params:
        return world.find("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise Refused("One of the following params should be provided for this request: payment_intent or charge.")
    intent = world.find("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None or intent["status"] != "succeeded":
        text = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise Refused(text, param="payment_intent")
    return world.rows[intent["latest_charge"]]


def refund_failed(world: World, refund_id: str, reason: str = "expired_or_canceled_card") -> None:
    """Plays a bank that does not take a refund: the money comes back to the balance."""
    row = world.find("refund", refund_id)
    if row["status"] == "failed":
        return  # it came back before
    charge = world.rows[row["charge"]]
    line = world.post("acct_platform", "refund_failure", row["amount"], row["currency"], row["id"], against="buyers")
    row.update(status="failed", failure_reason=reason, failure_balance_transaction=line["id"])
    charge["amount_refunded"] -= row["amount"]
    charge["refunded"] = False
    world.emit("refund.updated", row)
    world.emit("refund.failed", row)


retrieved("refunds", "RefundRetrieveParams", stripe.Refund)
listed("refunds", "RefundListParams", stripe.Refund, "charge payment_intent")
updated("refunds", "RefundUpdateParams", stripe.Refund, "metadata", "refund.updated")


# -- disputes ---------------------------------------------------------------------------------------------------------


def disputed(world: World, charge_id: str, *, status: str = "needs_response", amount: int | None = None) -> Row:
    """Plays a buyer who goes to the bank. An inquiry (`warning_needs_response`) takes no money yet."""
    charge = world.rows[charge_id]
    blank: Row = {name: None for name, member in members(stripe.Dispute.Evidence).items() if member.optional}
    due = {"due_by": world.now + 14 * DAY, "enhanced_eligibility": {}, "has_evidence": False, "past_due": False}
    row = world.add(
        stripe.Dispute, "du", amount=charge["amount"] if amount is None else amount, balance_transactions=[],
        charge=charge_id, currency=charge["currency"], enhanced_eligibility_types=[], reason="fraudulent",
        status=status,
        evidence=blank | {"enhanced_evidence": {}}, is_charge_refundable=status.startswith("warning"),
        evidence_details=due | {"submission_count": 0, "submission_method": "not_submitted"},
        payment_intent=charge["payment_intent"], payment_method_details={"type": "card", "card": None},
    )  # fmt: skip
    charge["disputed"] = True
    if status == "needs_response":
        _taken(world, row)
    world.emit("charge.dispute.created", row)
    return row


def _taken(world: World, row: Row) -> None:
    line = world.post(
        "acct_platform", "adjustment", -row["amount"], row["currency"], row["id"], against="buyers", fee=DISPUTE_FEE,
        category="dispute",
    )  # fmt: skip
    row["balance_transactions"].append(dict(line))
    row["is_charge_refundable"] = False
    world.emit("charge.dispute.funds_withdrawn", row)


def decided(world: World, dispute_id: str, status: str, back: int | None = None) -> None:
    """Plays the bank: won (the amount comes back, or less of it, the fee does not), lost, or a warning that closes."""
    row = world.find("dispute", dispute_id)
    row["status"] = status
    if status == "needs_response":
        _taken(world, row)
        world.emit("charge.dispute.updated", row)
        return
    if status == "won":
        reinstated(world, row["id"], row["amount"] if back is None else back)
    world.emit("charge.dispute.closed", row)


def reinstated(world: World, dispute_id: str, amount: int) -> None:
    """Plays Stripe, which gives back what a bank had taken; nothing where the amount is nothing."""
    row = world.find("dispute", dispute_id)
    if not amount:
        return
    line = world.post(
        "acct_platform", "adjustment", amount, row["currency"], row["id"], against="buyers",
        category="dispute_reversal",
    )  # fmt: skip
    row["balance_transactions"].append(dict(line))
    world.emit("charge.dispute.funds_reinstated", row)


@route("POST", "disputes/{}", "DisputeUpdateParams", stripe.Dispute, "evidence submit metadata")
def answer(world: World, call: Call) -> Row:
    """Takes evidence; once submitted it is final, and Stripe's test words decide at once how it ends."""
    row = world.find("dispute", call.ids[0])
    if row["status"] not in ("needs_response", "warning_needs_response"):
        raise Refused("This dispute is already closed", "dispute_closed" if row["status"] not in OPEN else None)
    given: dict[str, Any] = call.params.get("evidence") or {}
    for name in FILES & {name for name, value in given.items() if value}:
        must_be_file(world, given[name], name)
    row["evidence"] |= {name: value or None for name, value in given.items()}
    row["evidence_details"]["has_evidence"] |= bool(given)
    row["metadata"] = row["metadata"] | (call.params.get("metadata") or {})
    if not call.params.get("submit", True):
        world.emit("charge.dispute.updated", row)
        return row
    row["evidence_details"]["submission_count"] += 1
    row["evidence_details"]["submission_method"] = "manual"
    row["status"] = "warning_under_review" if row["status"].startswith("warning") else "under_review"
    world.emit("charge.dispute.updated", row)
    if (word := row["evidence"]["uncategorized_text"]) in DECIDED:
        ends = DECIDED[word]
        decided(world, row["id"], "warning_closed" if row["status"].startswith("warning") and ends == "won" else ends)
    return row


@route("POST", "disputes/{}/close", "DisputeCloseParams", stripe.Dispute)
def give_up(world: World, call: Call) -> Row:
    """Accepts a dispute as lost."""
    row = world.find("dispute", call.ids[0])
    if row["status"] not in OPEN:
        raise Refused("This dispute is already closed")
    decided(world, row["id"], "lost")
    return row


retrieved("disputes", "DisputeRetrieveParams", stripe.Dispute)
listed("disputes", "DisputeListParams", stripe.Dispute, "charge payment_intent")
