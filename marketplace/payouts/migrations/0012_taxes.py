import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payouts", "0011_rights"), ("people", "0003_legal_entities")]
    operations = [
        migrations.CreateModel(
            name="TaxDetails",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("individual", "individual"), ("entity", "entity")], max_length=10),
                ),
                ("country", models.CharField(max_length=2)),
                ("sealed", models.BinaryField()),
                ("told_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_tax_details",
                "indexes": [models.Index(fields=["creator", "-id"], name="payouts_tax_details_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["individual", "entity"])), name="payouts_tax_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="payouts_tax_country_is_a_code"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER payouts_tax_details_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_tax_details
                FOR EACH STATEMENT EXECUTE FUNCTION
                payouts_refuse('payouts_tax_details_append_only', 'facts are added, never changed');
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
