"""Each try to be paid is a row, with what it waits for; disputes have names and amounts of their own."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

_TABLES = (
    "paymentattempt",
    "paymentstep",
    "attemptdeclined",
    "straypayment",
    "strayreturn",
    "dispute",
    "disputepart",
    "disputestep",
    "contradiction",
    "refundstep",
    "sandboxchargeend",
    "sandboxclock",
    "sandboxline",
)

# What there was is the first try of each order; what it came to is that of the order.
_COPY = """
INSERT INTO checkout_paymentattempt (order_id, number, gateway, key, method, intended_at)
     SELECT order_id, 1, gateway, key, method, intended_at FROM checkout_paymentintent;
INSERT INTO checkout_attemptdeclined (attempt_id, reference, reason, at)
     SELECT a.id, o.reference, o.reason, o.at
       FROM checkout_paymentattempt a JOIN checkout_paymentoutcome o USING (order_id) WHERE o.outcome = 'declined';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE checkout_paymentoutcome DISABLE TRIGGER checkout_paymentoutcome_is_only_added;
UPDATE checkout_paymentoutcome o SET attempt_id = a.id FROM checkout_paymentattempt a WHERE a.order_id = o.order_id;
ALTER TABLE checkout_paymentoutcome ENABLE TRIGGER checkout_paymentoutcome_is_only_added;
ALTER TABLE checkout_sandboxcharge DISABLE TRIGGER checkout_sandboxcharge_is_only_added;
UPDATE checkout_sandboxcharge SET state = 'declined' WHERE NOT succeeded;
ALTER TABLE checkout_sandboxcharge ENABLE TRIGGER checkout_sandboxcharge_is_only_added;
SET CONSTRAINTS ALL DEFERRED;
"""

_ATTEMPTS = """
CREATE FUNCTION checkout_check_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > 1 AND NOT EXISTS (
        SELECT 1 FROM checkout_paymentattempt a JOIN checkout_attemptdeclined d ON d.attempt_id = a.id
         WHERE a.order_id = NEW.order_id AND a.number = NEW.number - 1
    ) THEN
        RAISE EXCEPTION 'the try of order % before this one has not ended', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_one_attempt_at_a_time', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER checkout_one_attempt_at_a_time BEFORE INSERT ON checkout_paymentattempt
    FOR EACH ROW EXECUTE FUNCTION checkout_check_attempt();
