"""Offers sold on a chain, their closings, and what buyers there commit to: facts, of which a name may be erased."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_ONLY_ADDED = """
CREATE TRIGGER licensing_chainoffer_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing_chainoffer
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();
CREATE TRIGGER licensing_chainofferclosing_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE
    ON licensing_chainofferclosing FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();
CREATE TRIGGER licensing_licenseecommitment_is_only_added BEFORE DELETE OR TRUNCATE ON licensing_licenseecommitment
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();
"""

# A name and its salt are erased together and for good; nothing else of a row changes.
_ERASURE = """
CREATE FUNCTION licensing_check_commitment_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE erased text[] := ARRAY['licensee_name', 'licensee_salt'];
BEGIN
    IF NEW.licensee_name <> '' OR NEW.licensee_salt <> '' OR to_jsonb(OLD) - erased <> to_jsonb(NEW) - erased THEN
        RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_licenseecommitment_is_only_erased BEFORE UPDATE ON licensing_licenseecommitment
    FOR EACH ROW EXECUTE FUNCTION licensing_check_commitment_erased();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0011_months"),
        ("people", "0006_what_keys_are_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainOffer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("chain_id", models.BigIntegerField()),
                ("market", models.CharField(max_length=42)),
                ("licensor", models.CharField(max_length=42)),
                ("split_digest", models.CharField(max_length=64)),
                ("token", models.CharField(max_length=42)),
                ("symbol", models.CharField(max_length=20)),
                ("price_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("price_units", models.DecimalField(decimal_places=0, max_digits=40)),
                ("fee_bps", models.PositiveIntegerField()),
                ("supply", models.BigIntegerField()),
                ("not_before", models.DateTimeField()),
                ("deadline", models.DateTimeField()),
                ("nonce", models.BigIntegerField()),
                ("licensor_signature", models.CharField(max_length=132)),
                ("market_signature", models.CharField(max_length=132)),
                ("signed_at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="chain_offers", to="licensing.offer"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="LicenseeCommitment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("commitment", models.CharField(max_length=64, unique=True)),
                ("licensee_name", models.CharField(blank=True, max_length=120)),
                ("licensee_salt", models.CharField(blank=True, max_length=64)),
                ("committed_at", models.DateTimeField()),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.offer"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "studio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.studio"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ChainOfferClosing",
            fields=[
                (
                    "chain_offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="closing",
                        serialize=False,
                        to="licensing.chainoffer",
                    ),
                ),
                ("reason", models.CharField(max_length=12)),
                ("closed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reason__in",
                                [
                                    "withdrawn",
                                    "price",
                                    "taken-down",
                                    "exclusive",
                                    "transferred",
                                    "asked",
                                    "fee",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="licensing_chain_offer_closes_for_a_reason",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="chainoffer",
            index=models.Index(fields=["offer", "-id"], name="licensing_chain_offers"),
        ),
        migrations.AddConstraint(
            model_name="chainoffer",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "market", "licensor", "nonce"), name="licensing_chain_nonce_is_used_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainoffer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee_bps__lte", 10000),
                    ("nonce__gte", 0),
                    ("price_minor__gt", 0),
                    ("price_units__gt", 0),
                    ("supply__gte", 0),
                    ("supply__lt", 4294967296),
                ),
                name="licensing_chain_offer_is_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainoffer",
            constraint=models.CheckConstraint(
                condition=models.Q(("deadline__gt", models.F("not_before"))), name="licensing_chain_offer_has_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainoffer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("licensor_signature__regex", "^0x[0-9a-f]{130}$"), ("market_signature__regex", "^0x[0-9a-f]{130}$")
                ),
                name="licensing_chain_offer_is_signed_twice",
            ),
        ),
        migrations.AddIndex(
            model_name="licenseecommitment",
            index=models.Index(fields=["offer", "studio", "-id"], name="licensing_commitments"),
        ),
        migrations.AddConstraint(
            model_name="licenseecommitment",
            constraint=models.CheckConstraint(
                condition=models.Q(("commitment__regex", "^[0-9a-f]{64}$")), name="licensing_commitment_is_a_digest"
            ),
        ),
        migrations.AddConstraint(
            model_name="licenseecommitment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("licensee_name", ""), ("licensee_salt", "")),
                    models.Q(
                        models.Q(("licensee_name", ""), _negated=True), models.Q(("licensee_salt", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="licensing_commitment_is_kept_or_erased",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (_ONLY_ADDED, _ERASURE)),
    ]
