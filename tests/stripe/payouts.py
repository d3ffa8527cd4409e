"""Money that goes out: transfers to connected accounts, their reversals, and payouts to banks that may come back."""

import stripe

from tests.stripe.accounts import NOBODY, has_bank
from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import DAY, PLATFORM, Call, Refused, Row, World, checked

ARRIVES_AFTER = DAY
SHORT = (
    "You have insufficient available funds in your Stripe account. Try adding funds directly to your available balance "
    "by creating Charges using the 4000000000000077 test card."
)


@route("POST", "transfers", "TransferCreateParams", stripe.Transfer,
       "amount currency destination source_transaction transfer_group metadata description")  # fmt: skip
def transfer(world: World, call: Call) -> Row:
    """Moves money to a connected account: from a charge, also before it is available, or from what is available."""
    given = call.params
    amount, currency = given.get("amount", 0), given["currency"]
    checked(amount, currency)
    there = world.find("account", given["destination"], param="destination")
    if (there["capabilities"] or {}).get("transfers") != "active":
        text = "Your destination account needs to have at least one of the following capabilities enabled: transfers, "
        raise Refused(text + "crypto_transfers, legacy_payments", "insufficient_capabilities_for_transfer")
    charge = (
        world.find("charge", given["source_transaction"], param="source_transaction")
        if "source_transaction" in given
        else None
    )
    at = _source(world, charge, amount, currency) if charge else world.now
    if charge is None and world.balance(PLATFORM, currency)[0] < amount:
        raise Refused(SHORT, "balance_insufficient")
    group = given.get("transfer_group")
    if charge and not group:
        group = charge["transfer_group"] or f"group_{charge['id']}"
    row = world.add(
        stripe.Transfer, "tr", amount=amount, amount_reversed=0, currency=currency, destination=there["id"],
        description=given.get("description"), metadata=given.get("metadata", {}), reversed=False, source_type="card",
        source_transaction=charge["id"] if charge else None, transfer_group=group,
        reversals={"object": "list", "data": [], "has_more": False, "url": ""},
    )  # fmt: skip
    if charge:
        charge["transfer_group"] = charge["transfer_group"] or group
        hidden = world.hidden[charge["id"]]
        hidden["transferred"] = hidden.get("transferred", 0) + amount
    row["reversals"]["url"] = f"/v1/transfers/{row['id']}/reversals"
    line = world.post(PLATFORM, "transfer", -amount, currency, row["id"], against=there["id"], available_on=at)
    payment = _payment(world, row, there["id"])
    other = world.post(
        there["id"], "payment", amount, currency, payment["id"], against=PLATFORM, category="charge", available_on=at
    )
    payment["balance_transaction"] = other["id"]
    row.update(balance_transaction=line["id"], destination_payment=payment["id"])
    world.emit("transfer.created", row)
    return row


def _source(world: World, charge: Row, amount: int, currency: str) -> int:
    """Says when a charge's money can be used; raises Refused for more than the charge was."""
    if charge["status"] != "succeeded" or charge["currency"] != currency:
        raise Refused(
            "The source_transaction must be a succeeded charge in the transfer's currency.", param="source_transaction"
        )
    used = world.hidden[charge["id"]].get("transferred", 0)
    if used + amount > charge["amount"]:
        text = f"Transfers using this transaction as a source must not exceed the source amount of {charge['amount']}."
        raise Refused(f"{text} (There is already a transfer using this source, amounting to {used}.)", param="amount")
    return max(world.now, world.rows[charge["balance_transaction"]]["available_on"])


def _payment(world: World, row: Row, account: str) -> Row:
    return world.add(
        stripe.Charge, "py", account, amount=row["amount"], amount_captured=row["amount"], amount_refunded=0,
        billing_details=dict(NOBODY), captured=True, currency=row["currency"], disputed=False, paid=True,
        refunded=False, source_transfer=row["id"], status="succeeded",
    )  # fmt: skip


retrieved("transfers", "TransferRetrieveParams", stripe.Transfer)
listed("transfers", "TransferListParams", stripe.Transfer, "destination transfer_group")
updated("transfers", "TransferUpdateParams", stripe.Transfer, "metadata description", "transfer.updated")


