import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0004_upload_metadata"),
        ("checkout", "0013_payment_attempts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EvidenceSubmission",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("way", models.CharField(max_length=8)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("intended_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["dispute", "number"],
            },
        ),
        migrations.CreateModel(
            name="RefundRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveSmallIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("reason", models.CharField(max_length=500)),
                ("asked_at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refund_requests",
                        to="checkout.orderline",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EvidenceBundle",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("size_bytes", models.BigIntegerField()),
                ("is_proven", models.BooleanField()),
                ("made_at", models.DateTimeField()),
                (
                    "blob",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="assets.blob"),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bundles", to="checkout.dispute"
                    ),
                ),
            ],
            options={
                "ordering": ["dispute", "number"],
            },
        ),
        migrations.CreateModel(
            name="EvidenceSubmissionOutcome",
            fields=[
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="outcome",
                        serialize=False,
                        to="checkout.evidencesubmission",
                    ),
                ),
                ("outcome", models.CharField(max_length=8)),
                ("reference", models.CharField(blank=True, max_length=120)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="evidencesubmission",
            name="bundle",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="submissions", to="checkout.evidencebundle"
            ),
        ),
        migrations.AddField(
            model_name="evidencesubmission",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="evidencesubmission",
            name="dispute",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="submissions", to="checkout.dispute"
            ),
        ),
        migrations.CreateModel(
            name="RefundAnswer",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="answer",
                        serialize=False,
                        to="checkout.refundrequest",
                    ),
                ),
                ("answer", models.CharField(max_length=10)),
                ("words", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RefundMended",
            fields=[
                (
                    "refund",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="mended",
                        serialize=False,
                        to="checkout.refundintent",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "again",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="again_of",
                        to="checkout.refundintent",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DisputeLetter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=8)),
                ("at", models.DateTimeField()),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="letters", to="checkout.dispute"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("dispute", "kind"), name="checkout_dispute_letter_is_sent_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["opened", "due", "ended"])), name="checkout_dispute_letter"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="evidencebundle",
            constraint=models.UniqueConstraint(fields=("dispute", "number"), name="checkout_bundles_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="evidencebundle",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("size_bytes__gt", 0)), name="checkout_bundle_is_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidencesubmissionoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["accepted", "refused"])), name="checkout_evidence_is_taken"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidencesubmission",
            constraint=models.UniqueConstraint(fields=("dispute", "number"), name="checkout_submissions_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="evidencesubmission",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("note", ""), ("way", "gateway")),
                    models.Q(("way", "hand"), models.Q(("note", ""), _negated=True)),
                    _connector="OR",
                ),
                name="checkout_submission_by_hand_says_how",
            ),
        ),
        migrations.AddField(
            model_name="refundanswer",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="refundanswer",
            name="refund",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="asked_by",
                to="checkout.refundintent",
            ),
        ),
        migrations.AddIndex(
            model_name="refundrequest",
            index=models.Index(fields=["-asked_at", "-id"], name="checkout_requests_by_time"),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(fields=("line", "number"), name="checkout_requests_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="checkout_request_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="checkout_request_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundmended",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("again__isnull", False), ("note", "")),
                    models.Q(("again", None), models.Q(("note", ""), _negated=True)),
                    _connector="OR",
                ),
                name="checkout_refund_is_mended_one_way",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", "granted"), ("refund__isnull", False)),
                    models.Q(("answer", "refused"), ("refund", None), models.Q(("words", ""), _negated=True)),
                    models.Q(("answer", "withdrawn"), ("refund", None), ("words", "")),
                    _connector="OR",
                ),
                name="checkout_request_is_answered_whole",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in (
                "evidencebundle",
                "evidencesubmission",
                "evidencesubmissionoutcome",
                "disputeletter",
                "refundrequest",
                "refundanswer",
                "refundmended",
            )
        ),
    ]
