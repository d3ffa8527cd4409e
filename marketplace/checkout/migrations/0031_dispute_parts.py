"""Further parts of what a bank took come back, each with its paper."""

from django.db import migrations, models

_BOTH = """
CREATE OR REPLACE FUNCTION checkout_paper_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about text;
BEGIN
    IF TG_TABLE_NAME = 'checkout_paymentoutcome' THEN about := 'order:' || NEW.order_id;
    ELSIF TG_TABLE_NAME = 'checkout_refundoutcome' THEN about := 'refund:' || NEW.intent_id;
    ELSIF TG_TABLE_NAME = 'checkout_refundstep' THEN about := 'refund-failed:' || NEW.intent_id;
    {returned}ELSE about := 'dispute:' || NEW.dispute_id;
    END IF;
    INSERT INTO checkout_paperdue (source, at, problem) VALUES (about, NEW.at, '') ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
DROP TRIGGER checkout_lost_disputes_have_papers ON checkout_disputestep;
CREATE TRIGGER checkout_lost_disputes_have_papers AFTER INSERT ON checkout_disputestep
    FOR EACH ROW WHEN (NEW.state IN ({states})) EXECUTE FUNCTION checkout_paper_is_due();
"""
_RETURNED = """ELSIF NEW.state = 'returned' THEN about := 'dispute-back:' || NEW.id;
    """
_DUE = _BOTH.format(returned=_RETURNED, states="'lost', 'won', 'returned'")
_BEFORE = _BOTH.format(returned="", states="'lost', 'won'")


class Migration(migrations.Migration):
    dependencies = [("checkout", "0030_returns_found")]

    operations = [
        migrations.AddField(
            model_name="disputestep",
            name="reference",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.RemoveConstraint(model_name="disputestep", name="checkout_dispute_is_known"),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["opened", "won", "lost", "returned"])),
                name="checkout_dispute_is_known",
            ),
        ),
        migrations.RemoveConstraint(model_name="disputestep", name="checkout_dispute_is_told_once"),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "returned"), _negated=True),
                fields=("dispute", "state"),
                name="checkout_dispute_is_told_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "returned"), _negated=True),
                    models.Q(("amount_minor__gt", 0), models.Q(("reference", ""), _negated=True)),
                    _connector="OR",
                ),
                name="checkout_further_part_has_its_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reference", ""), _negated=True),
                fields=("dispute", "reference"),
                name="checkout_part_of_dispute_comes_back_once",
            ),
        ),
        migrations.RunSQL(_DUE, _BEFORE),
    ]