@route(
    "POST",
    "transfers/{}/reversals",
    "TransferReversalCreateParams",
    stripe.TransferReversal,
    "amount metadata description",
)
def reverse(world: World, call: Call) -> Row:
    """Takes a transfer back, in parts if wanted, and only from a connected account that has the money."""
    row = world.find("transfer", call.ids[0])
    left, there, currency = row["amount"] - row["amount_reversed"], row["destination"], row["currency"]
    amount = call.params.get("amount", left)
    if not left:
        raise Refused("There is no amount left to reverse on this transfer.", "transfer_already_reversed")
    if not 0 < amount <= left:
        text = f"Transfer reversal amount ({amount}) is greater than unreversed amount on transfer ({left})"
        raise Refused(text, "amount_too_large", param="amount")
    if world.held[there, currency] < amount:
        text = "The connected account doesn't have sufficient funds in its Stripe balance to reverse this transfer."
        raise Refused(text, "balance_insufficient")
    made = world.add(
        stripe.TransferReversal, "trr", amount=amount, currency=currency, metadata=call.params.get("metadata", {}),
        transfer=row["id"],
    )  # fmt: skip
    at = max(world.now, world.rows[row["balance_transaction"]]["available_on"])
    line = world.post(
        PLATFORM, "transfer_refund", amount, currency, made["id"], against=there, category="transfer_reversal",
        available_on=at,
    )  # fmt: skip
    world.post(
        there, "payment_refund", -amount, currency, row["destination_payment"], against=PLATFORM, category="refund",
        available_on=at,
    )  # fmt: skip
    payment = world.rows[row["destination_payment"]]
    payment["amount_refunded"] += amount
    payment["refunded"] = payment["amount_refunded"] == payment["amount"]
    made["balance_transaction"] = line["id"]
    row["amount_reversed"] += amount
    row["reversed"] = row["amount_reversed"] == row["amount"]
    row["reversals"]["data"].insert(0, made)
    world.emit("transfer.reversed", row)
    return made


@route("GET", "transfers/{}/reversals", "TransferReversalListParams", stripe.TransferReversal, listed=True)
def reversals(world: World, call: Call) -> list[Row]:
    """Lists what was taken back of one transfer."""
    world.find("transfer", call.ids[0])
    return [row for row in world.all("transfer_reversal") if row["transfer"] == call.ids[0]]


@route("GET", "transfers/{}/reversals/{}", "TransferReversalRetrieveParams", stripe.TransferReversal)
def reversal(world: World, call: Call) -> Row:
    """Gives one reversal."""
    return world.find("transfer_reversal", call.ids[1])


# -- payouts to a bank ------------------------------------------------------------------------------------------------


@route("POST", "payouts", "PayoutCreateParams", stripe.Payout,
       "amount currency metadata description statement_descriptor method")  # fmt: skip
def payout(world: World, call: Call) -> Row:
    """Pays out what is available to the account's bank; it is paid a day later, and may fail after that."""
    amount, currency = call.params["amount"], call.params["currency"]
    if call.account != PLATFORM and not world.rows[call.account]["payouts_enabled"]:
        raise Refused("Payouts are not enabled for this account.", "payouts_not_allowed")
    checked(amount, currency, paid_out=True)
    if call.account != PLATFORM and not has_bank(world, call.account, currency):
        raise Refused(f"Sorry, you don't have any external accounts in that currency ({currency}).", param="currency")
    if world.balance(call.account, currency)[0] < amount:
        raise Refused("You have insufficient funds in your Stripe account for this payout.", "balance_insufficient")
    row = world.add(
        stripe.Payout, "po", call.account, amount=amount, arrival_date=world.now + ARRIVES_AFTER, automatic=False,
        currency=currency, description=call.params.get("description"), metadata=call.params.get("metadata", {}),
        method=call.params.get("method", "standard"), reconciliation_status="not_applicable", source_type="card",
        statement_descriptor=call.params.get("statement_descriptor"), status="pending", type="bank_account",
        destination="ba_fake",
    )  # fmt: skip
    line = world.post(call.account, "payout", -amount, currency, row["id"], against="banks")
    row["balance_transaction"] = line["id"]
    world.emit("payout.created", row)
    world.later(ARRIVES_AFTER, lambda: _arrives(world, row))
    return row


def _arrives(world: World, row: Row) -> None:
    if row["status"] in ("pending", "in_transit"):
        row["status"] = "paid"
        world.emit("payout.paid", row)


def payout_failed(world: World, payout_id: str, code: str = "account_closed") -> None:
    """Plays a bank that sends a payout back, also one that was said to be paid."""
    row = world.rows[payout_id]
    line = world.post(
        world.owners[payout_id], "payout_failure", row["amount"], row["currency"], payout_id, against="banks",
        category="payout_reversal",
    )  # fmt: skip
    row.update(status="failed", failure_code=code, failure_balance_transaction=line["id"])
    row["failure_message"] = "The bank account has been closed."
    world.emit("payout.failed", row)


@route("POST", "payouts/{}/cancel", "PayoutCancelParams", stripe.Payout)
def cancel_payout(world: World, call: Call) -> Row:
    """Takes back a payout that is not on its way yet."""
    row = world.find("payout", call.ids[0], call.account)
    if row["status"] != "pending":
        raise Refused("Payouts can only be canceled while they are pending.", "payouts_not_allowed")
    world.post(
        call.account, "payout_cancel", row["amount"], row["currency"], row["id"], against="banks",
        category="payout_reversal",
    )  # fmt: skip
    row["status"] = "canceled"
    world.emit("payout.canceled", row)
    return row


retrieved("payouts", "PayoutRetrieveParams", stripe.Payout)
listed("payouts", "PayoutListParams", stripe.Payout, "status destination")
