"""A refund of more than remains of a sale: what is beyond that is the house's loss, and comes back when it fails."""

from django.db import migrations, models
from django.db.models import F, Q

from marketplace.database.guards import listing_more, said_anew

MOVES = listing_more(
    "payouts_moves",
    [
        "refund +dispute_loss",
        "refund_failed -dispute_loss",
        "ahead_refund +dispute_loss",
        "ahead_refund_failed -dispute_loss",
    ],
)
_REVERSED, _AHEAD = "payouts_check_reversed(uuid, text)", "payouts_check_ahead()"
SAID = [
    said_anew(
        _REVERSED,
        "('platform_fee', CASE begun.kind WHEN 'refund' THEN fee_minor END),",
        "('platform_fee', CASE begun.kind WHEN 'refund' THEN fee_minor END),\n"
        "            ('dispute_loss', CASE begun.kind WHEN 'refund' THEN loss_minor END),",
    ),
    said_anew(
        _REVERSED,
        "('dispute_loss', CASE outcome WHEN 'lost' THEN loss_minor END),",
        "('dispute_loss', CASE outcome WHEN 'lost' THEN loss_minor WHEN 'failed' THEN -loss_minor END),",
    ),
    said_anew(
        _AHEAD,
        "('ahead_refund', 'psp_clearing', -r.tax_minor - r.deferred_minor, ''),",
        "('ahead_refund', 'psp_clearing', -r.tax_minor - r.deferred_minor - r.loss_minor, ''),\n"
        "           ('ahead_refund', 'dispute_loss', r.loss_minor, ''),",
    ),
    said_anew(
        _AHEAD,
        "('ahead_refund_failed', 'psp_clearing', r.tax_minor + r.deferred_minor, ''),",
        "('ahead_refund_failed', 'psp_clearing', r.tax_minor + r.deferred_minor + r.loss_minor, ''),\n"
        "           ('ahead_refund_failed', 'dispute_loss', -r.loss_minor, ''),",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("payouts", "0030_currencies_of_accounts")]
    operations = [
        migrations.RemoveConstraint(model_name="reversal", name="payouts_reversal_loss_by_dispute"),
        migrations.AddConstraint(
            model_name="reversal",
            constraint=models.CheckConstraint(
                condition=~Q(kind="takedown") | Q(loss_minor=0), name="payouts_reversal_loss_not_by_takedown"
            ),
        ),
        migrations.RemoveConstraint(model_name="deferralreversal", name="payouts_deferral_reversal_adds_up"),
        migrations.AddConstraint(
            model_name="deferralreversal",
            constraint=models.CheckConstraint(
                condition=Q(
                    amount_minor__gt=0, tax_minor__gte=0, deferred_minor__gte=0, sales_minor__gte=0, loss_minor__gte=0
                )
                & Q(amount_minor=F("tax_minor") + F("deferred_minor") + F("sales_minor") + F("loss_minor")),
                name="payouts_deferral_reversal_adds_up",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (MOVES, *SAID)),
    ]