"""

_PARTS = """
CREATE FUNCTION checkout_check_dispute_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT d.id::text INTO bad FROM checkout_dispute d JOIN checkout_disputepart p ON p.dispute_id = d.id
     WHERE d.id IN (SELECT dispute_id FROM new_rows)
     GROUP BY d.id HAVING sum(p.amount_minor) <> d.amount_minor LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the parts of dispute % do not add up', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_dispute_parts_add_up', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_dispute_parts_add_up AFTER INSERT ON checkout_disputepart
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_check_dispute_parts();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0012_stripe"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("gateway", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=80, unique=True)),
                ("method", models.CharField(max_length=80)),
                ("intended_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="Contradiction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=30)),
                ("reference", models.CharField(max_length=120)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("said", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("gateway", models.CharField(max_length=20)),
                ("reference", models.CharField(max_length=120)),
                ("charge_reference", models.CharField(db_index=True, max_length=120)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("due_by", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["opened_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="DisputePart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount_minor", models.BigIntegerField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="DisputeStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=10)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("due_by", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="PaymentStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=10)),
                ("reference", models.CharField(db_index=True, max_length=120)),
                ("url", models.TextField(blank=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("look_at", models.DateTimeField(db_index=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="RefundStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=10)),
                ("reference", models.CharField(db_index=True, max_length=120)),
                ("look_at", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="SandboxChargeEnd",
            fields=[
                (
                    "charge",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="checkout.sandboxcharge",
                    ),
                ),
                ("succeeded", models.BooleanField()),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SandboxClock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ahead_seconds", models.BigIntegerField()),
                ("moved_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SandboxLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_id", models.CharField(max_length=100, unique=True)),
                ("category", models.CharField(max_length=30)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("source", models.CharField(db_index=True, max_length=100)),
                ("happened_at", models.DateTimeField()),
                ("available_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="refundoutcome",
            name="checkout_refund_outcome_is_known",
        ),
        migrations.AddField(
            model_name="gatewayevent",
            name="amount_minor",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="gatewayevent",
            name="object_reference",
            field=models.CharField(blank=True, default="", max_length=120),
        ),
        migrations.AddField(
            model_name="paymentoutcome",
            name="cause",
            field=models.CharField(blank=True, default="", max_length=10),
        ),
        migrations.AddField(
            model_name="paymentoutcome",
            name="method",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddField(
            model_name="sandboxcharge",
            name="return_url",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="sandboxcharge",
            name="state",
            field=models.CharField(default="succeeded", max_length=10),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="gatewayevent",
            name="charge_reference",
            field=models.CharField(max_length=120),
        ),
        migrations.AlterField(
            model_name="paymentoutcome",
            name="reference",
            field=models.CharField(db_index=True, max_length=120),
        ),
        migrations.AlterField(
            model_name="refundoutcome",
            name="reference",
            field=models.CharField(db_index=True, max_length=120),
        ),
        migrations.AddConstraint(
            model_name="refundoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["succeeded", "refused", "overtaken"])),
                name="checkout_refund_outcome_is_known",
            ),
        ),
        migrations.CreateModel(
            name="AttemptDeclined",
            fields=[
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="declined",
                        serialize=False,
                        to="checkout.paymentattempt",
                    ),
                ),
                ("reference", models.CharField(max_length=120)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="StrayPayment",
            fields=[
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="stray",
                        serialize=False,
                        to="checkout.paymentattempt",
                    ),
                ),
                ("reference", models.CharField(max_length=120, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="attempts", to="checkout.order"
            ),
        ),
        migrations.AddField(
            model_name="paymentoutcome",
            name="attempt",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outcome",
                to="checkout.paymentattempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cause", ""),
                    models.Q(("cause__in", ["cancelled", "expired", "refused"]), ("outcome", "declined")),
                    _connector="OR",
                ),
                name="checkout_order_is_given_up_for_a_cause",
            ),
        ),
        migrations.AddField(
            model_name="contradiction",
            name="order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contradictions",
                to="checkout.order",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="checkout.order"
            ),
        ),
        migrations.AddField(
            model_name="disputepart",
            name="dispute",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="checkout.dispute"
            ),
        ),
        migrations.AddField(
            model_name="disputepart",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="disputed", to="checkout.orderline"
            ),
        ),
        migrations.AddField(
            model_name="disputestep",
            name="dispute",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="checkout.dispute"
            ),
        ),
        migrations.AddField(
            model_name="paymentstep",
            name="attempt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="checkout.paymentattempt"
            ),
        ),
        migrations.AddField(
            model_name="refundstep",
            name="intent",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="checkout.refundintent"
            ),
        ),
        migrations.CreateModel(
            name="StrayReturn",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="returned",
                        serialize=False,
                        to="checkout.straypayment",
                    ),
                ),
                ("outcome", models.CharField(max_length=10)),
                ("reference", models.CharField(db_index=True, max_length=120)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="straypayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="checkout_stray_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentattempt",
            constraint=models.UniqueConstraint(fields=("order", "number"), name="checkout_attempt_is_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="paymentattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="checkout_attempts_count_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="contradiction",
            constraint=models.UniqueConstraint(
                fields=("kind", "reference", "said"), name="checkout_contradiction_is_kept_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(fields=("gateway", "reference"), name="checkout_dispute_is_kept_once"),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="checkout_dispute_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputepart",
            constraint=models.UniqueConstraint(
                fields=("dispute", "line"), name="checkout_dispute_takes_of_a_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputepart",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="checkout_dispute_part_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["opened", "won", "lost"])), name="checkout_dispute_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee_minor__gte", 0)), name="checkout_dispute_fee_is_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.UniqueConstraint(fields=("dispute", "state"), name="checkout_dispute_is_told_once"),
        ),
        migrations.AddConstraint(
            model_name="disputestep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["won", "lost"])),
                fields=("dispute",),
                name="checkout_dispute_ends_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "action"])), name="checkout_step_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "succeeded", "failed"])),
                name="checkout_refund_step_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundstep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending"), _negated=True),
                fields=("intent", "state"),
                name="checkout_refund_arrives_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="strayreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["succeeded", "refused"])), name="checkout_stray_goes_back"
            ),
        ),
        migrations.RunSQL(_COPY, migrations.RunSQL.noop),
        migrations.DeleteModel(name="PaymentIntent"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in _TABLES
        ),
        migrations.RunSQL(
            _ATTEMPTS,
            "DROP TRIGGER checkout_one_attempt_at_a_time ON checkout_paymentattempt;"
            " DROP FUNCTION checkout_check_attempt();",
        ),
        migrations.RunSQL(
            _PARTS,
            "DROP TRIGGER checkout_dispute_parts_add_up ON checkout_disputepart;"
            " DROP FUNCTION checkout_check_dispute_parts();",
        ),
    ]
