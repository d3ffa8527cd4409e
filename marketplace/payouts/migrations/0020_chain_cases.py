"""What an operator says of what the chain said and the books could not follow: a fact, once a case."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0019_chain_claims"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainCaseEnd",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("note", models.CharField(max_length=400)),
                ("by", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "claim",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="end",
                        to="payouts.chainclaimed",
                    ),
                ),
                (
                    "posted",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.transaction",
                    ),
                ),
                (
                    "root",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="end",
                        to="payouts.rootseen",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_chain_case_end",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(("claim__isnull", False), ("root", None)),
                                models.Q(("claim", None), ("posted", None), ("root__isnull", False)),
                                _connector="OR",
                            ),
                            models.Q(("note", ""), _negated=True),
                            models.Q(("by", ""), _negated=True),
                        ),
                        name="payouts_chain_case_end_says_what",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER payouts_chain_case_end_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON payouts_chain_case_end FOR EACH STATEMENT EXECUTE FUNCTION"
            " payouts_refuse('payouts_chain_case_end_append_only', 'facts are added, never changed')",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
