"""What the provider did of itself: its fees, and what nobody understands yet; each kind moves its own accounts."""

from django.db import migrations, models

from marketplace.database.guards import listing_more

# What is understood goes where it belongs, either way.
_WHERE = [
    "bank",
    "bad_debt",
    "dispute_fee",
    "dispute_loss",
    "fx_gain",
    "fx_loss",
    "platform_fee",
    "psp_fee",
    "rounding",
]
_MOVED = {
    "collected": ["psp_balance", "psp_clearing"],
    "provider_fee": ["psp_balance", "psp_fee"],
    "suspended": ["psp_balance", "suspense"],
    "suspense_cleared": ["suspense", *_WHERE],
}
_ADDED = [f"{kind} {side}{account}" for kind, accounts in _MOVED.items() for account in accounts for side in "+-"]
MOVES = listing_more("payouts_moves", _ADDED)


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0021_vault_again"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="transaction",
            name="payouts_transaction_kind_known",
        ),
        migrations.AlterField(
            model_name="transaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sale", "sale"),
                    ("subscription_paid", "paid for periods to come"),
                    ("psp_settled", "settled by the payment provider"),
                    ("bank_transfer", "moved between provider and bank"),
                    ("royalty_run", "royalties allocated"),
                    ("hold_release", "hold period over"),
                    ("reserve_release", "reserve released"),
                    ("refund", "refunded"),
                    ("refund_failed", "refund failed"),
                    ("dispute_opened", "dispute opened"),
                    ("dispute_won", "dispute won"),
                    ("dispute_lost", "dispute lost"),
                    ("dispute_fee", "fee for a dispute"),
                    ("takedown", "taken back after a claim"),
                    ("takedown_lifted", "takedown lifted"),
                    ("claim_held", "held for a claim"),
                    ("claim_released", "given back after a claim"),
                    ("payout_reserve", "payout reserved"),
                    ("payout_sent", "payout sent"),
                    ("payout_failed", "payout failed"),
                    ("payout_returned", "payout returned"),
                    ("transfer_reversed", "transfer taken back"),
                    ("write_off", "debt given up"),
                    ("exchange", "exchanged"),
                    ("credit_given", "credit given to a buyer"),
                    ("chain_claim_published", "published for claims on a chain"),
                    ("chain_claimed", "claimed on a chain"),
                    ("chain_sale", "sold and paid on a chain"),
                    ("chain_paid", "paid to a split on a chain"),
                    ("collected", "in our balance with the payment provider"),
                    ("provider_fee", "fee of the payment provider"),
                    ("suspended", "moved by the provider, not understood yet"),
                    ("suspense_cleared", "understood"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "sale",
                            "subscription_paid",
                            "psp_settled",
                            "bank_transfer",
                            "royalty_run",
                            "hold_release",
                            "reserve_release",
                            "refund",
                            "refund_failed",
                            "dispute_opened",
                            "dispute_won",
                            "dispute_lost",
                            "dispute_fee",
                            "takedown",
                            "takedown_lifted",
                            "claim_held",
                            "claim_released",
                            "payout_reserve",
                            "payout_sent",
                            "payout_failed",
                            "payout_returned",
                            "transfer_reversed",
                            "write_off",
                            "exchange",
                            "credit_given",
                            "chain_claim_published",
                            "chain_claimed",
                            "chain_sale",
                            "chain_paid",
                            "collected",
                            "provider_fee",
                            "suspended",
                            "suspense_cleared",
                        ],
                    )
                ),
                name="payouts_transaction_kind_known",
            ),
        ),
        migrations.RunSQL(MOVES, migrations.RunSQL.noop),
    ]
