"""What operators find at former gateways, and invoices that take the place of receipts."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_KEPT = """
CREATE TRIGGER checkout_attemptfound_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_attemptfound
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
CREATE TRIGGER checkout_invoiceasked_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_invoiceasked
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();

CREATE FUNCTION checkout_refuse_invoice_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM checkout_paper
                    WHERE id = NEW.receipt_id AND order_id = NEW.order_id AND kind = 'receipt') THEN
        RAISE EXCEPTION 'an invoice of order % takes the place of another paper than its receipt', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_invoice_replaces_the_receipt',
                  TABLE = TG_TABLE_NAME;
    END IF;
    INSERT INTO checkout_paperdue (source, at, problem) VALUES ('invoice:' || NEW.order_id, NEW.at, '')
        ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$;
CREATE TRIGGER checkout_invoice_replaces_the_receipt BEFORE INSERT ON checkout_invoiceasked
    FOR EACH ROW EXECUTE FUNCTION checkout_refuse_invoice_asked();
"""
_NOT_KEPT = """
DROP TRIGGER checkout_invoice_replaces_the_receipt ON checkout_invoiceasked;
DROP FUNCTION checkout_refuse_invoice_asked();
DROP TRIGGER checkout_invoiceasked_is_only_added ON checkout_invoiceasked;
DROP TRIGGER checkout_attemptfound_is_only_added ON checkout_attemptfound;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0024_won_in_part"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AttemptFound",
            fields=[
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="found",
                        serialize=False,
                        to="checkout.paymentattempt",
                    ),
                ),
                ("found", models.CharField(max_length=10)),
                ("reference", models.CharField(blank=True, max_length=120)),
                ("reason", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("found", "not-taken"), ("reference", "")),
                            models.Q(
                                ("found__in", ["taken", "given-back"]),
                                models.Q(("reference", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="checkout_found_money_has_a_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="checkout_found_for_a_reason"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceAsked",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="invoice_asked",
                        serialize=False,
                        to="checkout.order",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "details",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="checkout.billingdetails"
                    ),
                ),
                (
                    "receipt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_asked",
                        to="checkout.paper",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(_KEPT, _NOT_KEPT),
    ]
